//! CHGNet for the registry.

use super::potential::{Chgnet, R2SCAN};
use crate::energies::Energies;
use crate::entry::{Entry, LoadCause, Selection};
use crate::options::{self, OptionError};
use crate::released::{CHGNET, CHGNET_NAMES, on_this_machine};
use mlip_atoms::Potential;
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;

/// CHGNet has no options.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Options {}

/// For the registry.
pub(crate) static ENTRIES: &[Entry] = &[
    Entry {
        name: "chgnet",
        aliases: &[],
        options: &[],
        about: "CHGNet 0.3.0: energy, forces, stress, magnetic moments; H to Pu, PBE(+U) of the Materials Project",
        built_in: Some("chgnet-0.3.0"),
        files: "upstream's `.pth.tar` of 0.3.0 or 0.2.0 (in the PyPI package `chgnet`, chgnet/pretrained), the name of a published \
                one, which `mlip-batch models get` fetches, or safetensors with `model_args`",
        endings: &[".pth.tar", ".safetensors"],
        any_file: Some("chgnet"),
        published: &CHGNET_NAMES,
        licence: "BSD-3-Clause-LBNL",
        energies: trained_on,
        check,
        load,
    },
    Entry {
        name: R2SCAN,
        aliases: &[],
        options: &[],
        about: "CHGNet with r2SCAN weights: energy, forces, stress, magnetic moments; H to Pu, r2SCAN of the Materials Project",
        built_in: Some("chgnet-r2scan"),
        files: "none: other weights are files of chgnet",
        endings: &[],
        any_file: None,
        published: &[],
        licence: "BSD-3-Clause-LBNL",
        energies: |_| Some(Energies::MaterialsProjectR2scan),
        check,
        load: load_r2scan,
    },
];

/// The weights are what the name says.
#[derive(Debug, Error)]
#[error("it stands for the r2SCAN weights in the program and takes no file: --model chgnet={} reads this one", .0.display())]
struct TakesNoFile(PathBuf);

/// The published files of 0.2.0 and 0.3.0 say by their names what they are; others may be of anything.
fn trained_on(selection: &Selection) -> Option<Energies> {
    let name = selection.file.as_ref().map(|file| file.file_name().and_then(|name| name.to_str()).unwrap_or_default());
    let is_published = name.is_none_or(|name| {
        name == "chgnet-0.2.0" || name.starts_with("chgnet_0.2.0_") || name.starts_with("chgnet_0.3.0_")
    });
    is_published.then_some(Energies::MaterialsProjectCorrected)
}

fn check(selection: &Selection) -> Result<(), OptionError> {
    options::parse::<Options>(&selection.name, &selection.options).map(|Options {}| ())
}

fn load(selection: &Selection) -> Result<Arc<dyn Potential>, LoadCause> {
    check(selection)?;
    let Selection { precision, engine, .. } = *selection;
    Ok(Arc::new(match &selection.file {
        Some(file) => {
            let release = file.file_name().and_then(|name| CHGNET.iter().find(|release| release.name == name));
            match release.filter(|_| !file.exists()) {
                // A name may have become a path: job files and `resume` know files only.
                Some(release) => Chgnet::from_file(&on_this_machine(release)?, precision, engine)?,
                None => Chgnet::from_file(file, precision, engine)?,
            }
        }
        None => Chgnet::built_in(precision, engine)?,
    }))
}

fn load_r2scan(selection: &Selection) -> Result<Arc<dyn Potential>, LoadCause> {
    check(selection)?;
    match &selection.file {
        Some(file) => Err(TakesNoFile(file.clone()).into()),
        None => Ok(Arc::new(Chgnet::built_in_r2scan(selection.precision, selection.engine)?)),
    }
}

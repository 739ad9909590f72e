//! CHGNet for the registry.

use super::potential::{Chgnet, R2SCAN};
use crate::energies::Energies;
use crate::entry::{Entry, LoadCause, Selection};
use crate::options::{self, OptionError};
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
        files: "upstream's `.pth.tar` (in the PyPI package `chgnet`, chgnet/pretrained/0.3.0), or safetensors with `model_args`",
        endings: &[".pth.tar", ".safetensors"],
        any_file: Some("chgnet"),
        published: &[],
        licence: "BSD-3-Clause-LBNL",
        // Other weights may be of anything.
        energies: |selection| selection.file.is_none().then_some(Energies::MaterialsProjectCorrected),
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

fn check(selection: &Selection) -> Result<(), OptionError> {
    options::parse::<Options>(&selection.name, &selection.options).map(|Options {}| ())
}

fn load(selection: &Selection) -> Result<Arc<dyn Potential>, LoadCause> {
    check(selection)?;
    let Selection { precision, engine, .. } = *selection;
    Ok(Arc::new(match &selection.file {
        Some(file) => Chgnet::from_file(file, precision, engine)?,
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

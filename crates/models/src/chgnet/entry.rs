//! CHGNet for the registry.

#[cfg(feature = "cuda")]
use super::cuda::CudaChgnet;
use super::file::R2SCAN;
use super::potential::Chgnet;
use crate::device::{self, Place};
use crate::energies::Energies;
use crate::entry::{Entry, LoadCause, Selection};
use crate::options::{self, OptionError, OptionInfo};
use crate::released::{CHGNET, CHGNET_NAMES, on_this_machine};
use mlip_atoms::Potential;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// Options of CHGNet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Where it is computed.
    pub device: Option<String>,
}

/// Their descriptions, for users.
static OPTIONS: &[OptionInfo] = &[device::DEVICE];

/// For the registry.
pub(crate) static ENTRIES: &[Entry] = &[
    Entry {
        name: "chgnet",
        aliases: &[],
        options: OPTIONS,
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
        options: OPTIONS,
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

fn place(selection: &Selection) -> Result<Place, OptionError> {
    let options = options::parse::<Options>(&selection.name, &selection.options)?;
    Place::of(selection, options.device.as_deref())
}

fn check(selection: &Selection) -> Result<(), OptionError> {
    place(selection).map(|_| ())
}

/// The file, or where the published one of this name lies.
fn here(file: &Path) -> Result<PathBuf, LoadCause> {
    let release = file.file_name().and_then(|name| CHGNET.iter().find(|release| release.name == name));
    match release.filter(|_| !file.exists()) {
        // A name may have become a path: job files and `resume` know files only.
        Some(release) => Ok(on_this_machine(release)?),
        None => Ok(file.to_path_buf()),
    }
}

fn load(selection: &Selection) -> Result<Arc<dyn Potential>, LoadCause> {
    let Selection { precision, engine, .. } = *selection;
    match (place(selection)?, &selection.file) {
        (Place::Cores, Some(file)) => Ok(Arc::new(Chgnet::from_file(&here(file)?, precision, engine)?)),
        (Place::Cores, None) => Ok(Arc::new(Chgnet::built_in(precision, engine)?)),
        #[cfg(feature = "cuda")]
        (Place::Cuda { ordinal }, Some(file)) => Ok(Arc::new(CudaChgnet::from_file(&here(file)?, ordinal)?)),
        #[cfg(feature = "cuda")]
        (Place::Cuda { ordinal }, None) => Ok(Arc::new(CudaChgnet::built_in(ordinal)?)),
        #[cfg(not(feature = "cuda"))]
        (Place::Cuda { .. }, _) => Err("this program was built without CUDA".into()),
    }
}

fn load_r2scan(selection: &Selection) -> Result<Arc<dyn Potential>, LoadCause> {
    let place = place(selection)?;
    if let Some(file) = &selection.file {
        return Err(TakesNoFile(file.clone()).into());
    }
    match place {
        Place::Cores => Ok(Arc::new(Chgnet::built_in_r2scan(selection.precision, selection.engine)?)),
        #[cfg(feature = "cuda")]
        Place::Cuda { ordinal } => Ok(Arc::new(CudaChgnet::built_in_r2scan(ordinal)?)),
        #[cfg(not(feature = "cuda"))]
        Place::Cuda { .. } => Err("this program was built without CUDA".into()),
    }
}

//! CHGNet for the registry.

#[cfg(feature = "cuda")]
use super::cuda::CudaChgnet;
use super::file::R2SCAN;
use super::potential::Chgnet;
use crate::device::{self, Place};
use crate::energies::Energies;
use crate::entry::{Entry, LoadCause, PLAIN, Selection};
use crate::options::{self, OptionError, OptionInfo};
use crate::released::{CHGNET_NAMES, NotHere, file_or_published, published_as};
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
        precisions: PLAIN,
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
        precisions: PLAIN,
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

/// Files of the PyPI package `chgnet` 0.4.2 say by their names what they are; others may be of anything.
fn trained_on(selection: &Selection) -> Option<Energies> {
    let Some(file) = &selection.file else { return Some(Energies::MaterialsProjectCorrected) };
    if published_as("chgnet", file).is_some() {
        return Some(Energies::MaterialsProjectCorrected);
    }
    match file.file_name()?.to_str()? {
        "chgnet_0.2.0_e30f77s348m32.pth.tar" | "chgnet_0.3.0_e29f68s314m37.pth.tar" => {
            Some(Energies::MaterialsProjectCorrected)
        }
        "chgnet_r2scan_transfer_learning_e15f36s161m23.pth.tar" => Some(Energies::MaterialsProjectR2scan),
        _ => None,
    }
}

fn place(selection: &Selection) -> Result<Place, OptionError> {
    let options = options::parse::<Options>(&selection.name, &selection.options)?;
    Place::of(selection, options.device.as_deref())
}

fn check(selection: &Selection) -> Result<(), OptionError> {
    place(selection).map(|_| ())
}

/// The file, or where the published one of this name lies.
fn here(file: &Path) -> Result<PathBuf, NotHere> {
    file_or_published("chgnet", file)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_published_files_say_what_was_trained_on_and_no_others() {
        let of = |file: &str| trained_on(&Selection::named("chgnet").with_file(file));
        assert_eq!(trained_on(&Selection::named("chgnet")), Some(Energies::MaterialsProjectCorrected));
        for file in ["chgnet-0.2.0", "/w/chgnet_0.2.0_e30f77s348m32.pth.tar", "chgnet_0.3.0_e29f68s314m37.pth.tar"] {
            assert_eq!(of(file), Some(Energies::MaterialsProjectCorrected), "{file}");
        }
        assert_eq!(of("chgnet_r2scan_transfer_learning_e15f36s161m23.pth.tar"), Some(Energies::MaterialsProjectR2scan));
        for file in
            ["chgnet_0.3.0_finetuned_r2scan.pth.tar", "chgnet_0.2.0_mine.safetensors", "/scratch/me/chgnet-0.2.0"]
        {
            assert_eq!(of(file), None, "{file}");
        }
    }

    #[test]
    fn a_path_that_is_missing_is_no_published_name() {
        assert_eq!(here(Path::new("/nowhere/chgnet-0.2.0")).unwrap(), Path::new("/nowhere/chgnet-0.2.0"));
    }
}

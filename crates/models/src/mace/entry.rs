//! MACE for the registry.

#[cfg(feature = "cuda")]
use super::cuda::CudaMace;
use super::options::{OPTIONS, Options};
use super::potential::Mace;
use super::released::trained_on;
use crate::device::Place;
use crate::entry::{Entry, LoadCause, PLAIN, Selection};
use crate::options::{self, OptionError};
use crate::released::{MACE_NAMES, file_or_published};
use mlip_atoms::Potential;
use std::sync::Arc;
use thiserror::Error;

/// For the registry.
pub(crate) static ENTRIES: &[Entry] = &[Entry {
    name: "mace",
    aliases: &[],
    options: OPTIONS,
    about: "MACE foundation models of the MACE-MP family, and any MACE with energies of the same blocks: energy, forces, stress",
    precisions: PLAIN,
    built_in: None,
    files: "upstream's `.model`, or the name of a published model, which `mlip-batch models get` fetches: --model \
            mace=medium-mpa-0",
    endings: &[".model"],
    any_file: Some("mace"),
    published: &MACE_NAMES,
    licence: "that of the file; see below",
    energies: |selection| trained_on(selection.file.as_deref()?),
    check,
    load,
}];

/// No file is named.
#[derive(Debug, Error)]
#[error("it has no built-in weights: name a file (--model {0}=FILE) or one of {names}", names = MACE_NAMES.join(", "))]
struct NoFile(String);

fn check(selection: &Selection) -> Result<(), OptionError> {
    let options = options::parse::<Options>(&selection.name, &selection.options)?;
    Place::of(selection, options.device.as_deref()).map(|_| ())
}

fn load(selection: &Selection) -> Result<Arc<dyn Potential>, LoadCause> {
    let options = options::parse::<Options>(&selection.name, &selection.options)?;
    let file = selection.file.as_deref().ok_or_else(|| NoFile(selection.name.clone()))?;
    let path = file_or_published("mace", file)?;
    let Selection { name, precision, engine, .. } = selection;
    match Place::of(selection, options.device.as_deref())? {
        Place::Cores => Ok(Arc::new(Mace::from_file(&path, name, &options, *precision, *engine)?)),
        #[cfg(feature = "cuda")]
        Place::Cuda { ordinal } => Ok(Arc::new(CudaMace::from_file(&path, name, &options, ordinal)?)),
        #[cfg(not(feature = "cuda"))]
        Place::Cuda { .. } => Err("this program was built without CUDA".into()),
    }
}

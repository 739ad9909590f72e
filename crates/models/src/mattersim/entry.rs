//! MatterSim for the registry.

use super::potential::MatterSim;
use crate::energies::Energies;
use crate::entry::{Entry, LoadCause, PLAIN, Selection};
use crate::options::{self, OptionError};
use crate::released::{MATTERSIM, MATTERSIM_NAMES, file_or_published, published_as};
use mlip_atoms::Potential;
use serde::Deserialize;
use std::sync::Arc;
use thiserror::Error;

/// For the registry.
pub(crate) static ENTRIES: &[Entry] = &[Entry {
    name: "mattersim",
    aliases: &[],
    options: &[],
    about: "MatterSim v1: energy, forces, stress; H to Pu, PBE(+U) with the settings of the Materials Project at up to \
            5000 K and 1000 GPa",
    precisions: PLAIN,
    built_in: None,
    files: "upstream's `.pth`, or the name of a published one, which `mlip-batch models get` fetches: --model \
            mattersim=mattersim-v1.0.0-1m",
    endings: &[".pth"],
    any_file: None,
    published: &MATTERSIM_NAMES,
    licence: "MIT for those that upstream publishes",
    energies: trained_on,
    check,
    load,
}];

/// It has none of its own.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Options {}

/// No file is named.
#[derive(Debug, Error)]
#[error("no file is named; give one (--model mattersim=FILE) or one of {names}", names = MATTERSIM_NAMES.join(", "))]
struct NoFile;

/// Upstream's files say by their names what they are; others may be of anything.
fn trained_on(selection: &Selection) -> Option<Energies> {
    let file = selection.file.as_deref()?;
    let is_one = MATTERSIM.iter().any(|release| file.file_name() == Some(release.file_name().as_ref()));
    (is_one || published_as("mattersim", file).is_some()).then_some(Energies::MaterialsProject)
}

fn check(selection: &Selection) -> Result<(), OptionError> {
    options::parse::<Options>(&selection.name, &selection.options).map(|_| ())
}

fn load(selection: &Selection) -> Result<Arc<dyn Potential>, LoadCause> {
    let file = selection.file.as_deref().ok_or(NoFile)?;
    let path = file_or_published("mattersim", file)?;
    Ok(Arc::new(MatterSim::from_file(&path, &selection.name, selection.precision, selection.engine)?))
}

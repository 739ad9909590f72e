//! eSEN for the registry.

use super::potential::Esen;
use crate::energies::Energies;
use crate::entry::{Entry, LoadCause, PLAIN, Selection};
use crate::options::{self, OptionError};
use crate::released::{ESEN_NAMES, file_or_published, published_as};
use mlip_atoms::Potential;
use serde::Deserialize;
use std::sync::Arc;
use thiserror::Error;

/// For the registry.
pub(crate) static ENTRIES: &[Entry] = &[Entry {
    name: "esen",
    aliases: &[],
    options: &[],
    about: "eSEN: energy, forces, stress; of OMat24, sAlex and MPtrj, in layers of candle alone: --model \
            esen=FILE,engine=candle",
    precisions: PLAIN,
    built_in: None,
    files: "upstream's `.pt`, or the name of a published one, which `mlip-batch models get` fetches with the token of a user \
            who has agreed to its licence: --model esen=esen-30m-oam,engine=candle",
    endings: &[".pt"],
    any_file: None,
    published: &ESEN_NAMES,
    licence: "FAIR's, of the page of OMAT24, for those that upstream publishes",
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
#[error("no file is named; give one (--model esen=FILE,engine=candle) or one of {names}", names = ESEN_NAMES.join(", "))]
struct NoFile;

/// Upstream's files say by their names what they are; others may be of anything.
fn trained_on(selection: &Selection) -> Option<Energies> {
    match published_as("esen", selection.file.as_deref()?)?.name {
        "esen-30m-omat" => Some(Energies::Omat24),
        _ => Some(Energies::MaterialsProject),
    }
}

fn check(selection: &Selection) -> Result<(), OptionError> {
    options::parse::<Options>(&selection.name, &selection.options).map(|_| ())
}

fn load(selection: &Selection) -> Result<Arc<dyn Potential>, LoadCause> {
    let file = selection.file.as_deref().ok_or(NoFile)?;
    let path = file_or_published("esen", file)?;
    Ok(Arc::new(Esen::from_file(&path, &selection.name, selection.precision, selection.engine)?))
}

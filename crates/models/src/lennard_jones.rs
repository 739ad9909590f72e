//! Lennard-Jones for the registry; the potential itself needs no weights and lies in `atoms`.

use crate::entry::{Entry, LoadCause, PLAIN, Selection};
use crate::options::{self, OptionError};
use mlip_atoms::lennard_jones::{LennardJones, LennardJonesParameters};
use mlip_atoms::{EngineKind, Potential};
use serde::Deserialize;
use std::sync::Arc;
use thiserror::Error;

/// It has none.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Options {}

#[derive(Debug, Error)]
enum LoadError {
    #[error("it has no weights and takes no file")]
    Weightless,
    #[error("it is a formula rather than a network, and has one engine, native")]
    Formula,
}

/// For the registry.
pub(crate) static ENTRIES: &[Entry] = &[Entry {
    name: "lennard-jones",
    aliases: &[],
    options: &[],
    about: "Lennard-Jones with argon's parameters for every element, f64; for smoke jobs and tests",
    precisions: PLAIN,
    built_in: Some("epsilon 0.0104 eV, sigma 3.4 A, cutoff 6 A"),
    files: "none",
    endings: &[],
    any_file: None,
    published: &[],
    licence: "none: it has no weights",
    energies: |_| None,
    check,
    load,
}];

fn check(selection: &Selection) -> Result<(), OptionError> {
    options::parse::<Options>(&selection.name, &selection.options).map(|Options {}| ())
}

fn load(selection: &Selection) -> Result<Arc<dyn Potential>, LoadCause> {
    match (&selection.file, selection.engine) {
        (Some(_), _) => Err(LoadError::Weightless.into()),
        (None, EngineKind::Candle) => Err(LoadError::Formula.into()),
        (None, EngineKind::Native) => Ok(Arc::new(LennardJones::new(LennardJonesParameters::default()))),
    }
}

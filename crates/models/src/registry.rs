//! From names to potentials.

use crate::chgnet::{self, Chgnet};
use mlip_atoms::lennard_jones::{LennardJones, LennardJonesParameters};
use mlip_atoms::{Potential, Precision};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// A potential that this program can compute.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its name on the command line and in the CSVs.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// What weights it runs with when no file is named; `None` where a file is needed.
    pub built_in: Option<&'static str>,
    /// Files that it reads, and where upstream publishes them.
    pub files: &'static str,
    /// Licence of the weights.
    pub licence: &'static str,
    load: Load,
}

/// From a file, or with the weights in the program.
type Load = fn(Option<&Path>, Precision) -> Result<Arc<dyn Potential>, Cause>;

/// All of them.
pub static REGISTRY: &[Entry] = &[
    Entry {
        name: "chgnet",
        about: "CHGNet 0.3.0: energy, forces, stress, magnetic moments; H to Pu, PBE(+U) of the Materials Project",
        built_in: Some("chgnet-0.3.0"),
        files: "upstream's `.pth.tar` (in the PyPI package `chgnet`, chgnet/pretrained/0.3.0), or safetensors with `model_args`",
        licence: "BSD-3-Clause-LBNL",
        load: load_chgnet,
    },
    Entry {
        name: "lennard-jones",
        about: "Lennard-Jones with argon's parameters for every element, f64; for smoke jobs and tests",
        built_in: Some("epsilon 0.0104 eV, sigma 3.4 A, cutoff 6 A"),
        files: "none",
        licence: "none: it has no weights",
        load: load_lennard_jones,
    },
];

/// Why a potential cannot be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// No such name.
    #[error("there is no potential `{name}`; known are {}", REGISTRY.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", "))]
    Unknown {
        /// As it was typed.
        name: String,
    },
    /// The checkpoint cannot be used.
    #[error("`{name}` cannot be loaded{}", file.as_ref().map(|file| format!(" from {}", file.display())).unwrap_or_default())]
    Checkpoint {
        /// Of the potential.
        name: String,
        /// The checkpoint, where one was named.
        file: Option<PathBuf>,
        /// Why.
        #[source]
        cause: Box<Cause>,
    },
}

/// What is wrong with a checkpoint.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Cause {
    /// CHGNet's.
    #[error(transparent)]
    Chgnet(#[from] chgnet::LoadError),
    /// A file was given to a potential without weights.
    #[error("it has no weights and takes no file")]
    Weightless,
}

/// The entry of this name.
pub fn find(name: &str) -> Option<&'static Entry> {
    REGISTRY.iter().find(|entry| entry.name == name)
}

/// Loads a potential, from `file` or with the weights in the program.
///
/// # Errors
/// When there is no such potential, or its checkpoint cannot be used.
pub fn load(name: &str, file: Option<&Path>, precision: Precision) -> Result<Arc<dyn Potential>, LoadError> {
    let entry = find(name).ok_or_else(|| LoadError::Unknown { name: name.into() })?;
    (entry.load)(file, precision).map_err(|cause| LoadError::Checkpoint {
        name: name.into(),
        file: file.map(Path::to_path_buf),
        cause: Box::new(cause),
    })
}

fn load_chgnet(file: Option<&Path>, precision: Precision) -> Result<Arc<dyn Potential>, Cause> {
    Ok(Arc::new(match file {
        Some(file) => Chgnet::from_file(file, precision)?,
        None => Chgnet::built_in(precision)?,
    }))
}

fn load_lennard_jones(file: Option<&Path>, _precision: Precision) -> Result<Arc<dyn Potential>, Cause> {
    match file {
        Some(_) => Err(Cause::Weightless),
        None => Ok(Arc::new(LennardJones::new(LennardJonesParameters::default()))),
    }
}

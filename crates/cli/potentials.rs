//! From a name to a potential.

use mlip_atoms::lennard_jones::{LennardJones, LennardJonesParameters};
use mlip_atoms::{Potential, Precision};
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;

/// A potential as the command line names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModelSpec {
    /// Its name.
    pub(crate) name: String,
    /// Its checkpoint.
    pub(crate) file: Option<PathBuf>,
}

/// Why there is no such potential.
#[derive(Debug, Error)]
pub(crate) enum LoadError {
    /// Not in the list of `mlip-batch models`.
    #[error("there is no potential `{0}`")]
    Unknown(String),
}

impl ModelSpec {
    /// From `NAME` or `NAME=FILE`.
    pub(crate) fn parse(text: &str) -> Self {
        match text.split_once('=') {
            Some((name, file)) => Self { name: name.into(), file: Some(file.into()) },
            None => Self { name: text.into(), file: None },
        }
    }
}

/// Loads a potential with its weights.
pub(crate) fn load(spec: &ModelSpec, _precision: Precision) -> Result<Arc<dyn Potential>, LoadError> {
    match spec.name.as_str() {
        "lennard-jones" => Ok(Arc::new(LennardJones::new(LennardJonesParameters::default()))),
        _ => Err(LoadError::Unknown(spec.name.clone())),
    }
}

/// Name, and what it is.
pub(crate) fn known() -> &'static [(&'static str, &'static str)] {
    &[("lennard-jones", "Lennard-Jones with argon's parameters for all elements, f64, no weights; for tests")]
}

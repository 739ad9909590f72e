//! Potentials as the command line names them: `NAME` or `NAME=FILE`.

use std::path::PathBuf;

/// A potential, and the checkpoint it is to be loaded from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModelSpec {
    /// Its name.
    pub(crate) name: String,
    /// Its checkpoint; without one, the weights in the program.
    pub(crate) file: Option<PathBuf>,
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

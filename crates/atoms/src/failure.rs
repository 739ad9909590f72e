//! Why an entry of the input list, or an evaluation, has no result.
//!
//! It stands low so that readers of files can fail without knowing what is computed.

use crate::PredictError;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why there is no result: a row of `failures.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The class.
    pub kind: FailureKind,
    /// Line of the input file, from 1, where known.
    pub line: Option<u32>,
    /// Cause and remedy in one or two sentences.
    pub message: String,
}

/// Classes of failures; the text form stands in `failures.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum FailureKind {
    /// The file is missing or cannot be read.
    Unreadable,
    /// The CIF cannot be used; the reader's class, for example `disordered`.
    Cif(String),
    /// The potential does not cover an element.
    UnsupportedSpecies,
    /// An atom without neighbors, where the potential needs one.
    IsolatedAtom,
    /// Over its time.
    Timeout,
    /// Would not fit into memory.
    TooLarge,
    /// NaN or infinite numbers came out.
    NotFinite,
    /// The evaluation panicked or the tensor library failed: a defect of this program.
    Internal,
    /// The process died on it repeatedly.
    Crashed,
    /// A charge or spin that the potential does not know.
    OutOfRange,
}

impl FailureKind {
    /// Whether `--retry-failed` may bring another result without a change of the input.
    pub fn is_worth_retrying(&self) -> bool {
        matches!(self, Self::Unreadable | Self::Timeout | Self::TooLarge | Self::Internal | Self::Crashed)
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "unreadable",
            Self::Cif(class) => class,
            Self::UnsupportedSpecies => "unsupported_species",
            Self::IsolatedAtom => "isolated_atom",
            Self::Timeout => "timeout",
            Self::TooLarge => "too_large",
            Self::NotFinite => "not_finite",
            Self::Internal => "internal",
            Self::Crashed => "crashed",
            Self::OutOfRange => "out_of_range",
        })
    }
}

impl From<PredictError> for Failure {
    fn from(error: PredictError) -> Self {
        let kind = match &error {
            PredictError::UnsupportedSpecies { .. } => FailureKind::UnsupportedSpecies,
            PredictError::IsolatedAtom { .. } => FailureKind::IsolatedAtom,
            PredictError::OutOfRange { .. } => FailureKind::OutOfRange,
            PredictError::Timeout { .. } => FailureKind::Timeout,
            PredictError::TooLarge { .. }
            | PredictError::TooManyImages { .. }
            | PredictError::TooManyNeighbors { .. } => FailureKind::TooLarge,
            PredictError::NotFinite { .. } => FailureKind::NotFinite,
            _ => FailureKind::Internal,
        };
        Self { kind, line: None, message: error.to_string() }
    }
}

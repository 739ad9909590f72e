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

/// What to do about failures of a class, as it stands in `failures.csv`; classes of the readers say it themselves, with each
/// file.
pub fn remedy(class: &str) -> Option<&'static str> {
    Some(match class {
        "unreadable" => "look whether the files are there and may be read",
        "unsupported_species" => "leave these structures out, or take a potential that covers their elements",
        "isolated_atom" => "look whether the cell is in Å; atoms without neighbors need another potential",
        "timeout" => "raise --timeout or --structure-timeout, or set --threads-per-mlip, and `resume --retry-failed`",
        "too_large" => {
            "raise --memory-limit, or start fewer ranks on a node (in Slurm: more --mem), and `resume --retry-failed`"
        }
        "not_finite" => "look for atoms on top of each other, or try precision=f64",
        "out_of_range" => "correct charge and spin of these structures",
        "crashed" => "they end the process: look at them; `resume --retry-failed` tries again",
        "internal" => "a defect of this program: report it with the structure and the message",
        _ => return None,
    })
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
        // These two say it themselves.
        let says_remedy = matches!(error, PredictError::TooManyImages { .. } | PredictError::TooManyNeighbors { .. });
        let remedy = if says_remedy { None } else { remedy(&kind.to_string()) };
        let message = remedy.map_or_else(|| error.to_string(), |remedy| format!("{error}; {remedy}"));
        Self { kind, line: None, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Species;

    #[test]
    fn an_evaluation_that_fails_says_what_to_do() {
        let message = |error: PredictError| Failure::from(error).message;
        let species = Species::from_atomic_number(92).unwrap_or_else(|| unreachable!("uranium is an element"));
        let unknown = PredictError::UnsupportedSpecies { potential: "mace".into(), species };
        assert_eq!(
            message(unknown),
            "mace does not cover the element U; leave these structures out, or take a potential that covers their elements"
        );
        let large = PredictError::TooLarge { needed_bytes: 5_200_000_000, limit_bytes: 1_000_000_000 };
        let said = message(large);
        assert!(
            said.starts_with("needs about 5.2 GB, more than the 1.0 GB that a rank may use; raise --memory-limit"),
            "{said}"
        );
        let small = PredictError::TooLarge { needed_bytes: 31_400_000, limit_bytes: 0 };
        assert!(message(small).starts_with("needs about 31 MB, more than the 0 MB that"));
        assert!(message(PredictError::Timeout { limit_s: 2.0 }).contains("raise --timeout"));
        let many = PredictError::TooManyImages { cutoff: 6.0, heights: [1e-3; 3] };
        assert!(!message(many).contains("--memory-limit"));
    }
}

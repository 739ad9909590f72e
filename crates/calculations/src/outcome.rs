//! What a calculation comes to.

use mlip_atoms::{Failure, Prediction};

/// What came of one (structure, potential).
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The potential's answer.
    Done(Prediction),
    /// No answer, and why.
    Failed(Failure),
}

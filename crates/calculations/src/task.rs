//! The interface between a task and whoever evaluates for it.

use crate::Outcome;
use mlip_atoms::{PredictError, Prediction, Structure};

/// Something that needs predictions of structures to come to an outcome.
///
/// A task asks for a structure and is told the prediction, until it asks no more. It knows
/// neither model nor thread, so one batch can advance many tasks.
pub trait Task: Send {
    /// The structure to evaluate next; `None` when the task is at its end.
    fn ask(&self) -> Option<&Structure>;

    /// The answer to the last [`ask`](Self::ask).
    fn tell(&mut self, answer: Result<Prediction, PredictError>);

    /// What came of it.
    fn finish(self: Box<Self>) -> Outcome;
}

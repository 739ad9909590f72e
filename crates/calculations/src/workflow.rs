//! The interface between a calculation and whoever evaluates for it.

use crate::Outcome;
use mlip_atoms::{PredictError, Prediction, Request, Structure};
use std::sync::Arc;

/// What is done with each structure of a run.
pub trait Calculation: Send + Sync {
    /// The canonical text of all that decides the numbers: part of each task key, so it must never be worded
    /// differently.
    fn key(&self) -> String;

    /// Evaluations that one structure takes, expected: what costs are predicted by.
    fn expected_evaluations(&self) -> f64;

    /// Evaluations that it may take, at most.
    fn most_evaluations(&self) -> f64 {
        self.expected_evaluations()
    }

    /// Memory that one structure of this many atoms takes beside its evaluations, at most, bytes.
    fn working_bytes(&self, _n_atoms: usize) -> u64 {
        0
    }

    /// Begins with a structure.
    fn start(&self, structure: Arc<Structure>) -> Box<dyn Workflow>;
}

/// Names a question of a workflow. The same question has the same number whenever the workflow is begun anew, so that
/// answers that were kept can be given to it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AskId(pub u32);

/// A structure that a workflow wants to have evaluated.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The answer comes under it.
    pub id: AskId,
    /// What is evaluated.
    pub structure: Arc<Structure>,
    /// What is wanted of it.
    pub request: Request,
}

/// What a workflow has to say.
#[derive(Debug, Clone)]
pub enum Poll {
    /// Questions, which may be answered in any order; each comes once.
    Ask(Vec<Ask>),
    /// It waits for answers.
    Waiting,
    /// It has all that it wants.
    Finished,
}

/// One structure under one calculation with one potential.
///
/// A state machine without clock, thread or file: what it does next depends on the answers so far and on nothing else.
/// So a run that was interrupted begins it anew and gives it the answers that the journal kept, and it goes on to the
/// same bits.
pub trait Workflow: Send {
    /// What it wants next.
    fn poll(&mut self) -> Poll;

    /// The answer to a question.
    fn receive(&mut self, ask: AskId, answer: Result<Prediction, PredictError>);

    /// Memory that it holds between two answers, bytes.
    fn held_bytes(&self) -> u64;

    /// What came of it.
    fn finish(self: Box<Self>) -> Outcome;
}

//! Questions that wait for an evaluation, by potential, and answered ones.

use crate::underway::RunningTask;
use mlip_atoms::engine::Prepared;
use mlip_atoms::{PredictError, Prediction};
use mlip_calculations::Ask;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// A question of a workflow, and whose it is.
pub(crate) struct Waiting {
    /// The task that asks.
    pub(crate) task: Arc<RunningTask>,
    /// What it asks.
    pub(crate) ask: Ask,
    /// What an engine has made of it already, when it did not fit into the batch for which that was made.
    pub(crate) prepared: Option<Prepared>,
}

/// A question and its answer, on the way to the task that asked.
pub(crate) struct Answered {
    /// The task that asked.
    pub(crate) task: Arc<RunningTask>,
    /// What it asked.
    pub(crate) ask: Ask,
    /// The answer.
    pub(crate) answer: Result<Prediction, PredictError>,
    /// What it took, seconds.
    pub(crate) wall_s: f64,
}

impl fmt::Debug for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answered").field("ask", &self.ask.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("ask", &self.ask.id).finish_non_exhaustive()
    }
}

/// One line for each potential; across them the oldest question is known.
#[derive(Debug)]
pub(crate) struct Batcher {
    /// With the number of each question among all.
    waiting: Vec<VecDeque<(u64, Waiting)>>,
    n_asked: u64,
}

impl Batcher {
    pub(crate) fn new(n_potentials: usize) -> Self {
        Self { waiting: (0..n_potentials).map(|_| VecDeque::new()).collect(), n_asked: 0 }
    }

    /// Adds a question.
    pub(crate) fn push(&mut self, potential: usize, waiting: Waiting) {
        if let Some(line) = self.waiting.get_mut(potential) {
            line.push_back((self.n_asked, waiting));
            self.n_asked += 1;
        }
    }

    /// Adds a question as the oldest of its potential.
    pub(crate) fn put_back(&mut self, potential: usize, waiting: Waiting) {
        if let Some(line) = self.waiting.get_mut(potential) {
            let number = line.front().map_or(0, |(number, _)| *number);
            line.push_front((number, waiting));
        }
    }

    /// The oldest question of a potential.
    pub(crate) fn take(&mut self, potential: usize) -> Option<Waiting> {
        self.waiting.get_mut(potential)?.pop_front().map(|(_, waiting)| waiting)
    }

    /// The oldest question of all.
    pub(crate) fn oldest(&mut self) -> Option<(usize, Waiting)> {
        let fronts = self.waiting.iter().enumerate().filter_map(|(potential, line)| Some((line.front()?.0, potential)));
        let (_, potential) = fronts.min()?;
        self.take(potential).map(|waiting| (potential, waiting))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.iter().all(VecDeque::is_empty)
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.iter_mut().for_each(VecDeque::clear);
    }
}

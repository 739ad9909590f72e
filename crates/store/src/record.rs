//! A finished evaluation.

use crate::TaskKey;
use mlip_tasks::Outcome;

/// What came of one task, with all that the CSVs need: a report reads no structure file again.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Identity of the result.
    pub key: TaskKey,
    /// Position of the potential in the run's list of potentials.
    pub potential: u16,
    /// Atomic numbers of the sites, in order.
    pub species: Vec<u8>,
    /// Result or failure.
    pub outcome: Outcome,
    /// How often it was started, this time included.
    pub attempts: u32,
    /// Wall time of the evaluation, seconds. Never in a CSV that must be reproducible.
    pub wall_s: f32,
}

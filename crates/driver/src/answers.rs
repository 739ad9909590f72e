//! What becomes of the answers of a batch: they go to the tasks that asked, or are why a rank cannot go on.

use crate::batcher::Answered;
use crate::shared::{Shared, WorkError, panic_message};
use crate::underway::RunningTask;
use mlip_atoms::engine::{Answer, Demand, JobId};
use mlip_atoms::{DeviceError, PredictError, Prediction};
use mlip_calculations::Ask;
use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

/// A question that is part of a batch.
pub(crate) struct Member {
    pub(crate) task: Arc<RunningTask>,
    pub(crate) ask: Ask,
    pub(crate) demand: Demand,
}

/// An answer, and the time it took, seconds.
pub(crate) type Timed = (Result<Prediction, PredictError>, f64);

/// The time of a batch is divided among its jobs. A device that fails under a single structure says so in its answer.
pub(crate) fn timed(
    shared: &Shared,
    potential: usize,
    answers: Vec<Answer>,
    members: &HashMap<JobId, Member>,
    wall_s: f64,
) -> Result<Vec<(JobId, Timed)>, WorkError> {
    let size_of = |id: &JobId| members.get(id).map_or(0.0, |member| size(&member.demand));
    let total: f64 = answers.iter().map(|(id, _)| size_of(id)).sum::<f64>().max(1.0);
    let mut timed = Vec::with_capacity(answers.len());
    for (id, answer) in answers {
        if let Err(PredictError::Device(error @ DeviceError::Lost(_))) = answer {
            return Err(lost(shared, potential, error));
        }
        timed.push((id, (answer, wall_s * size_of(&id) / total)));
    }
    Ok(timed)
}

/// Hands a task the answer to its question, and does what follows from that.
pub(crate) fn hand_over(
    shared: &Shared,
    Answered { task, ask, answer, wall_s }: Answered,
) -> Result<Option<String>, WorkError> {
    let task = &task;
    let keep = shared.evaluator.asks_often().then_some(shared.evaluator.sync_every);
    let due = task.receive(ask.id, answer, wall_s, keep);
    shared.go_on(task, due)
}

/// What a job's part of the time of its batch goes by.
fn size(demand: &Demand) -> f64 {
    (demand.n_atoms + demand.n_edges + demand.n_angles).max(1) as f64
}

fn name(shared: &Shared, potential: usize) -> String {
    shared.evaluator.ids.get(potential).map_or_else(|| format!("potential {potential}"), |id| id.name.clone())
}

pub(crate) fn lost(shared: &Shared, potential: usize, error: DeviceError) -> WorkError {
    WorkError::Device { potential: name(shared, potential), error }
}

pub(crate) fn internal(shared: &Shared, potential: usize, message: String) -> PredictError {
    PredictError::Internal { potential: name(shared, potential), message }
}

/// What a job is told that its engine forgot.
pub(crate) fn unanswered(shared: &Shared, potential: usize) -> PredictError {
    internal(shared, potential, "no answer came; please report this structure".into())
}

/// A panic as a failure: one structure, not the run.
pub(crate) fn panicked(shared: &Shared, potential: usize, panic: &(dyn Any + Send)) -> PredictError {
    internal(shared, potential, format!("it panicked: {}; please report this structure", panic_message(panic)))
}

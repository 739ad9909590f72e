//! Between those who form batches and those who compute them.
//!
//! A [`Potential`](crate::Potential) is weights, shared by all; an [`Engine`] is what one worker, or one card, computes
//! with: it owns scratch memory and streams. A job is prepared (lists are made, and with them its demand is known to the
//! byte), joins a batch, is submitted and collected. On a CPU core submitting computes; on a card it starts the work, and
//! the next batch can be prepared meanwhile.

use crate::{Deadline, DeviceError, PredictError, Prediction, Request, Structure};
use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;

/// What whoever opens an engine gives to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineResources {
    /// Threads that one evaluation may use.
    pub threads: usize,
    /// Number of this process among those of its run on its host, from 0: each takes a card of its own.
    pub rank_on_host: usize,
}

impl Default for EngineResources {
    /// Of a process alone, on the calling thread.
    fn default() -> Self {
        Self { threads: 1, rank_on_host: 0 }
    }
}

/// Names a job among all of its engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u64);

/// An evaluation that is asked for.
#[derive(Debug, Clone)]
pub struct Job {
    /// The answer comes under it.
    pub id: JobId,
    /// What is evaluated.
    pub structure: Arc<Structure>,
    /// What is wanted.
    pub request: Request,
    /// When this job must give up. It never costs another job of its batch anything.
    pub deadline: Deadline,
}

/// What a job takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Demand {
    /// Atoms.
    pub n_atoms: usize,
    /// Directed edges within the cutoff.
    pub n_edges: usize,
    /// Pairs of bonds at one atom, where the model has them.
    pub n_angles: usize,
    /// Memory of this process at the peak, weights apart.
    pub host_bytes: u64,
    /// Memory of the device at the peak, weights apart.
    pub device_bytes: u64,
    /// The same for jobs that share a [`Preparation`](crate::Preparation).
    pub group: Option<u64>,
}

/// The demands of a batch together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BatchSum {
    /// Jobs.
    pub n_jobs: usize,
    /// Their sum. Its group is that of the first job.
    pub demand: Demand,
}

impl BatchSum {
    /// With one more job.
    #[must_use]
    pub fn and(self, next: &Demand) -> Self {
        let Demand { n_atoms, n_edges, n_angles, host_bytes, device_bytes, group } = self.demand;
        Self {
            n_jobs: self.n_jobs + 1,
            demand: Demand {
                n_atoms: n_atoms + next.n_atoms,
                n_edges: n_edges + next.n_edges,
                n_angles: n_angles + next.n_angles,
                host_bytes: host_bytes.saturating_add(next.host_bytes),
                device_bytes: device_bytes.saturating_add(next.device_bytes),
                group: if self.n_jobs == 0 { next.group } else { group },
            },
        }
    }
}

/// A job that is ready to be computed.
pub struct Prepared {
    /// What was asked for.
    pub job: Job,
    /// What it takes.
    pub demand: Demand,
    /// What the engine has made of the structure; only that kind of engine can read it.
    pub content: Box<dyn Any + Send>,
}

/// Names a batch under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);

/// The answer to a job.
pub type Answer = (JobId, Result<Prediction, PredictError>);

/// A batch that a device could not compute, given back so that it can be tried again in parts.
pub struct BatchError {
    /// Why.
    pub error: DeviceError,
    /// All jobs of the batch.
    pub batch: Vec<Prepared>,
}

/// What makes jobs ready for the engine of a card, on any thread, while the card computes.
pub trait Preparer: Send + Sync {
    /// As [`Engine::prepare`].
    ///
    /// # Errors
    /// As there.
    fn prepare(&self, job: Job) -> Result<Prepared, (JobId, PredictError)>;

    /// As [`Engine::fits`].
    fn fits(&self, batch: &BatchSum, next: &Demand) -> bool;
}

/// What one worker or one card computes with.
///
/// A prediction depends on the structure alone: not on the batch that it came in.
pub trait Engine: Send {
    /// Makes what the evaluation needs of a structure (neighbor lists), so that its demand is known.
    ///
    /// # Errors
    /// When the structure cannot be evaluated: the job has its answer with that.
    fn prepare(&mut self, job: Job) -> Result<Prepared, (JobId, PredictError)>;

    /// Whether a job may join a batch, by memory and because it pays. An empty batch takes any.
    fn fits(&self, batch: &BatchSum, next: &Demand) -> bool {
        let _ = next;
        batch.n_jobs == 0
    }

    /// What prepares jobs while this engine computes others; none where the engine does that itself.
    fn preparer(&self) -> Option<Arc<dyn Preparer>> {
        None
    }

    /// Begins to compute a batch; a CPU computes it here.
    ///
    /// # Errors
    /// When the device fails. No job has an answer with that.
    fn submit(&mut self, batch: Vec<Prepared>) -> Result<Ticket, BatchError>;

    /// Whether [`collect`](Self::collect) would not have to wait for this batch.
    fn is_done(&mut self, ticket: Ticket) -> bool {
        let _ = ticket;
        true
    }

    /// Waits for a batch: one answer for each of its jobs.
    ///
    /// # Errors
    /// When the device fails. No job has an answer with that.
    fn collect(&mut self, ticket: Ticket) -> Result<Vec<Answer>, BatchError>;
}

/// An engine that evaluates one structure after the other on the calling thread, without anything prepared.
pub struct OneByOne<F> {
    evaluate: F,
    n_submitted: u64,
    computed: VecDeque<(Ticket, Vec<Answer>)>,
}

impl<F> OneByOne<F>
where
    F: FnMut(&Structure, Request, &Deadline) -> Result<Prediction, PredictError> + Send,
{
    /// With this function.
    pub fn new(evaluate: F) -> Self {
        Self { evaluate, n_submitted: 0, computed: VecDeque::new() }
    }
}

impl<F> Engine for OneByOne<F>
where
    F: FnMut(&Structure, Request, &Deadline) -> Result<Prediction, PredictError> + Send,
{
    fn prepare(&mut self, job: Job) -> Result<Prepared, (JobId, PredictError)> {
        let demand = Demand { n_atoms: job.structure.n_atoms(), ..Demand::default() };
        Ok(Prepared { job, demand, content: Box::new(()) })
    }

    fn submit(&mut self, batch: Vec<Prepared>) -> Result<Ticket, BatchError> {
        let ticket = Ticket(self.n_submitted);
        self.n_submitted += 1;
        let answer =
            |Prepared { job, .. }: Prepared| (job.id, (self.evaluate)(&job.structure, job.request, &job.deadline));
        self.computed.push_back((ticket, batch.into_iter().map(answer).collect()));
        Ok(ticket)
    }

    fn collect(&mut self, ticket: Ticket) -> Result<Vec<Answer>, BatchError> {
        let place = self.computed.iter().position(|(computed, _)| *computed == ticket);
        // A ticket is collected once; a second time there is nothing left.
        Ok(place.and_then(|place| self.computed.remove(place)).map(|(_, answers)| answers).unwrap_or_default())
    }
}

/// Evaluates a structure now, alone.
///
/// # Errors
/// The potential's reason, or that of the device.
pub fn predict(
    engine: &mut dyn Engine,
    structure: Arc<Structure>,
    request: Request,
    deadline: Deadline,
) -> Result<Prediction, PredictError> {
    let job = Job { id: JobId(0), structure, request, deadline };
    let prepared = engine.prepare(job).map_err(|(_, error)| error)?;
    let failed = |BatchError { error, .. }: BatchError| PredictError::Device(error);
    let ticket = engine.submit(vec![prepared]).map_err(failed)?;
    let answer = engine.collect(ticket).map_err(failed)?.pop();
    answer.map_or_else(|| Err(PredictError::Device(DeviceError::Lost("no answer came".into()))), |(_, answer)| answer)
}

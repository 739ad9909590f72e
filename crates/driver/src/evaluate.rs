//! One evaluation of one potential, from its `Started` to its `Finished`.

use crate::error::with_causes;
use crate::journal::SharedJournal;
use crate::memory::MemoryGate;
use crate::protocol::{Times, Treatment, Work};
use crate::results::SharedResults;
use mlip_atoms::{Deadline, Failure, FailureKind, Potential, PotentialId, PredictError, Request, Structure};
use mlip_calculations::{Outcome, SinglePoint, Task};
use mlip_store::{Frame, Record, StoreError, StructureDigest, TaskKey};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Everything that an evaluation needs beside its structure. Shared by all threads of a rank.
pub(crate) struct Evaluator {
    pub(crate) potentials: Vec<Arc<dyn Potential>>,
    pub(crate) ids: Vec<PotentialId>,
    pub(crate) settings: String,
    pub(crate) request: Request,
    /// Of one evaluation.
    pub(crate) timeout: Option<Duration>,
    /// Of all evaluations of a structure together.
    pub(crate) structure_timeout: Option<Duration>,
    pub(crate) gate: MemoryGate,
    pub(crate) journal: SharedJournal,
    /// Results that runs share.
    pub(crate) results: Option<SharedResults>,
    pub(crate) in_flight: AtomicU32,
    /// By potential: corrects what potentials predict.
    pub(crate) times: Mutex<Vec<Times>>,
}

/// A structure under evaluation.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) structure: Arc<Structure>,
    pub(crate) digest: StructureDigest,
    pub(crate) alone: bool,
    /// Of all its evaluations together.
    pub(crate) deadline: Deadline,
}

/// What an evaluation adds to the totals of its rank.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ended {
    pub(crate) finished: u64,
    pub(crate) failed: u64,
    /// Taken from the cache.
    pub(crate) cached: u64,
    pub(crate) wall_s: f64,
    /// What people should know.
    pub(crate) remark: Option<String>,
}

impl Ended {
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            finished: self.finished + other.finished,
            failed: self.failed + other.failed,
            cached: self.cached + other.cached,
            wall_s: self.wall_s + other.wall_s,
            remark: self.remark.or(other.remark),
        }
    }
}

impl Evaluator {
    /// Treats one potential of a structure and writes its record.
    pub(crate) fn evaluate(&self, subject: &Subject, work: Work) -> Result<Ended, StoreError> {
        let (Some(potential), Some(id)) =
            (self.potentials.get(usize::from(work.potential)), self.ids.get(usize::from(work.potential)))
        else {
            return Ok(Ended::default());
        };
        let key = TaskKey::new(subject.digest, id, &self.settings);
        let (outcome, attempts, wall_s) = match work.treatment {
            Treatment::Quarantine { deaths } => (Outcome::Failed(crashed(deaths)), deaths, 0.0),
            Treatment::Evaluate { ended_before } | Treatment::Take { ended_before, .. } => {
                let (outcome, wall_s) = self.attempt(potential.as_ref(), subject, key)?;
                if matches!(outcome, Outcome::Done(_)) {
                    self.note_time(work, wall_s);
                }
                (outcome, ended_before + 1, wall_s)
            }
        };
        let species = subject.structure.species().iter().map(|species| species.atomic_number()).collect();
        self.finish(Record { key, potential: work.potential, species, outcome, attempts, wall_s: wall_s as f32 })
    }

    fn note_time(&self, work: Work, wall_s: f64) {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(times) = times.get_mut(usize::from(work.potential)) {
            times.predicted_s += work.predicted.total();
            times.measured_s += wall_s;
        }
    }

    /// Records a structure that could not be read (again) when its turn came.
    pub(crate) fn record_unread(
        &self,
        digest: StructureDigest,
        work: Work,
        failure: &Failure,
    ) -> Result<Ended, StoreError> {
        let Some(id) = self.ids.get(usize::from(work.potential)) else { return Ok(Ended::default()) };
        let attempts = match work.treatment {
            Treatment::Evaluate { ended_before } | Treatment::Take { ended_before, .. } => ended_before + 1,
            Treatment::Quarantine { deaths } => deaths,
        };
        self.finish(Record {
            key: TaskKey::new(digest, id, &self.settings),
            potential: work.potential,
            species: Vec::new(),
            outcome: Outcome::Failed(failure.clone()),
            attempts,
            wall_s: 0.0,
        })
    }

    fn finish(&self, record: Record) -> Result<Ended, StoreError> {
        let failed = u64::from(matches!(record.outcome, Outcome::Failed(_)));
        let wall_s = f64::from(record.wall_s);
        let mut remark = None;
        if let (Some(results), Outcome::Done(_), 1..) = (&self.results, &record.outcome, record.attempts)
            && let Err(error) = results.put(&record)
        {
            remark = Some(format!("nothing more is added to the cache: {}", with_causes(&error)));
        }
        let cached = u64::from(record.is_from_cache());
        self.journal.append(&Frame::Finished(record))?;
        Ok(Ended { finished: 1, failed, cached, wall_s, remark })
    }

    /// Records what other runs have computed of this structure; gives what is left to do.
    pub(crate) fn take_known(&self, digest: StructureDigest, work: &[Work]) -> Result<(Ended, Vec<Work>), StoreError> {
        let (mut ended, mut left) = (Ended::default(), Vec::new());
        for one in work {
            let found = match (one.treatment, &self.results, self.ids.get(usize::from(one.potential))) {
                (Treatment::Take { place, .. }, Some(results), Some(id)) => {
                    results.take(TaskKey::new(digest, id, &self.settings), one.potential, place)
                }
                _ => None,
            };
            match found {
                Some(record) => ended = ended.and(self.finish(record)?),
                None => left.push(*one),
            }
        }
        Ok((ended, left))
    }

    fn attempt(
        &self,
        potential: &dyn Potential,
        subject: &Subject,
        key: TaskKey,
    ) -> Result<(Outcome, f64), StoreError> {
        let structure = subject.structure.as_ref();
        let needed = match catch_unwind(AssertUnwindSafe(|| potential.working_bytes(structure))) {
            Ok(bytes) => bytes,
            Err(panic) => return Ok((Outcome::Failed(panicked(potential.id(), panic.as_ref())), 0.0)),
        };
        let needed = needed + for_threads(needed);
        let Some(_permit) = self.gate.enter(needed) else {
            let error = PredictError::TooLarge { needed_bytes: needed, limit_bytes: self.gate.limit() };
            return Ok((Outcome::Failed(error.into()), 0.0));
        };
        // A structure that is over its time begins no further evaluation.
        if let Err(error) = subject.deadline.check() {
            return Ok((Outcome::Failed(error.into()), 0.0));
        }
        self.journal.append(&Frame::Started { key, alone: subject.alone })?;
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let begin = Instant::now();
        let deadline = self.timeout.map_or(Deadline::NONE, Deadline::after).earliest(subject.deadline);
        let task = Box::new(SinglePoint::new(structure.clone()));
        let outcome = catch_unwind(AssertUnwindSafe(|| complete(task, potential, self.request, &deadline)))
            .unwrap_or_else(|panic| Outcome::Failed(panicked(potential.id(), panic.as_ref())));
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        Ok((outcome, begin.elapsed().as_secs_f64()))
    }
}

/// What the threads beside the first take in an evaluation that needs so much on one thread: measured with CHGNet, the
/// most of all potentials, 10 to 50 MB each.
fn for_threads(needed: u64) -> u64 {
    const A_THREAD_BYTES: u64 = 40_000_000;
    let others = rayon::current_thread_index().map_or(0, |_| rayon::current_num_threads() - 1);
    others as u64 * A_THREAD_BYTES.min(needed / 2)
}

/// Answers a task until it asks no more.
fn complete(mut task: Box<dyn Task>, potential: &dyn Potential, request: Request, deadline: &Deadline) -> Outcome {
    while let Some(structure) = task.ask() {
        let answer = potential.predict(&[structure], request, deadline).pop().unwrap_or_else(|| {
            Err(PredictError::Internal { potential: potential.id().name.clone(), message: "no answer came".into() })
        });
        task.tell(answer);
    }
    task.finish()
}

fn crashed(deaths: u32) -> Failure {
    Failure {
        kind: FailureKind::Crashed,
        line: None,
        message: format!(
            "the process died {deaths} times while it evaluated this structure, at least once with nothing else in \
             flight; it is given up (`--retry-failed` tries again)"
        ),
    }
}

/// A panic as a failure: one structure, not the run.
pub(crate) fn panicked(id: &PotentialId, panic: &(dyn Any + Send)) -> Failure {
    Failure {
        kind: FailureKind::Internal,
        line: None,
        message: format!("{} panicked: {}; please report this structure", id.name, panic_message(panic)),
    }
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

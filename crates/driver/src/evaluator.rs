//! What all evaluations of a rank have in common, and how their ends are recorded.

use crate::error::with_causes;
use crate::journal::SharedJournal;
use crate::memory_gate::MemoryGate;
use crate::protocol::{Times, Treatment, Work};
use crate::results::SharedResults;
use crate::underway::Ended;
use mlip_atoms::{Failure, FailureKind, Potential, PotentialId, Structure};
use mlip_calculations::{Calculation, Outcome};
use mlip_store::{Frame, Record, StoreError, StructureDigest, TaskKey};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Shared by all threads of a rank.
pub(crate) struct Evaluator {
    pub(crate) run_dir: PathBuf,
    pub(crate) potentials: Vec<Arc<dyn Potential>>,
    /// Number of this rank among those on its host.
    pub(crate) rank_on_host: usize,
    pub(crate) ids: Vec<PotentialId>,
    pub(crate) calculation: Arc<dyn Calculation>,
    /// The calculation's part of task keys.
    pub(crate) settings: String,
    /// Of one evaluation.
    pub(crate) timeout: Option<Duration>,
    /// Of all that is done with a structure.
    pub(crate) structure_timeout: Option<Duration>,
    /// Time between two writings of answers of one task.
    pub(crate) sync_every: Duration,
    pub(crate) gate: Arc<MemoryGate>,
    pub(crate) journal: SharedJournal,
    /// Results that runs share.
    pub(crate) results: Option<SharedResults>,
    pub(crate) in_flight: AtomicU32,
    /// Jobs so far, which have their names by it.
    pub(crate) n_jobs: AtomicU64,
    /// By potential: corrects what potentials predict.
    pub(crate) times: Mutex<Vec<Times>>,
}

impl Evaluator {
    /// The key of a task; none for a potential that the run does not have.
    pub(crate) fn key(&self, digest: StructureDigest, work: &Work) -> Option<TaskKey> {
        Some(TaskKey::new(digest, self.ids.get(usize::from(work.potential))?, &self.settings))
    }

    /// Whether workflows ask more than once, so that their answers are worth keeping.
    pub(crate) fn asks_often(&self) -> bool {
        self.calculation.expected_evaluations() > 1.0
    }

    /// Records what came of a task.
    pub(crate) fn record(
        &self,
        key: TaskKey,
        work: &Work,
        structure: &Structure,
        outcome: Outcome,
        wall_s: f64,
    ) -> Result<Ended, StoreError> {
        let attempts = match work.treatment {
            Treatment::Quarantine { deaths, .. } => deaths,
            Treatment::Evaluate { ended_before } | Treatment::Take { ended_before, .. } => ended_before + 1,
        };
        if matches!(outcome, Outcome::Done(_)) {
            self.note_time(work, wall_s);
        }
        let species = structure.species().iter().map(|species| species.atomic_number()).collect();
        self.finish(Record { key, potential: work.potential, species, outcome, attempts, wall_s: wall_s as f32 })
    }

    fn note_time(&self, work: &Work, wall_s: f64) {
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
        work: &Work,
        failure: &Failure,
    ) -> Result<Ended, StoreError> {
        let Some(key) = self.key(digest, work) else { return Ok(Ended::default()) };
        let attempts = match work.treatment {
            Treatment::Evaluate { ended_before } | Treatment::Take { ended_before, .. } => ended_before + 1,
            Treatment::Quarantine { deaths, .. } => deaths,
        };
        self.finish(Record {
            key,
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
        if let (Some(results), true, 1..) = (&self.results, record.outcome.is_for_all(), record.attempts)
            && let Err(error) = results.put(&record)
        {
            remark = Some(format!("nothing more is added to the cache: {}", with_causes(&error)));
        }
        let cached = u64::from(record.is_from_cache());
        self.journal.append(&Frame::Finished(record))?;
        Ok(Ended { finished: 1, failed, cached, wall_s, remark })
    }

    /// Records what other runs have computed of this structure; gives what is left to do.
    pub(crate) fn take_known(
        &self,
        digest: StructureDigest,
        work: Vec<Work>,
    ) -> Result<(Ended, Vec<Work>), StoreError> {
        let (mut ended, mut left) = (Ended::default(), Vec::new());
        for one in work {
            let found = match (&one.treatment, &self.results) {
                (Treatment::Take { place, .. }, Some(results)) => {
                    self.key(digest, &one).and_then(|key| results.take(key, one.potential, *place))
                }
                _ => None,
            };
            match found {
                Some(record) => ended = ended.and(self.finish(record)?),
                None => left.push(one),
            }
        }
        Ok((ended, left))
    }
}

/// What is recorded of a task that is given up.
pub(crate) fn crashed(deaths: u32, is_guilty: bool) -> Failure {
    let message = match is_guilty {
        true => {
            format!("the process died {deaths} times of this evaluation; it is given up (`--retry-failed` tries again)")
        }
        false => format!(
            "the process was killed {deaths} times during this evaluation while nothing else was in flight, and nothing says \
             why; it is given up (`--retry-failed` tries again)"
        ),
    };
    Failure { kind: FailureKind::Crashed, line: None, message }
}

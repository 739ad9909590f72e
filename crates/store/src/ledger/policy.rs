//! What to do with a task, given its past.

use super::{Ledger, Recorded};
use crate::{StoreError, TaskKey};

/// Which failures are repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RetryFailed {
    /// None: a failure is a result.
    #[default]
    No,
    /// Those that may come out differently without a change of the input.
    WorthRetrying,
    /// All.
    All,
}

impl RetryFailed {
    fn repeats(self, record: &Recorded) -> bool {
        match (self, record.status().failure()) {
            (_, None) | (Self::No, _) => false,
            (Self::WorthRetrying, Some(kind)) => kind.is_worth_retrying(),
            (Self::All, Some(_)) => true,
        }
    }
}

/// When a task is held guilty of the death of its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrashPolicy {
    /// Deaths after which it is given up, provided it was alone in at least one of them; 0 means never.
    pub max_crashes: u32,
}

impl Default for CrashPolicy {
    fn default() -> Self {
        Self { max_crashes: 3 }
    }
}

impl CrashPolicy {
    /// Deaths from which a task is run alone on its rank, at the end of the attempt, so that the next
    /// death tells whether it was the cause.
    pub const SUSPECT: u32 = 2;

    fn suspect_from(self) -> u32 {
        if self.max_crashes == 0 { Self::SUSPECT } else { Self::SUSPECT.min(self.max_crashes) }
    }
}

/// What to do with a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// It has a record that stands.
    Recorded,
    /// It is to be evaluated.
    Runnable {
        /// Whether nothing else may be in flight on its rank, and all others go first.
        alone: bool,
        /// Evaluations that came to an end before (and failed): the record's `attempts` less one.
        ended_before: u32,
    },
    /// It is to be recorded as `Crashed` without another evaluation.
    Quarantined {
        /// Processes that died on it: the record's `attempts`.
        deaths: u32,
    },
}

impl Ledger {
    /// What to do with a task. Deaths before the attempt of a failure that is being repeated are forgiven.
    ///
    /// # Errors
    /// When temporary files cannot be read.
    pub fn state(&self, key: &TaskKey, retry: RetryFailed, crashes: CrashPolicy) -> Result<TaskState, StoreError> {
        let record = self.get(key)?;
        if record.is_some_and(|record| !retry.repeats(&record)) {
            return Ok(TaskState::Recorded);
        }
        let deaths = self.deaths_after(key, record.map_or(0, |record| record.location().attempt));
        if crashes.max_crashes > 0 && deaths.total >= crashes.max_crashes && deaths.alone > 0 {
            return Ok(TaskState::Quarantined { deaths: deaths.total });
        }
        Ok(TaskState::Runnable {
            alone: deaths.total >= crashes.suspect_from(),
            ended_before: record.map_or(0, |record| record.attempts()),
        })
    }
}

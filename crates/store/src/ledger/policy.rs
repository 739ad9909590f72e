//! What to do with a task, given its past.

use super::{Deaths, Ledger, Recorded};
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
    /// Deaths after which it is given up, of those that speak against it; 0 means never.
    pub max_crashes: u32,
}

impl Default for CrashPolicy {
    fn default() -> Self {
        Self { max_crashes: 3 }
    }
}

impl CrashPolicy {
    /// Deaths together with others from which a task is a suspect: it goes at the end of the attempt, with fewer others,
    /// so that the next death tells more.
    pub const SUSPECT: u32 = 2;

    /// A death without a sign is what a kill from outside looks like: it does not speak against a task. One that never
    /// comes to its end, though nothing else is in flight, is given up after this many all the same.
    pub const MOST_SILENT: u32 = 20;

    /// From this number of deaths without a sign on there is a warning that names the task.
    pub const WORTH_A_WARNING: u32 = 3;

    /// What a task is given up as, if these deaths suffice.
    fn given_up(self, deaths: &Deaths) -> Option<TaskState> {
        let signed = deaths.named + deaths.out_of_memory;
        if self.max_crashes == 0 {
            None
        } else if signed >= self.max_crashes {
            Some(TaskState::Quarantined { deaths: signed, is_guilty: true })
        } else {
            let deaths = deaths.silent;
            (deaths >= Self::MOST_SILENT).then_some(TaskState::Quarantined { deaths, is_guilty: false })
        }
    }

    /// With how many suspects at most, itself among them, a task may be in flight; `None` for one that is no suspect.
    fn company(self, deaths: &Deaths) -> Option<u32> {
        if deaths.own() > 0 {
            return Some(1);
        }
        (deaths.shared >= self.suspect_from()).then(|| (deaths.company / 2).max(1))
    }

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
        /// With how many suspects at most, itself among them, it may be in flight, after all others; `None` for one that
        /// is no suspect.
        company: Option<u32>,
        /// Evaluations that came to an end before (and failed): the record's `attempts` less one.
        ended_before: u32,
        /// Processes that died without a sign of the cause while nothing else was in flight.
        silent: u32,
    },
    /// It is to be recorded as `Crashed` without another evaluation.
    Quarantined {
        /// Processes that died, of those for which it is given up: the record's `attempts`.
        deaths: u32,
        /// Whether there are signs that it was the cause; else there is none at all.
        is_guilty: bool,
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
        if let Some(given_up) = crashes.given_up(&deaths) {
            return Ok(given_up);
        }
        Ok(TaskState::Runnable {
            company: crashes.company(&deaths),
            ended_before: record.map_or(0, |record| record.attempts()),
            silent: deaths.silent,
        })
    }
}

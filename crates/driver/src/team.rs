//! MLIP workers: evaluate the potentials of one structure at the same time.

use crate::evaluate::{Ended, Evaluator, Subject, panic_message};
use crate::protocol::Work;
use mlip_store::StoreError;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A structure worker and its assistants. Without assistants it evaluates one potential after the other.
pub(crate) struct Team {
    desk: Option<Arc<Desk>>,
    threads: EvaluationThreads,
}

/// The threads inside one evaluation.
pub(crate) struct EvaluationThreads(Option<rayon::ThreadPool>);

impl EvaluationThreads {
    /// One thread is the calling thread itself.
    pub(crate) fn new(pool: Option<rayon::ThreadPool>) -> Self {
        Self(pool)
    }

    fn run<T: Send>(&self, evaluation: impl FnOnce() -> T + Send) -> T {
        match &self.0 {
            Some(pool) => pool.install(evaluation),
            None => evaluation(),
        }
    }
}

/// Where a structure worker lays out the potentials of its structure for its assistants.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    state: Mutex<DeskState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct DeskState {
    waiting: VecDeque<(Subject, Work)>,
    running: usize,
    ended: Vec<Result<Ended, StoreError>>,
    panic: Option<String>,
    closed: bool,
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, DeskState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a assistant does until the team ends.
    pub(crate) fn assist(&self, evaluator: &Evaluator, threads: &EvaluationThreads) {
        let mut state = self.lock();
        loop {
            if let Some((subject, work)) = state.waiting.pop_front() {
                state = self.evaluate(state, evaluator, threads, &subject, work);
            } else if state.closed {
                return;
            } else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn evaluate<'a>(
        &'a self,
        mut state: MutexGuard<'a, DeskState>,
        evaluator: &Evaluator,
        threads: &EvaluationThreads,
        subject: &Subject,
        work: Work,
    ) -> MutexGuard<'a, DeskState> {
        state.running += 1;
        drop(state);
        let ended = catch_unwind(AssertUnwindSafe(|| threads.run(|| evaluator.evaluate(subject, work))));
        let mut state = self.lock();
        state.running -= 1;
        match ended {
            Ok(ended) => state.ended.push(ended),
            Err(panic) => state.panic = Some(panic_message(panic.as_ref()).to_owned()),
        }
        self.changed.notify_all();
        state
    }
}

impl Team {
    /// With assistants at this desk, if any.
    pub(crate) fn new(desk: Option<Arc<Desk>>, threads: EvaluationThreads) -> Self {
        Self { desk, threads }
    }

    /// Evaluates all potentials of a structure; returns when the last has ended.
    pub(crate) fn evaluate_all(
        &self,
        evaluator: &Evaluator,
        subject: &Subject,
        work: &[Work],
    ) -> Result<Ended, StoreError> {
        let Some(desk) = self.desk.as_ref().filter(|_| work.len() > 1) else {
            return work.iter().map(|work| self.threads.run(|| evaluator.evaluate(subject, *work))).collect();
        };
        let mut state = desk.lock();
        state.waiting.extend(work.iter().map(|work| (subject.clone(), *work)));
        desk.changed.notify_all();
        loop {
            if let Some((subject, work)) = state.waiting.pop_front() {
                state = desk.evaluate(state, evaluator, &self.threads, &subject, work);
            } else if state.running > 0 {
                state = desk.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            } else {
                let ended = std::mem::take(&mut state.ended);
                if let Some(message) = state.panic.take() {
                    drop(state);
                    resume_unwind(Box::new(message));
                }
                return ended.into_iter().collect();
            }
        }
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        if let Some(desk) = &self.desk {
            desk.lock().closed = true;
            desk.changed.notify_all();
        }
    }
}

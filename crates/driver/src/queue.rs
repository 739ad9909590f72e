//! What a rank has to do next.

use crate::protocol::{Assignment, ToRead};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A piece of work for one structure worker.
#[derive(Debug)]
pub(crate) enum Job {
    /// Entries to be read for the survey.
    Read(Vec<ToRead>),
    /// A structure to be computed.
    Compute(Assignment),
}

/// Jobs in order, reading before computing: the plan of everybody waits for what is read. Only the
/// very first structures go before all: a first result shows that all is well.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    first: VecDeque<Job>,
    read: VecDeque<Job>,
    compute: VecDeque<Job>,
    cost: f64,
    busy: usize,
    tasted: bool,
    closed: bool,
}

/// How much a rank has left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Backlog {
    /// Structures waiting.
    pub(crate) structures: usize,
    /// Their predicted cost, seconds.
    pub(crate) cost: f64,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds entries to be read.
    pub(crate) fn push_read(&self, entries: Vec<ToRead>) {
        self.lock().read.push_back(Job::Read(entries));
        self.changed.notify_one();
    }

    /// Adds structures to be computed.
    pub(crate) fn push_compute(&self, assignments: Vec<Assignment>) {
        let mut state = self.lock();
        let tasted = std::mem::replace(&mut state.tasted, true);
        for assignment in assignments {
            state.cost += f64::from(assignment.cost);
            let queue = if tasted { &mut state.compute } else { &mut state.first };
            queue.push_back(Job::Compute(assignment));
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Waits for the next job; `None` when the worker should end. The worker calls
    /// [`Queue::done`] after each job.
    pub(crate) fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            let job = state.first.pop_front().or_else(|| state.read.pop_front()).or_else(|| state.compute.pop_front());
            if let Some(job) = job {
                state.busy += 1;
                if let Job::Compute(assignment) = &job {
                    state.cost -= f64::from(assignment.cost);
                }
                if state.compute.is_empty() && state.first.is_empty() {
                    // Sums of many costs leave rounding behind.
                    state.cost = 0.0;
                }
                return Some(job);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A job ended.
    pub(crate) fn done(&self) {
        self.lock().busy -= 1;
    }

    /// What waits to be computed.
    pub(crate) fn backlog(&self) -> Backlog {
        let state = self.lock();
        Backlog { structures: state.compute.len() + state.first.len(), cost: state.cost }
    }

    /// Whether nothing waits and nothing is in flight.
    pub(crate) fn is_idle(&self) -> bool {
        let state = self.lock();
        state.busy == 0 && state.first.is_empty() && state.read.is_empty() && state.compute.is_empty()
    }

    /// Forgets what waits and lets workers end after what they have in flight.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.first.clear();
        state.read.clear();
        state.compute.clear();
        state.cost = 0.0;
        state.closed = true;
        drop(state);
        self.changed.notify_all();
    }
}

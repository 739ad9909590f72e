//! The threads of a rank. No other place starts any.

use crate::batch::Batches;
use crate::budget::ThreadBudget;
use crate::error::with_causes;
use crate::evaluation_threads::{EvaluationThreads, evaluation_threads};
use crate::feeder::feed;
use crate::shared::{Event, Shared, panic_message};
use crate::worker::work;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The workers of a rank and the thread that syncs its journal.
pub(crate) struct Pool {
    pub(crate) shared: Arc<Shared>,
    pub(crate) events: Receiver<Event>,
    threads: Vec<JoinHandle<()>>,
    stop: Arc<Stop>,
}

#[derive(Default)]
struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Pool {
    /// Starts all threads of the budget.
    pub(crate) fn start(shared: Arc<Shared>, budget: &ThreadBudget, sync_every: Duration) -> io::Result<Self> {
        let (sender, events) = channel();
        let stop = Arc::new(Stop::default());
        let mut pool = Self { shared, events, threads: Vec::new(), stop };
        for number in 0..budget.structure_workers.get() * budget.mlip_workers.get() {
            pool.start_worker(number, budget.threads_per_mlip, sender.clone())?;
        }
        for potential in 0..pool.shared.cards.len() {
            pool.start_feeder(potential, sender.clone())?;
        }
        pool.start_sync(sync_every, sender)?;
        Ok(pool)
    }

    fn spawn(&mut self, name: String, life: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.threads.push(std::thread::Builder::new().name(name).spawn(life)?);
        Ok(())
    }

    fn start_worker(&mut self, number: usize, threads: NonZeroUsize, events: Sender<Event>) -> io::Result<()> {
        let mut batches = Batches::new(self.shared.evaluator.potentials.len(), evaluation_threads(threads)?);
        let shared = self.shared.clone();
        self.spawn(format!("worker-{number}"), move || work(&shared, &mut batches, &events))
    }

    /// A thread that sleeps most of the time, for a potential that has a card.
    fn start_feeder(&mut self, potential: usize, events: Sender<Event>) -> io::Result<()> {
        if self.shared.card(potential).is_none() {
            return Ok(());
        }
        let mut batches = Batches::new(self.shared.evaluator.potentials.len(), EvaluationThreads::new(None));
        let shared = self.shared.clone();
        self.spawn(format!("card-{potential}"), move || {
            let Some(card) = shared.card(potential) else { return };
            let event = match catch_unwind(AssertUnwindSafe(|| feed(&shared, card, &mut batches))) {
                Ok(Ok(remark)) => remark.map(Event::Remark),
                Ok(Err(error)) => Some(Event::Broken(with_causes(&error))),
                Err(panic) => {
                    Some(Event::Broken(format!("feeding a card panicked: {}", panic_message(panic.as_ref()))))
                }
            };
            if let Some(event) = event {
                // Nobody listens any more once the rank is given up.
                let _ = events.send(event);
            }
        })
    }

    fn start_sync(&mut self, every: Duration, events: Sender<Event>) -> io::Result<()> {
        let (shared, stop) = (self.shared.clone(), self.stop.clone());
        self.spawn("journal-sync".into(), move || {
            let mut stopped = stop.stopped.lock().unwrap_or_else(PoisonError::into_inner);
            while !*stopped {
                stopped = stop.changed.wait_timeout(stopped, every).unwrap_or_else(PoisonError::into_inner).0;
                let handle = match shared.evaluator.journal.sync_handle() {
                    Ok(Some(handle)) => handle,
                    Ok(None) => return,
                    Err(error) => {
                        let _ = events.send(Event::Broken(with_causes(&error)));
                        return;
                    }
                };
                if !*stopped && let Err(error) = handle.sync() {
                    let _ = events.send(Event::Broken(with_causes(&error)));
                    return;
                }
            }
        })
    }

    /// Lets all threads end. Those that still compute when `patient` is false are left to themselves:
    /// native code cannot be interrupted, and the process is about to exit.
    pub(crate) fn end(&mut self, patient: bool) {
        self.shared.queue.close();
        *self.stop.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.changed.notify_all();
        for thread in self.threads.drain(..) {
            if patient || thread.is_finished() {
                // A worker catches the panics of its jobs; one of its own was reported on stderr.
                let _ = thread.join();
            }
        }
    }
}

/// Runs the same work on this many threads; returns when all have ended.
pub(crate) fn in_parallel(threads: usize, work: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(&work);
        }
        work();
    });
}

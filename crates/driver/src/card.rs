//! What is ready for a card, and waits for a batch.

use crate::memory_gate::MemoryPermit;
use crate::queue::{MOST_FOR_CARDS, Queue};
use crate::underway::RunningTask;
use mlip_atoms::engine::{BatchSum, Demand, Prepared, Preparer};
use mlip_atoms::{DeviceError, Engine, EngineResources, Potential};
use mlip_calculations::Ask;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A question that a card can compute, and its memory.
pub(crate) struct ReadyForCard {
    pub(crate) task: Arc<RunningTask>,
    pub(crate) ask: Ask,
    pub(crate) prepared: Prepared,
    /// Given back with the answer.
    pub(crate) permit: MemoryPermit,
}

/// Full batches that are wanted under way where structures ask again and again: two on the card, one that fills, and one whose
/// answers are thought about.
const BATCHES: usize = 4;

/// A potential's card: its engine until the thread that feeds it takes that, and what waits for it.
pub(crate) struct Card {
    potential: usize,
    preparer: Arc<dyn Preparer>,
    engine: Mutex<Option<Box<dyn Engine>>>,
    line: Mutex<Line>,
    changed: Condvar,
}

#[derive(Default)]
struct Line {
    ready: VecDeque<ReadyForCard>,
    sum: BatchSum,
    /// Whether the card computes nothing.
    is_idle: bool,
    /// Structures that are wanted under way.
    wanted: usize,
    /// Structures of the batch that was taken last.
    last: usize,
    /// Nothing more is taken in.
    closed: bool,
}

/// Structures that are to be under way once a batch of `n` is taken behind one of `last`, where `before` were wanted.
fn wanted(before: usize, last: usize, n: usize, is_full: bool) -> usize {
    let wanted = match is_full {
        true => BATCHES * n,
        // The card waited for this one. Those that it had before may have ended, or have come back.
        false => before.max(2 * (last + n)),
    };
    wanted.min(MOST_FOR_CARDS)
}

impl Card {
    /// Opens the card of a potential; none where workers compute it themselves.
    pub(crate) fn open(
        potential: usize,
        of: &Arc<dyn Potential>,
        resources: EngineResources,
    ) -> Result<Option<Self>, DeviceError> {
        if of.device().is_none() {
            return Ok(None);
        }
        let engine = of.clone().open(resources)?;
        let line = Line { is_idle: true, ..Line::default() };
        Ok(engine.preparer().map(|preparer| Self {
            potential,
            preparer,
            engine: Mutex::new(Some(engine)),
            line: Mutex::new(line),
            changed: Condvar::new(),
        }))
    }

    /// Position of its potential.
    pub(crate) fn potential(&self) -> usize {
        self.potential
    }

    /// What makes questions ready for it.
    pub(crate) fn preparer(&self) -> &dyn Preparer {
        self.preparer.as_ref()
    }

    /// The engine, once.
    pub(crate) fn take_engine(&self) -> Option<Box<dyn Engine>> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing is smaller than one atom without neighbors: where not even that fits, a batch is full.
    fn is_full(&self, sum: &BatchSum) -> bool {
        let smallest = Demand { n_atoms: 1, group: sum.demand.group, ..Demand::default() };
        sum.n_jobs > 0 && !self.preparer.fits(sum, &smallest)
    }

    /// Before the first question: everything is short.
    pub(crate) fn begin(&self, queue: &Queue) {
        queue.set_short(self.potential, true);
    }

    /// Adds a question. What comes too late is dropped: its task is taken up by a later attempt.
    pub(crate) fn push(&self, queue: &Queue, ready: ReadyForCard) {
        let mut line = self.lock();
        if line.closed {
            return;
        }
        queue.enter_card(self.potential);
        line.sum = line.sum.and(&ready.prepared.demand);
        line.ready.push_back(ready);
        let is_full = self.is_full(&line.sum);
        // The queue is locked inside of the line, never the other way round.
        queue.set_short(self.potential, !is_full);
        let wake = is_full || line.is_idle;
        drop(line);
        if wake {
            self.changed.notify_one();
        }
    }

    /// The next batch. While the card computes only a full one is given: meanwhile it fills.
    pub(crate) fn take(&self, queue: &Queue, is_computing: bool) -> Vec<ReadyForCard> {
        let mut line = self.lock();
        line.is_idle = !is_computing;
        let (mut sum, mut n) = (BatchSum::default(), 0);
        for ready in &line.ready {
            if n > 0 && !self.preparer.fits(&sum, &ready.prepared.demand) {
                break;
            }
            sum = sum.and(&ready.prepared.demand);
            n += 1;
        }
        if n == 0 || (is_computing && n == line.ready.len() && !self.is_full(&sum)) {
            return Vec::new();
        }
        let is_full = n < line.ready.len() || self.is_full(&sum);
        line.wanted = wanted(line.wanted, line.last, n, is_full);
        line.last = n;
        let batch = line.ready.drain(..n).collect();
        line.is_idle = false;
        line.sum = line.ready.iter().fold(BatchSum::default(), |sum, ready| sum.and(&ready.prepared.demand));
        queue.set_short(self.potential, !self.is_full(&line.sum));
        batch
    }

    /// Structures that are wanted under way, so that a full batch is ready whenever one has been computed.
    pub(crate) fn wanted(&self) -> usize {
        self.lock().wanted
    }

    /// Drops what waits, and takes nothing more in.
    pub(crate) fn close(&self, queue: &Queue) {
        let mut line = self.lock();
        line.closed = true;
        queue.leave_card(self.potential, line.ready.len());
        line.ready.clear();
        queue.set_short(self.potential, false);
    }

    /// Waits for more, or for this time.
    pub(crate) fn wait(&self, time: Duration) {
        let line = self.lock();
        if !line.is_idle || line.ready.is_empty() {
            drop(self.changed.wait_timeout(line, time).unwrap_or_else(PoisonError::into_inner));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_that_gets_what_it_wants_soon_has_full_batches() {
        const FULL: usize = 500;
        // Two structures are what a rank is given without being asked. One batch is computed while the other waits.
        let (mut under_way, mut last, mut sizes) = (2, 0, Vec::new());
        while sizes.last() != Some(&FULL) {
            assert!(sizes.len() < 12, "{sizes:?}");
            let n = FULL.min(under_way - last);
            under_way = wanted(under_way, last, n, n == FULL);
            last = n;
            sizes.push(n);
        }
        assert_eq!(under_way, BATCHES * FULL);
    }
}

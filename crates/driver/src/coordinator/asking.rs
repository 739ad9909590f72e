//! Which ranks may want something: with ten thousand of them not all are looked at each time.

use std::collections::BTreeSet;

/// Ranks that may be short of something to read or to compute; all others are known to have enough.
#[derive(Debug)]
pub(super) struct Asking {
    n_ranks: usize,
    readers: BTreeSet<usize>,
    workers: BTreeSet<usize>,
    was_scarce: bool,
}

impl Asking {
    /// At first, all of them.
    pub(super) fn new(n_ranks: usize) -> Self {
        Self { n_ranks, readers: (0..n_ranks).collect(), workers: (0..n_ranks).collect(), was_scarce: false }
    }

    /// A rank has reported.
    pub(super) fn note(&mut self, rank: usize) {
        self.readers.insert(rank);
        self.workers.insert(rank);
    }

    /// The first that may read, from this one on.
    pub(super) fn next_reader(&self, from: usize) -> Option<usize> {
        self.readers.range(from..).next().copied()
    }

    /// This one has enough to read.
    pub(super) fn has_enough_to_read(&mut self, rank: usize) {
        self.readers.remove(&rank);
    }

    /// While little is left, ranks may have less: once there is more again, all are asked.
    pub(super) fn note_scarcity(&mut self, is_scarce: bool) {
        if std::mem::replace(&mut self.was_scarce, is_scarce) && !is_scarce {
            self.workers = (0..self.n_ranks).collect();
        }
    }

    /// The first that may be short of work, from this one on.
    pub(super) fn next_worker(&self, from: usize) -> Option<usize> {
        self.workers.range(from..).next().copied()
    }

    /// This one has enough to do.
    pub(super) fn has_enough_to_do(&mut self, rank: usize) {
        self.workers.remove(&rank);
    }
}

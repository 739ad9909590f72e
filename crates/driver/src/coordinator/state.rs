//! What the root keeps of its ranks and structures.

use crate::protocol::{Tally, Times, Work};
use mlip_store::cache::CacheIndex;
use mlip_store::{CrashPolicy, Ledger, RetryFailed, StructureDigest};
use std::path::Path;
use std::time::Duration;

/// A rank with less than this left for each worker is given more, seconds of predicted time:
/// longer than a question and its answer take between sleeping main threads.
pub(crate) const LOW_WATER_S: f64 = 0.05;

/// Time between two reports of progress of a rank that has enough to do: the root shall not be told by many more than a few
/// thousand a second.
pub(crate) fn report_every(n_ranks: usize) -> Duration {
    const SHORTEST: Duration = Duration::from_millis(200);
    const PER_RANK: Duration = Duration::from_micros(200);
    SHORTEST.max(PER_RANK * u32::try_from(n_ranks).unwrap_or(u32::MAX))
}

/// What to repeat, what to give up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) retry: RetryFailed,
    pub(crate) crashes: CrashPolicy,
    /// Structures handed out at a time, at most.
    pub(crate) longest: usize,
    /// A structure may take so many times what is predicted: 1 where the number of its evaluations is known beforehand.
    pub(crate) excess: f64,
}

/// What was computed before.
#[derive(Debug)]
pub(crate) struct Known {
    /// By earlier attempts of the run, and by this one as its ranks report.
    pub(crate) ledger: Ledger,
    /// By other runs.
    pub(crate) cached: CacheIndex,
}

impl Known {
    /// Nothing yet; what grows with the list goes into temporary files in `folder`.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { ledger: Ledger::new(folder), cached: CacheIndex::new(folder) }
    }
}

/// How a structure is to be treated.
#[derive(Debug)]
pub(super) struct Treatments {
    pub(super) digest: StructureDigest,
    pub(super) work: Vec<Work>,
}

#[derive(Debug, Default)]
pub(super) struct RankState {
    pub(super) workers: usize,
    pub(super) reads_out: usize,
    pub(super) reads_given: u32,
    pub(super) given: u64,
    pub(super) given_cost: f64,
    /// The same without corrections: these change while structures are out.
    pub(super) given_predicted: f64,
    pub(super) tally: Tally,
    pub(super) times: Vec<Times>,
    pub(super) has_first: bool,
    /// Suspects that it was given since it last had nothing to do.
    pub(super) suspects: usize,
}

impl RankState {
    pub(super) fn structures_out(&self) -> u64 {
        self.given.saturating_sub(self.tally.structures)
    }

    pub(super) fn cost_out(&self) -> f64 {
        self.given_cost - self.tally.cost
    }

    /// Part of what potentials predict for its structures that is done.
    pub(super) fn predicted_done(&self) -> f64 {
        if self.given_cost > 0.0 { self.given_predicted * (self.tally.cost / self.given_cost).min(1.0) } else { 0.0 }
    }

    /// Whether it has so much to do that nothing need wait behind it: what it asks then comes soon enough, and a costly
    /// structure behind another would be what all others wait for in the end.
    pub(super) fn is_busy_for_long(&self) -> bool {
        const LONG_S: f64 = 0.5;
        self.structures_out() >= self.workers as u64 && self.cost_out() > LONG_S * self.workers as f64
    }

    /// Whether it was given as much to read as it may have at a time.
    pub(super) fn reads_enough(&self) -> bool {
        self.reads_out > self.workers
    }

    pub(super) fn is_short_of_work(&self) -> bool {
        self.cost_out() < LOW_WATER_S * self.workers as f64
    }
}

/// Totals of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Totals {
    /// Entries of the list.
    pub entries: u64,
    /// Entries read so far.
    pub surveyed: u64,
    /// Entries that are no structure.
    pub unreadable: u64,
    /// Evaluations that earlier attempts have recorded.
    pub recorded: u64,
    /// Evaluations of this attempt: known so far.
    pub evaluations: u64,
    /// Evaluations of this attempt that ended.
    pub finished: u64,
    /// Evaluations among them that failed.
    pub failed: u64,
    /// Results among them that were taken from the cache.
    pub cached: u64,
    /// Evaluations in flight, those among them that ask again and again.
    pub in_flight: u64,
    /// Predicted time of the structures known so far, seconds on one core.
    pub cost: f64,
    /// Part of it that is done.
    pub cost_done: f64,
    /// Part of it that ranks have in hand.
    pub predicted_out: f64,
    /// Largest resident set of a rank, bytes.
    pub peak_bytes: u64,
}

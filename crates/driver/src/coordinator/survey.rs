//! Reading the list: who reads what, and how far ahead of the work.

use super::state::RankState;
use crate::protocol::{Order, ToRead};
use mlip_inputs::{Locator, Manifest};
use mlip_store::Ledger;
use mlip_store::journal::KeptEntry;
use mlip_store::report::FramesByEntry;
use std::error::Error;

/// Entries in one order to read, at most; the first orders of a rank are shorter, so that its first
/// result comes soon.
const LONGEST_READ: u64 = 64;
const FIRST_READ: u64 = 4;

/// Structures that are known and wait, at most, for each worker, and in all at least: the more, the better costly ones
/// can be begun first; the fewer, the less memory a long list takes.
const WINDOW_PER_WORKER: usize = 256;
const SMALLEST_WINDOW: usize = 8_192;
/// Two hundred megabytes.
const LARGEST_WINDOW: usize = 1 << 19;

/// The input list, and how far it was read.
pub(super) struct Survey {
    entries: Manifest,
    /// Entries before this one were handed out to be read.
    next_entry: u64,
    /// Entries that ranks have reported.
    pub(super) answered: u64,
    /// Entries among them that are no structure.
    pub(super) unreadable: u64,
    window: usize,
    /// What earlier attempts have journaled of entries: answers, and structures.
    surveys: FramesByEntry,
    structures: FramesByEntry,
}

impl Survey {
    /// For this many structure workers. What the ledger knows of is not read from its files again.
    pub(super) fn new(entries: Manifest, workers: usize, ledger: &Ledger) -> Self {
        let window = (WINDOW_PER_WORKER * workers).clamp(SMALLEST_WINDOW, LARGEST_WINDOW);
        let (surveys, structures) = (FramesByEntry::new(ledger.surveys()), FramesByEntry::new(ledger.structures()));
        Self { entries, next_entry: 0, answered: 0, unreadable: 0, window, surveys, structures }
    }

    pub(super) fn n_entries(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(super) fn locator(&self, entry: u64) -> Result<Locator, Box<dyn Error + Send + Sync>> {
        let found = usize::try_from(entry).map_or(Ok(None), |position| self.entries.get(position))?;
        Ok(found.ok_or_else(|| format!("the input list has no entry {entry} any more"))?.locator)
    }

    /// What an entry is called.
    pub(super) fn name(&self, entry: u64) -> Result<String, Box<dyn Error + Send + Sync>> {
        let found = usize::try_from(entry).map_or(Ok(None), |position| self.entries.get(position))?;
        Ok(found.map_or_else(|| format!("entry {entry}"), |entry| format!("{} ({})", entry.id, entry.locator)))
    }

    /// Whether every entry was handed out to be read.
    pub(super) fn is_handed_out(&self) -> bool {
        self.next_entry == self.n_entries()
    }

    /// Whether every entry is known.
    pub(super) fn is_over(&self) -> bool {
        self.is_handed_out() && self.answered == self.n_entries()
    }

    /// Whether enough structures wait to choose the costly ones among them.
    pub(super) fn may_compute(&self, waiting: usize) -> bool {
        self.is_handed_out() || waiting >= self.window / 2
    }

    /// Whether anything may be read while this many structures wait.
    pub(super) fn has_room(&self, waiting: usize) -> bool {
        !self.is_handed_out() && self.room(waiting) >= LONGEST_READ
    }

    fn room(&self, waiting: usize) -> u64 {
        let unanswered = self.next_entry - self.answered;
        (self.window as u64).saturating_sub(waiting as u64 + unanswered)
    }

    /// What a rank is to read next, while this many structures wait to be computed. An order holds at most `longest`.
    pub(super) fn next_read(
        &mut self,
        rank: &mut RankState,
        waiting: usize,
        longest: usize,
    ) -> Result<Option<Order>, Box<dyn Error + Send + Sync>> {
        let room = self.room(waiting);
        let left = self.n_entries() - self.next_entry;
        if left == 0 || rank.reads_enough() || room < LONGEST_READ {
            return Ok(None);
        }
        let longest = LONGEST_READ.min(longest.max(1) as u64);
        let length = (FIRST_READ << rank.reads_given.min(10)).min(longest).min(left);
        rank.reads_given += 1;
        rank.reads_out += 1;
        let range = self.next_entry..self.next_entry + length;
        self.next_entry += length;
        let read = |entry| self.locator(entry).map(|locator| ToRead { entry, locator, kept: self.kept(entry) });
        Ok(Some(Order::Read(range.map(read).collect::<Result<_, _>>()?)))
    }

    /// Where journals of earlier attempts hold an entry.
    pub(super) fn kept(&self, entry: u64) -> Option<KeptEntry> {
        let (survey, structures) = (self.surveys.latest(entry)?, self.structures.latest(entry)?);
        Some(KeptEntry { survey, structures })
    }

    /// The input list.
    pub(super) fn into_entries(self) -> Manifest {
        self.entries
    }
}

//! The share of one journal in the ledger.

use super::summary::{Death, RankSample};
use super::{JournalSummary, Ledger, LedgerEntry, Location, SurveyFrame};
use crate::journal::{JournalHeader, ScannedFrame};
use crate::{Frame, FrameRef, Tail, TaskKey};
use std::collections::HashMap;

/// Follows one journal frame by frame: one that is scanned, or the one that this rank writes.
///
/// A rank that notes every frame it appends has the ledger of its own journal without reading it again.
#[derive(Debug)]
pub struct JournalAccount {
    ledger: Ledger,
    summary: JournalSummary,
    in_flight: HashMap<TaskKey, bool>,
}

impl JournalAccount {
    /// Of the journal with this header.
    pub fn new(header: &JournalHeader) -> Self {
        Self::begin(header.attempt, header.rank, Some(header))
    }

    /// Attempt and rank are those of the file's name: they say where a record is found.
    pub(super) fn begin(attempt: u32, rank: u32, header: Option<&JournalHeader>) -> Self {
        let summary = JournalSummary {
            attempt,
            rank,
            n_ranks: header.map_or(0, |header| header.n_ranks),
            host: header.map_or_else(String::new, |header| header.host.clone()),
            started_unix_s: header.map_or(0, |header| header.started_unix_s),
            last_time_s: 0.0,
            peak_bytes: 0,
            n_records: 0,
            closed: false,
            tail: Tail::Clean,
        };
        Self { ledger: Ledger::default(), summary, in_flight: HashMap::new() }
    }

    /// Notes a frame that was appended.
    pub fn note(&mut self, frame: &Frame, place: FrameRef) {
        self.note_scanned(&ScannedFrame::of(frame), place);
    }

    pub(super) fn note_scanned(&mut self, frame: &ScannedFrame, place: FrameRef) {
        let location = Location { attempt: self.summary.attempt, rank: self.summary.rank, place };
        match frame {
            ScannedFrame::Started { key, alone } => {
                self.in_flight.insert(*key, *alone);
            }
            ScannedFrame::Finished(head) => {
                self.in_flight.remove(&head.key);
                self.summary.n_records += 1;
                self.ledger.entries.push(LedgerEntry::new(head, location));
            }
            ScannedFrame::Surveyed { first, last } => {
                self.ledger.surveys.push(SurveyFrame { first: *first, last: *last, location });
            }
            ScannedFrame::Memory(sample) => {
                self.summary.last_time_s = self.summary.last_time_s.max(sample.time_s);
                self.summary.peak_bytes = self.summary.peak_bytes.max(sample.peak_bytes);
                self.ledger.samples.push(RankSample { location, sample: sample.clone() });
            }
            ScannedFrame::Closed => self.summary.closed = true,
            ScannedFrame::Unknown => {}
        }
    }

    /// The ledger of this journal, to be handed to [`super::LedgerBuilder::absorb`].
    ///
    /// Call it when nothing is in flight any more; what still is does not count as dead.
    pub fn into_ledger(mut self) -> Ledger {
        self.in_flight.clear();
        self.end(Tail::Clean)
    }

    /// The ledger of a journal that was read to its end.
    pub(super) fn end(mut self, tail: Tail) -> Ledger {
        // Behind a corrupt frame the task may have ended and the journal been closed: nothing can be held against it.
        if !self.summary.closed && !matches!(tail, Tail::Corrupt { .. }) {
            let (attempt, rank) = (self.summary.attempt, self.summary.rank);
            let death = |(key, alone)| Death { key, attempt, rank, alone };
            self.ledger.deaths.extend(self.in_flight.into_iter().map(death));
        }
        self.summary.tail = tail;
        self.ledger.journals.push(self.summary);
        self.ledger
    }
}

//! The share of one journal in the ledger.

use super::part::{AnsweredFrame, CountedKills, Death, RankSample};
use super::{JournalSummary, LedgerEntry, LedgerPart, SurveyFrame};
use crate::journal::{JournalHeader, ScannedFrame};
use crate::{Frame, FrameRef, Location, MemoryKills, Tail, TaskKey};
use std::collections::HashMap;

/// An evaluation that began and has not ended.
#[derive(Debug, Clone, Copy)]
struct InFlight {
    alone: bool,
    /// Whether memory ran out since.
    pressed: bool,
}

/// Follows one journal frame by frame: one that is scanned, or the one that this rank writes.
///
/// A rank that notes every frame it appends knows its own journal without reading it again. What was noted is taken
/// out now and then, so that an account does not grow with its journal.
#[derive(Debug)]
pub struct JournalAccount {
    part: LedgerPart,
    summary: JournalSummary,
    in_flight: HashMap<TaskKey, InFlight>,
    /// What the process died of, where a signal says.
    fatal: Option<Option<TaskKey>>,
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
            draining: false,
            crashed: false,
            in_flight: 0,
            memory_kills: None,
            tail: Tail::Clean,
        };
        Self { part: LedgerPart::default(), summary, in_flight: HashMap::new(), fatal: None }
    }

    /// Notes a frame that was appended.
    pub fn note(&mut self, frame: &Frame, place: FrameRef) {
        self.note_scanned(&ScannedFrame::of(frame), place);
    }

    pub(super) fn note_scanned(&mut self, frame: &ScannedFrame, place: FrameRef) {
        let location = Location { attempt: self.summary.attempt, rank: self.summary.rank, place };
        match frame {
            ScannedFrame::Started { key, alone } => {
                self.in_flight.insert(*key, InFlight { alone: *alone, pressed: false });
            }
            ScannedFrame::Answered { key } => {
                // The process lived on with it: a death that follows has its cause in what begins after.
                self.in_flight.remove(key);
                self.part.answers.push(AnsweredFrame { key: *key, location });
            }
            ScannedFrame::Finished(head) => {
                self.in_flight.remove(&head.key);
                self.summary.n_records += 1;
                self.part.entries.push(LedgerEntry::new(head, location));
            }
            ScannedFrame::Surveyed { first, last } => {
                self.part.surveys.push(SurveyFrame { first: *first, last: *last, location });
            }
            ScannedFrame::Structures { first, last } => {
                self.part.structures.push(SurveyFrame { first: *first, last: *last, location });
            }
            ScannedFrame::Memory(sample) => {
                self.summary.last_time_s = self.summary.last_time_s.max(sample.time_s);
                self.summary.peak_bytes = self.summary.peak_bytes.max(sample.peak_bytes);
                self.part.samples.push(RankSample { location, sample: sample.clone() });
            }
            ScannedFrame::Fatal { key } => {
                // The first tells: a second thread may have died before the process was gone.
                self.fatal.get_or_insert(*key);
            }
            ScannedFrame::MemoryKills(MemoryKills { place, kills }) => {
                let known = self.summary.memory_kills.take().filter(|known| known.place == *place);
                let first = known.map_or(*kills, |known| known.first);
                self.summary.memory_kills = Some(CountedKills { place: place.clone(), first, last: *kills });
            }
            ScannedFrame::Pressed => self.in_flight.values_mut().for_each(|task| task.pressed = true),
            ScannedFrame::Draining => self.summary.draining = true,
            ScannedFrame::Closed => self.summary.closed = true,
            ScannedFrame::Unknown => {}
        }
    }

    /// Records noted and not taken out yet.
    pub fn len(&self) -> usize {
        self.part.entries.len()
    }

    /// Whether there are no records noted and not taken out yet.
    pub fn is_empty(&self) -> bool {
        self.part.entries.is_empty()
    }

    /// What was noted since the last time.
    pub fn take(&mut self) -> LedgerPart {
        std::mem::take(&mut self.part)
    }

    /// The rest, and at a glance the journal, which was closed in good order: what is in flight does not count as dead.
    pub fn into_part(mut self) -> LedgerPart {
        self.in_flight.clear();
        self.summary.closed = true;
        self.end(Tail::Clean)
    }

    /// The rest of a journal that was read to its end.
    pub(super) fn end(mut self, tail: Tail) -> LedgerPart {
        // Behind a corrupt frame the task may have ended and the journal been closed: nothing can be held against it.
        if !self.summary.closed && !matches!(tail, Tail::Corrupt { .. }) {
            let (attempt, rank) = (self.summary.attempt, self.summary.rank);
            let company = u32::try_from(self.in_flight.len()).unwrap_or(u32::MAX);
            self.summary.crashed = self.fatal.is_some();
            self.summary.in_flight = company;
            let only = self.in_flight.keys().next().filter(|_| company == 1).copied();
            let guilty = self.fatal.and_then(|key| key.or(only));
            let death = |(key, InFlight { alone, pressed })| Death {
                key,
                attempt,
                rank,
                company,
                alone,
                pressed,
                named: guilty == Some(key),
            };
            // One may die of what it prepares before it begins.
            let early = guilty.filter(|key| !self.in_flight.contains_key(key));
            let early = early.map(|key| (key, InFlight { alone: false, pressed: false }));
            let deaths = self.in_flight.into_iter().chain(early).map(death);
            // Where one is named, the others had bad luck.
            self.part.deaths.extend(deaths.filter(|death| death.named || guilty.is_none()));
        }
        self.summary.tail = tail;
        self.part.journals.push(self.summary);
        self.part
    }
}

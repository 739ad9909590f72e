//! Where a report finds what it prints.

use crate::journal::{OpenJournals, read_frame, read_record};
use crate::ledger::SurveyFrame;
use crate::{EntryState, Frame, Ledger, Location, Record, StoreError};
use std::path::Path;

/// Reads records from the journals of a run.
#[derive(Debug)]
pub(super) struct JournalRecords {
    journals: OpenJournals,
}

impl JournalRecords {
    /// Of the run in this folder.
    pub(super) fn new(run_dir: &Path) -> Self {
        Self { journals: OpenJournals::new(run_dir) }
    }

    /// The records at these places, in their order.
    ///
    /// # Errors
    /// When a journal cannot be read or was changed.
    pub(super) fn read(&mut self, locations: &[Location]) -> Result<Vec<Record>, StoreError> {
        let mut order: Vec<(usize, &Location)> = locations.iter().enumerate().collect();
        order.sort_by_key(|(_, location)| **location);
        let mut found = Vec::with_capacity(order.len());
        for (position, location) in order {
            let (path, file) = self.journals.get(location.attempt, location.rank)?;
            found.push((position, read_record(file, path, location.place)?));
        }
        found.sort_by_key(|(position, _)| *position);
        Ok(found.into_iter().map(|(_, record)| record).collect())
    }
}

/// Reads the answers of the survey from the journals of a run.
#[derive(Debug)]
pub struct JournalSurveys {
    /// By first entry; of those with the same in the order of the journals.
    frames: Vec<SurveyFrame>,
    /// Most entries from the first to the last of a frame.
    longest: u64,
    journals: OpenJournals,
}

impl JournalSurveys {
    /// Of the answers that this ledger knows.
    pub fn new(run_dir: &Path, ledger: &Ledger) -> Self {
        let mut frames: Vec<SurveyFrame> = ledger.surveys().collect();
        frames.sort_by_key(|frame| frame.first);
        let longest = frames.iter().map(|frame| frame.last.saturating_sub(frame.first) + 1).max().unwrap_or(0);
        Self { frames, longest, journals: OpenJournals::new(run_dir) }
    }

    /// Of the `count` entries from `first`; `None` where nobody looked yet.
    ///
    /// # Errors
    /// When an answer that is known to exist cannot be had.
    pub fn survey(&mut self, first: u64, count: usize) -> Result<Vec<Option<EntryState>>, StoreError> {
        let mut states = vec![None; count];
        let end = first.saturating_add(count as u64);
        let begin = self.frames.partition_point(|frame| frame.first.saturating_add(self.longest) <= first);
        let after = self.frames.partition_point(|frame| frame.first < end);
        let mut frames: Vec<SurveyFrame> = self.frames.get(begin..after).unwrap_or_default().to_vec();
        frames.retain(|frame| frame.last >= first);
        // In order of attempt: what a later one found overwrites what an earlier one did.
        frames.sort_by_key(|frame| frame.location);
        for frame in frames {
            let Location { attempt, rank, place } = frame.location;
            let (path, file) = self.journals.get(attempt, rank)?;
            let Frame::Surveyed(entries) = read_frame(file, path, place)? else {
                return Err(StoreError::Damaged { path: path.clone(), offset: place.offset, what: "survey" });
            };
            for surveyed in entries {
                let slot = surveyed.entry.checked_sub(first).and_then(|at| states.get_mut(usize::try_from(at).ok()?));
                if let Some(slot) = slot {
                    *slot = Some(surveyed.state);
                }
            }
        }
        Ok(states)
    }
}

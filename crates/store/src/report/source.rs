//! Where a report finds what it prints.

use crate::journal::{OpenJournals, read_frame, read_record};
use crate::ledger::SurveyFrame;
use crate::{EntryState, Frame, Ledger, Location, Record, StoreError, StructureDigest, SurveyedStructure};
use mlip_atoms::Structure;
use std::path::Path;
use std::sync::Arc;

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

    /// The structures of the entries from `first` on: of each the last whose digest is that of its state.
    ///
    /// # Errors
    /// When a journal cannot be read or was changed.
    pub(super) fn structures(
        &mut self,
        locations: &[Location],
        first: u64,
        states: &[Option<&EntryState>],
    ) -> Result<Vec<Option<Arc<Structure>>>, StoreError> {
        let mut found = vec![None; states.len()];
        for Location { attempt, rank, place } in locations {
            let (path, file) = self.journals.get(*attempt, *rank)?;
            let Frame::Structures(surveyed) = read_frame(file, path, *place)? else {
                return Err(StoreError::Damaged { path: path.clone(), offset: place.offset, what: "structures" });
            };
            for SurveyedStructure { entry, structure } in surveyed.structures {
                let position = entry.checked_sub(first).and_then(|at| usize::try_from(at).ok());
                let Some(position) = position.filter(|at| *at < states.len()) else { continue };
                if let Some(EntryState::Structure { digest, .. }) = states[position]
                    && *digest == StructureDigest::of(&structure)
                {
                    found[position] = Some(structure);
                }
            }
        }
        Ok(found)
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

/// Frames about entries, found by entry.
#[derive(Debug)]
pub struct FramesByEntry {
    /// By first entry; of those with the same in the order of the journals.
    frames: Vec<SurveyFrame>,
    /// Most entries from the first to the last of a frame.
    longest: u64,
}

impl FramesByEntry {
    /// Of these frames, in any order.
    pub fn new(frames: impl Iterator<Item = SurveyFrame>) -> Self {
        let mut frames: Vec<SurveyFrame> = frames.collect();
        frames.sort_by_key(|frame| frame.first);
        let longest = frames.iter().map(|frame| frame.last.saturating_sub(frame.first) + 1).max().unwrap_or(0);
        Self { frames, longest }
    }

    /// The last, in the order of the journals, from the first entry of which to the last this one lies.
    pub fn latest(&self, entry: u64) -> Option<Location> {
        let begin = self.frames.partition_point(|frame| frame.first.saturating_add(self.longest) <= entry);
        let near = self.frames.get(begin..).unwrap_or_default().iter().take_while(|frame| frame.first <= entry);
        near.filter(|frame| frame.last >= entry).map(|frame| frame.location).max()
    }

    /// Those with entries from `first` on and before `end`, in the order of the journals.
    pub(super) fn about(&self, first: u64, end: u64) -> Vec<Location> {
        let begin = self.frames.partition_point(|frame| frame.first.saturating_add(self.longest) <= first);
        let after = self.frames.partition_point(|frame| frame.first < end);
        let frames = self.frames.get(begin..after).unwrap_or_default();
        let mut found: Vec<Location> =
            frames.iter().filter(|frame| frame.last >= first).map(|frame| frame.location).collect();
        found.sort_unstable();
        found
    }
}

/// Reads the answers of the survey from the journals of a run.
#[derive(Debug)]
pub struct JournalSurveys {
    frames: FramesByEntry,
    journals: OpenJournals,
}

impl JournalSurveys {
    /// Of the answers that this ledger knows.
    pub fn new(run_dir: &Path, ledger: &Ledger) -> Self {
        Self { frames: FramesByEntry::new(ledger.surveys()), journals: OpenJournals::new(run_dir) }
    }

    /// Of the `count` entries from `first`; `None` where nobody looked yet.
    ///
    /// # Errors
    /// When an answer that is known to exist cannot be had.
    pub fn survey(&mut self, first: u64, count: usize) -> Result<Vec<Option<EntryState>>, StoreError> {
        let mut states = vec![None; count];
        // In order of attempt: what a later one found overwrites what an earlier one did.
        for Location { attempt, rank, place } in self.frames.about(first, first.saturating_add(count as u64)) {
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

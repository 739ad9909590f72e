//! Where a report finds what it prints.

use crate::journal::{journal_path, read_frame, read_record};
use crate::{EntryState, Frame, Ledger, Location, Record, StoreError, TaskKey};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Journals kept open at a time; far below the usual limit of 1024 files a process.
const MAX_OPEN: usize = 128;

/// A record and where it was made; travels between ranks as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fetched {
    /// The record.
    pub record: Record,
    /// Host of the rank that made it.
    pub host: String,
    /// That rank.
    pub rank: u32,
    /// In this launch of the run.
    pub attempt: u32,
}

/// Finds records: in the journals, or at other ranks.
pub trait RecordSource {
    /// One answer a key, in their order; `None` where there is no record.
    ///
    /// # Errors
    /// When a record that is known to exist cannot be had.
    fn fetch(&mut self, keys: &[TaskKey]) -> Result<Vec<Option<Fetched>>, StoreError>;
}

/// Finds what entries turned out to be.
pub trait SurveySource {
    /// Of the `count` entries from `first`; `None` where nobody looked yet.
    ///
    /// # Errors
    /// When an answer that is known to exist cannot be had.
    fn survey(&mut self, first: u64, count: usize) -> Result<Vec<Option<EntryState>>, StoreError>;
}

/// Journals opened on demand.
#[derive(Debug)]
struct OpenJournals {
    run_dir: PathBuf,
    files: HashMap<(u32, u32), (PathBuf, File)>,
}

impl OpenJournals {
    fn new(run_dir: &Path) -> Self {
        Self { run_dir: run_dir.to_owned(), files: HashMap::new() }
    }

    fn get(&mut self, attempt: u32, rank: u32) -> Result<&(PathBuf, File), StoreError> {
        if self.files.len() >= MAX_OPEN && !self.files.contains_key(&(attempt, rank)) {
            self.files.clear();
        }
        match self.files.entry((attempt, rank)) {
            std::collections::hash_map::Entry::Occupied(entry) => Ok(entry.into_mut()),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let path = journal_path(&self.run_dir, attempt, rank);
                let file = File::open(&path).map_err(StoreError::io("open", &path))?;
                Ok(entry.insert((path, file)))
            }
        }
    }
}

/// Reads records from the journals of a run.
#[derive(Debug)]
pub struct JournalRecords<'a> {
    ledger: &'a Ledger,
    journals: OpenJournals,
}

impl<'a> JournalRecords<'a> {
    /// Of the records that this ledger knows.
    pub fn new(run_dir: &Path, ledger: &'a Ledger) -> Self {
        Self { ledger, journals: OpenJournals::new(run_dir) }
    }

    /// The records at these places, in their order; what a rank answers to rank 0.
    ///
    /// # Errors
    /// When a journal cannot be read or was changed.
    pub fn read(&mut self, locations: &[Location]) -> Result<Vec<Fetched>, StoreError> {
        let mut order: Vec<(usize, &Location)> = locations.iter().enumerate().collect();
        order.sort_by_key(|(_, location)| **location);
        let mut found = Vec::with_capacity(order.len());
        for (position, location) in order {
            let (path, file) = self.journals.get(location.attempt, location.rank)?;
            let record = read_record(file, path, location.place)?;
            let host = self.ledger.host(location.attempt, location.rank).to_owned();
            found.push((position, Fetched { record, host, rank: location.rank, attempt: location.attempt }));
        }
        found.sort_by_key(|(position, _)| *position);
        Ok(found.into_iter().map(|(_, fetched)| fetched).collect())
    }
}

impl RecordSource for JournalRecords<'_> {
    fn fetch(&mut self, keys: &[TaskKey]) -> Result<Vec<Option<Fetched>>, StoreError> {
        let known = self.ledger.locations(keys)?;
        let locations: Vec<Location> = known.iter().flatten().copied().collect();
        let mut found = self.read(&locations)?.into_iter();
        Ok(known.into_iter().map(|location| location.and_then(|_| found.next())).collect())
    }
}

/// Reads the answers of the survey from the journals of a run.
#[derive(Debug)]
pub struct JournalSurveys<'a> {
    ledger: &'a Ledger,
    journals: OpenJournals,
}

impl<'a> JournalSurveys<'a> {
    /// Of the answers that this ledger knows.
    pub fn new(run_dir: &Path, ledger: &'a Ledger) -> Self {
        Self { ledger, journals: OpenJournals::new(run_dir) }
    }
}

impl SurveySource for JournalSurveys<'_> {
    fn survey(&mut self, first: u64, count: usize) -> Result<Vec<Option<EntryState>>, StoreError> {
        let mut states = vec![None; count];
        let end = first.saturating_add(count as u64);
        // In order of attempt: what a later one found overwrites what an earlier one did.
        for frame in self.ledger.surveys().filter(|frame| frame.first < end && frame.last >= first) {
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

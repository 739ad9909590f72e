//! Journals that are read here and there.

use super::attempts::journal_path;
use super::reader::read_frame;
use crate::{Answers, Frame, Location, StoreError};
use mlip_disk::File;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Journals kept open at a time; far below the usual limit of 1024 files a process.
const MAX_OPEN: usize = 128;

/// Journals opened on demand.
#[derive(Debug)]
pub(crate) struct OpenJournals {
    run_dir: PathBuf,
    files: HashMap<(u32, u32), (PathBuf, File)>,
}

impl OpenJournals {
    /// Of the run in this folder.
    pub(crate) fn new(run_dir: &Path) -> Self {
        Self { run_dir: run_dir.to_owned(), files: HashMap::new() }
    }

    /// The journal of a rank in an attempt.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn get(&mut self, attempt: u32, rank: u32) -> Result<&(PathBuf, File), StoreError> {
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

/// The answers at these places, in their order.
///
/// # Errors
/// When a journal cannot be read or was changed.
pub fn read_answers(run_dir: &Path, locations: &[Location]) -> Result<Vec<Answers>, StoreError> {
    let mut journals = OpenJournals::new(run_dir);
    let mut found = Vec::with_capacity(locations.len());
    for Location { attempt, rank, place } in locations {
        let (path, file) = journals.get(*attempt, *rank)?;
        let Frame::Answered(answers) = read_frame(file, path, *place)? else {
            return Err(StoreError::Damaged { path: path.clone(), offset: place.offset, what: "answers" });
        };
        found.push(answers);
    }
    Ok(found)
}

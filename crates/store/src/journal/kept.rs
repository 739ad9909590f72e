//! Entries that an earlier attempt has read, from its journals: a run does not need its input twice.

use super::OpenJournals;
use super::reader::read_frame;
use crate::{EntryState, Frame, Location, StoreError, StructureDigest, SurveyedEntry, SurveyedStructures};
use mlip_atoms::Structure;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// Where an entry lies that was read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptEntry {
    /// What the latest survey says of it, among others.
    pub survey: Location,
    /// Its structure, among others.
    pub structures: Location,
}

/// A structure as it was read first.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptStructure {
    /// The structure.
    pub structure: Arc<Structure>,
    /// Its digest.
    pub digest: StructureDigest,
    /// What was said of it: class and sentence.
    pub warnings: Vec<(String, String)>,
}

/// Reads entries from journals; a frame that several of them share is read once.
#[derive(Debug)]
pub struct KeptEntries {
    journals: OpenJournals,
    surveys: HashMap<Location, Vec<SurveyedEntry>>,
    structures: HashMap<Location, SurveyedStructures>,
}

impl KeptEntries {
    /// Of the run in this folder.
    pub fn new(run_dir: &Path) -> Self {
        Self { journals: OpenJournals::new(run_dir), surveys: HashMap::new(), structures: HashMap::new() }
    }

    /// The structure of an entry; `None` where the latest survey could not read it, or read another one.
    ///
    /// # Errors
    /// When a journal cannot be read or was changed.
    pub fn get(&mut self, entry: u64, kept: KeptEntry) -> Result<Option<KeptStructure>, StoreError> {
        let KeptEntry { survey, structures } = kept;
        if !self.surveys.contains_key(&survey) {
            let Frame::Surveyed(entries) = self.frame(survey)? else { return Err(self.damaged(survey, "survey")) };
            self.surveys.insert(survey, entries);
        }
        let said = self.surveys.get(&survey).and_then(|said| said.iter().find(|said| said.entry == entry));
        let Some(EntryState::Structure { digest, warnings, .. }) = said.map(|said| &said.state) else {
            return Ok(None);
        };
        let (digest, warnings) = (*digest, warnings.clone());
        if !self.structures.contains_key(&structures) {
            let Frame::Structures(surveyed) = self.frame(structures)? else {
                return Err(self.damaged(structures, "structures"));
            };
            self.structures.insert(structures, surveyed);
        }
        let surveyed = self.structures.get(&structures).map(|surveyed| surveyed.structures.as_slice());
        let found = surveyed.unwrap_or_default().iter().find(|found| found.entry == entry);
        let found = found.filter(|found| StructureDigest::of(&found.structure) == digest);
        Ok(found.map(|found| KeptStructure { structure: found.structure.clone(), digest, warnings }))
    }

    fn frame(&mut self, at: Location) -> Result<Frame, StoreError> {
        let (path, file) = self.journals.get(at.attempt, at.rank)?;
        read_frame(file, path, at.place)
    }

    fn damaged(&mut self, at: Location, what: &'static str) -> StoreError {
        match self.journals.get(at.attempt, at.rank) {
            Ok((path, _)) => StoreError::Damaged { path: path.clone(), offset: at.place.offset, what },
            Err(error) => error,
        }
    }
}

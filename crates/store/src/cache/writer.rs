//! Puts results into a cache.

use super::CacheFolder;
use crate::journal::EncodedFrame;
use crate::{Frame, JournalHeader, JournalWriter, Record, StoreError};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

/// Files of one rank in one attempt, at most: there is something wrong with more copies of one run.
const MAX_COPIES: u32 = 1000;

/// The one writer of the files of one rank in one attempt; a file appears with its first result.
#[derive(Debug)]
pub struct CacheWriter {
    folder: CacheFolder,
    header: JournalHeader,
    files: BTreeMap<u16, JournalWriter>,
}

impl CacheWriter {
    /// For the rank that writes the journal with this header.
    pub fn new(folder: CacheFolder, header: JournalHeader) -> Self {
        Self { folder, header, files: BTreeMap::new() }
    }

    /// Adds a result.
    ///
    /// # Errors
    /// When the disk is full or fails. The results so far stay.
    pub fn put(&mut self, record: &Record) -> Result<(), StoreError> {
        let Some(folder) = self.folder.folder(record.potential) else { return Ok(()) };
        let writer = match self.files.entry(record.potential) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => entry.insert(create(folder, &self.header)?),
        };
        let frame = EncodedFrame::new(&Frame::Finished(record.clone()), writer.path())?;
        writer.append_encoded(&frame).map(drop)
    }

    /// Syncs and closes the files.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn close(self) -> Result<(), StoreError> {
        self.files.into_values().try_for_each(JournalWriter::close)
    }
}

/// A file of its own, also where a run was copied and both copies go on.
fn create(folder: &Path, header: &JournalHeader) -> Result<JournalWriter, StoreError> {
    let JournalHeader { run, attempt, rank, .. } = header;
    let mut copy = 0;
    loop {
        let path = folder.join(format!("{run}-{attempt:04}-{rank:05}-{copy}.results"));
        match JournalWriter::create_at(&path, header) {
            Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::AlreadyExists && copy < MAX_COPIES => {
                copy += 1;
            }
            made => return made,
        }
    }
}

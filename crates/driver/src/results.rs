//! The results that runs share, as one rank uses them.

use mlip_store::cache::{CacheFolder, CachePlace, CacheReader, CacheWriter};
use mlip_store::{JournalHeader, Record, StoreError, TaskKey};
use std::sync::{Mutex, PoisonError};

/// Takes and puts results for all threads of a rank.
///
/// A cache that cannot be written any more (its disk is full) does not stop the run: it only is not added to.
#[derive(Debug)]
pub(crate) struct SharedResults {
    reader: CacheReader,
    writer: Mutex<Option<CacheWriter>>,
}

impl SharedResults {
    pub(crate) fn new(folder: CacheFolder, header: &JournalHeader) -> Self {
        let writer = CacheWriter::new(folder.clone(), header.clone());
        Self { reader: CacheReader::new(folder), writer: Mutex::new(Some(writer)) }
    }

    /// The result of a task, as a record of this potential.
    pub(crate) fn take(&self, key: TaskKey, potential: u16, place: CachePlace) -> Option<Record> {
        self.reader.take(key, potential, place)
    }

    /// Adds a result; the error comes once.
    pub(crate) fn put(&self, record: &Record) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = writer.as_mut() else { return Ok(()) };
        open.put(record).inspect_err(|_| *writer = None)
    }

    /// Syncs what was added.
    pub(crate) fn close(&self) -> Result<(), StoreError> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), CacheWriter::close)
    }
}

//! Which results a cache holds.

use crate::ledger::bytes_at;
use crate::{FrameRef, StoreError, TaskKey};
use mlip_spill::{Table, Value};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Where a result lies in a cache. Means the same on every rank of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CachePlace {
    /// Position in the list of files that the root made.
    pub segment: u32,
    /// Place in that file.
    pub place: FrameRef,
}

impl Value for CachePlace {
    const BYTES: usize = 16;

    fn write(&self, bytes: &mut [u8]) {
        bytes[..4].copy_from_slice(&self.segment.to_le_bytes());
        bytes[4..12].copy_from_slice(&self.place.offset.to_le_bytes());
        bytes[12..].copy_from_slice(&self.place.len.to_le_bytes());
    }

    fn read(bytes: &[u8]) -> Self {
        let place =
            FrameRef { offset: u64::from_le_bytes(bytes_at(bytes, 4)), len: u32::from_le_bytes(bytes_at(bytes, 12)) };
        Self { segment: u32::from_le_bytes(bytes_at(bytes, 0)), place }
    }
}

/// Places by key, on disk but for some. In whatever order they come, of several of a key the first counts.
#[derive(Debug)]
pub struct CacheIndex {
    places: Table<CachePlace>,
}

impl CacheIndex {
    /// A temporary file will lie in this folder once there are many results; in that for temporary files if the
    /// path is empty.
    pub fn new(folder: &Path) -> Self {
        Self { places: Table::new(folder) }
    }

    /// Adds a result.
    ///
    /// # Errors
    /// When temporary files cannot be used.
    pub fn insert(&mut self, key: TaskKey, place: CachePlace) -> Result<(), StoreError> {
        Ok(self.places.insert(key.0, place)?)
    }

    /// Where the result of a task lies.
    ///
    /// # Errors
    /// When temporary files cannot be read.
    pub fn get(&self, key: &TaskKey) -> Result<Option<CachePlace>, StoreError> {
        Ok(self.places.get(&key.0)?)
    }
}

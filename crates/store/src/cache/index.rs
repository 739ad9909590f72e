//! Which results a cache holds.

use crate::{FrameRef, TaskKey};
use serde::{Deserialize, Serialize};

/// Where a result lies in a cache. Means the same on every rank of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CachePlace {
    /// Position in the list of files that the root made.
    pub segment: u32,
    /// Place in that file.
    pub place: FrameRef,
}

/// Places by key: 40 bytes a result.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CacheIndex {
    /// By key once [`CacheIndex::settle`] was called.
    places: Vec<(TaskKey, CachePlace)>,
}

impl CacheIndex {
    pub(super) fn push(&mut self, key: TaskKey, place: CachePlace) {
        self.places.push((key, place));
    }

    /// Adds all that another index holds.
    pub fn absorb(&mut self, other: Self) {
        self.places.extend(other.places);
    }

    /// Makes ready for [`CacheIndex::get`], in whatever order parts came.
    pub fn settle(&mut self) {
        self.places.sort_unstable();
        self.places.dedup_by_key(|(key, _)| *key);
        self.places.shrink_to_fit();
    }

    /// Where the result of a task lies.
    pub fn get(&self, key: &TaskKey) -> Option<CachePlace> {
        let found = self.places.binary_search_by_key(key, |(key, _)| *key).ok()?;
        self.places.get(found).map(|(_, place)| *place)
    }

    /// Number of results.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

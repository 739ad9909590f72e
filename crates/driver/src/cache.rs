//! Structures that the survey has read and that may be computed on the same rank soon.

use mlip_atoms::Structure;
use mlip_store::StructureDigest;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Memory for it on a rank, bytes: some 60,000 cells of ten atoms.
pub(crate) const LIMIT_BYTES: usize = 32 << 20;

/// A structure and its digest.
#[derive(Debug, Clone)]
pub(crate) struct Digested {
    pub(crate) structure: Arc<Structure>,
    pub(crate) digest: StructureDigest,
}

impl Digested {
    pub(crate) fn new(structure: Structure) -> Self {
        let digest = StructureDigest::of(&structure);
        Self { structure: Arc::new(structure), digest }
    }
}

/// Holds what fits; the rest is read again.
#[derive(Debug, Default)]
pub(crate) struct StructureCache {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    by_entry: HashMap<u64, Digested>,
    bytes: usize,
}

/// Roughly what a structure takes with its place in the map.
fn bytes(structure: &Structure) -> usize {
    400 + 25 * structure.n_atoms()
}

impl StructureCache {
    /// Keeps a structure if there is room.
    pub(crate) fn put(&self, entry: u64, structure: &Digested) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let size = bytes(&structure.structure);
        if held.bytes + size <= LIMIT_BYTES && held.by_entry.insert(entry, structure.clone()).is_none() {
            held.bytes += size;
        }
    }

    /// What it holds, bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).bytes
    }

    /// Takes a structure out.
    pub(crate) fn take(&self, entry: u64) -> Option<Digested> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let found = held.by_entry.remove(&entry)?;
        held.bytes -= bytes(&found.structure);
        Some(found)
    }
}

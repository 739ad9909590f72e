//! Where structures come from, as orchestration sees it.

use mlip_atoms::Structure;
use mlip_tasks::Failure;
use std::error::Error;

/// One entry of the input list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id in the tables.
    pub id: String,
    /// Where it came from, for the tables.
    pub path: String,
    /// What a [`StructureSource`] needs to read it.
    pub locator: String,
}

/// The input list of a run. Only rank 0 holds it.
pub trait EntryList: Send {
    /// Number of entries.
    fn len(&self) -> u64;

    /// Whether there is nothing to do.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry at this position, from 0.
    ///
    /// # Errors
    /// When the list cannot be read, or is shorter.
    fn get(&self, position: u64) -> Result<Entry, Box<dyn Error + Send + Sync>>;
}

/// A structure, and what its reader remarked.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The structure.
    pub structure: Structure,
    /// Class and sentence of each warning.
    pub warnings: Vec<(String, String)>,
}

/// Reads entries. Shared by all workers of a rank.
pub trait StructureSource: Send + Sync {
    /// The structure behind a locator.
    ///
    /// # Errors
    /// A failure record when there is no structure that can be computed.
    fn load(&self, locator: &str) -> Result<Loaded, Failure>;
}

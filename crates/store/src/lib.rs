//! Everything on disk: the journal that makes a run resumable, and the CSVs made from it.
//!
//! Module order, each using only those before it:
//! `error` ← `key` ← `prediction` ← `record`, `surveyed_structures` ← `frame` ← `journal` ← `ledger`, `cache` ← `atomic_file` ← `run_file`, `run_lock` ← `report`; `samples` for tests.

mod atomic_file;
mod error;
mod frame;
mod key;
mod prediction;
mod record;
mod run_file;
mod surveyed_structures;

#[cfg(test)]
mod samples;

pub mod cache;
pub mod journal;
pub mod ledger;
pub mod report;
pub mod run_lock;

pub use atomic_file::AtomicFile;
pub use error::StoreError;
pub use frame::{Answers, CHARGE_UNUSED, EntryState, Frame, MemoryKills, MemorySample, SPIN_IMPOSSIBLE, SurveyedEntry};
pub use journal::{
    Attempts, FrameRef, JournalFile, JournalHeader, JournalReader, JournalWriter, Location, RunId, Tail,
};
pub use key::{StructureDigest, TaskKey};
pub use ledger::{CrashPolicy, Ledger, LedgerPart, RetryFailed, TaskState};
pub use record::{Record, RecordHead};
pub use run_file::{read_run_file, write_run_file};
pub use run_lock::RunLock;
pub use surveyed_structures::{SurveyedStructure, SurveyedStructures};

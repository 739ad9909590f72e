//! Everything on disk: the journal that makes a run resumable, and the CSVs made from it.
//!
//! Module order: `key` ← `record` ← `frame` ← `journal` ← `report`.

mod frame;
mod key;
mod record;

pub use frame::{EntryState, Frame, MemorySample, SurveyedEntry};
pub use key::{StructureDigest, TaskKey};
pub use record::Record;

//! Append-only, checksummed files: one a rank and attempt.
//!
//! Module order: `format` ← `fatal` ← `writer`, `reader` ← `attempts`, `location` ← `open` ← `kept`.

mod attempts;
mod fatal;
mod format;
mod kept;
mod location;
mod open;
mod reader;
mod writer;

#[cfg(test)]
mod tests;

pub use attempts::{Attempts, JournalFile};
pub use fatal::FatalLog;
pub use format::{EncodedFrame, FORMAT_MAJOR, FORMAT_MINOR, JournalHeader, MAX_PAYLOAD, RunId, ScannedFrame};
pub use kept::{KeptEntries, KeptEntry, KeptStructure};
pub use location::Location;
pub(crate) use open::OpenJournals;
pub use open::read_answers;
pub use reader::{FrameRef, JournalReader, Tail, read_frame, read_record};
pub(crate) use writer::sync_folder;
pub use writer::{JournalSync, JournalWriter};

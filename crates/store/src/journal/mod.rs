//! Append-only, checksummed files: one a rank and attempt.
//!
//! Module order: `format` ← `writer`, `reader` ← `attempts`.

mod attempts;
mod format;
mod reader;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use attempts::journal_path;
pub use attempts::{Attempts, JournalFile};
pub use format::{EncodedFrame, FORMAT_MAJOR, FORMAT_MINOR, JournalHeader, MAX_PAYLOAD, RunId, ScannedFrame};
pub use reader::{FrameRef, JournalReader, Tail, read_frame, read_record};
pub(crate) use writer::sync_folder;
pub use writer::{JournalSync, JournalWriter};

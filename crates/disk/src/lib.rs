//! Access to files and the clock, under the names of the standard library, so that a test may decide what becomes of each
//! call: an error, fewer bytes, or the end of the process before, within or behind it.
//!
//! What is written for a run goes through here; texts that users name and unnamed temporary files do not. Without a
//! [`Faults`] each call costs one load of an atomic.
//!
//! Module order: `faults` ← `file` ← `names`, `clock`.

mod clock;
mod faults;
mod file;
mod names;

pub use clock::now;
pub use faults::{Action, Faults, Operation, Verdict, inject};
pub use file::{File, OpenOptions};
pub use names::{create_dir_all, hard_link, metadata, read, read_dir, read_to_string, remove_file, rename, write};

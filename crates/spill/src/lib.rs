//! What grows with the length of a list, kept on disk.
//!
//! [`Table`] finds values by digest, [`Log`] holds bytes in the order in which they came. Both keep in memory what came
//! last, some megabytes, and the rest in a temporary file, which is gone with the process, whatever ends it.
//!
//! Memory, for each row of a table that is on disk: 1.4 bytes (with which most lookups for keys that are not there end
//! without reading): 17 MB for ten million (docs/performance.md).
//!
//! Module order: `error`, `row` ← `log` ← `filter` ← `run` ← `table`.

mod error;
mod filter;
mod log;
mod row;
mod run;
mod table;

pub use error::SpillError;
pub use log::Log;
pub use row::{Key, Value};
pub use table::Table;

//! Results of all runs that share a folder: what one has computed, another need not.
//!
//! ```text
//! DIR/v1/PROGRAM-VERSION/POTENTIAL-DIGEST/RUN-AAAA-RRRRR-N.results
//! ```
//!
//! A folder for each potential, with its weights, precision and settings; in it a file for each rank of each attempt of
//! each run that found something new. The files have the form of journals and are used like them: one writer, one
//! `write(2)` a result, checksums, a torn tail is skipped. So any number of runs may read and write at once, and
//! whatever is killed harms nobody. Only results are kept, no failures.
//!
//! Module order: `index` ← `folder` ← `reader`, `writer`.

mod folder;
mod index;
mod reader;
mod writer;

#[cfg(test)]
mod tests;

pub use folder::{CacheFolder, Segment};
pub use index::{CacheIndex, CachePlace};
pub use reader::CacheReader;
pub use writer::CacheWriter;

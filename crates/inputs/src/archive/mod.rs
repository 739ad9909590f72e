//! Archives: TAR, plain or compressed, and ZIP.
//!
//! Structures in a plain TAR and in a ZIP are read where they lie. A compressed TAR can only be read from its beginning,
//! so it is unpacked once, on rank 0, into the spool: one file beside the manifest, however many members there are.
//!
//! Module order: `member` ← `tar`, `zip` ← `open`.

mod member;
mod open;
mod tar;
#[cfg(test)]
mod tests;
mod zip;

pub(crate) use open::{is_archive, read_archive};

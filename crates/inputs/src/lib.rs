//! Where structures come from: list files, folders, archives, single CIFs, XYZ and JSON files and POSCARs, CSV tables.
//!
//! Rank 0 turns the command line into [`Source`]s, [`enumerate`]s them once into a [`Manifest`] and writes that to
//! `RUN/inputs.manifest`; whoever is handed an [`Entry`] [`load`]s it.
//!
//! Module order: `error`, `compression` ← `names` ← `escape` ← `locator` ← `manifest` ← `split`, `spool` ← `divide` ←
//! `source` ← (`list`, `directory`, `table`, `archive`) ← `enumerate`; `manifest`, `spool` ← `compose`; `locator` ← `load`.

mod archive;
mod compose;
mod compression;
mod directory;
mod divide;
mod enumerate;
mod error;
mod escape;
mod list;
mod load;
mod locator;
mod manifest;
mod names;
mod source;
mod split;
mod spool;
mod table;

pub use compose::{ListDigest, extended, joined, portion};
pub use enumerate::{Enumeration, enumerate};
pub use error::InputError;
pub use load::{LoadOptions, load};
pub use locator::{Columns, Entry, Locator, MAX_CIF_BYTES, Packing, Part};
pub use manifest::Manifest;
pub use source::Source;
pub use split::Blocks;

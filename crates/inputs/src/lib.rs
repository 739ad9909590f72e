//! Where structures come from: list files, folders, single CIFs, CSV tables.
//!
//! Rank 0 turns the command line into [`Source`]s, [`enumerate`]s them once into a [`Manifest`] and writes that to
//! `RUN/inputs.manifest`; whoever is handed an [`Entry`] [`load`]s it.
//!
//! Module order: `error` ← `escape` ← `locator` ← `manifest` ← `source` ← (`list`, `directory`, `table`) ← `enumerate`;
//! `locator` ← `load`.

mod directory;
mod enumerate;
mod error;
mod escape;
mod list;
mod load;
mod locator;
mod manifest;
mod source;
mod table;

pub use enumerate::enumerate;
pub use error::InputError;
pub use load::load;
pub use locator::{Entry, Locator, MAX_CIF_BYTES};
pub use manifest::Manifest;
pub use source::Source;

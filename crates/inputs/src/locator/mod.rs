//! One structure of the input and where its text is.
//!
//! Module order: `place` ← `handle` ← `cell` ← `read`.

mod cell;
mod handle;
mod place;
mod read;
#[cfg(test)]
mod tests;

pub use place::{Columns, Entry, Locator, MAX_CIF_BYTES, Packing, Part};

//! Finds the structures in a text that holds several, reading it once from front to back.
//!
//! Memory does not grow with the text: of a line only its beginning is kept.
//!
//! Module order: `piece`, `lines` ← `cif`, `json`, `xyz` ← `walk`.

mod cif;
mod json;
mod lines;
mod piece;
mod walk;
mod xyz;

pub use piece::Blocks;
pub(crate) use piece::{Found, Piece};
pub(crate) use walk::split;

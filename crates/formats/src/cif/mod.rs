//! Crystallographic Information Files: from text to a structure whose every site holds exactly one atom.
//!
//! [`parse_cif`] never panics, takes time proportional to the number of bytes and of generated atoms, and refuses
//! what would take unbounded memory. What it accepts, warns of and refuses is described in `docs/cif.md`.
//!
//! Module order: `error` ← `lexer` ← `block` ← `document`; `block` ← `number` ← `cell`, `formula` ← `element`; `structure` ← `sites`;
//! `symmetry` ← `expand` ← `merge` ← `choose` ← `build` ← `parse`.

mod block;
mod build;
mod cell;
mod choose;
mod document;
mod element;
mod error;
mod expand;
mod formula;
mod lexer;
mod merge;
mod number;
mod parse;
mod sites;
mod structure;
mod symmetry;

pub use element::element_of_symbol;
pub use error::{CifClass, CifError, CifWarning};
pub use parse::{MAX_BYTES, parse_cif};
pub use structure::{CifOptions, CifStructure, Coordinates};

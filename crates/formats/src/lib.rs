//! What structures are written in: readers of CIF, extended XYZ, POSCAR and pymatgen's JSON, from bytes to a structure.
//!
//! No files, archives or encodings of names: those are `mlip-inputs`'. A reader never panics, whatever the bytes are.
//!
//! Module order, each using only those before it: `cif`, `format`, `text` ← `xyz`, `poscar`, `json`.

pub mod cif;
mod format;
mod json;
mod poscar;
mod text;
mod xyz;

pub use format::{Format, Parsed};
pub use json::parse_json;
pub use poscar::parse_poscar;
pub use text::{parse_spin, parse_whole};
pub use xyz::parse_xyz;

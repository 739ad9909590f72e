//! What structures are written in: readers of CIF, extended XYZ, POSCAR and pymatgen's JSON, from bytes to a structure.
//!
//! No files, archives or encodings of names: those are `mlip-inputs`'. A reader never panics, whatever the bytes are.
//!
//! Module order, each using only those before it: `cif`, `format`, `text`, `comment_line`, `json_of_python` ← `xyz`, `poscar`, `json`; `text`,
//! `covalent_radii` ← `matter`.

pub mod cif;
mod comment_line;
mod covalent_radii;
mod format;
mod json;
mod json_of_python;
mod matter;
mod poscar;
mod text;
mod xyz;

pub use format::{Format, Parsed};
pub use json::parse_json;
pub use json_of_python::text_within_json;
pub use matter::check_matter;
pub use poscar::parse_poscar;
pub use text::{parse_spin, parse_whole};
pub use xyz::parse_xyz;

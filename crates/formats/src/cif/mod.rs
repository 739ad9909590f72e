//! Crystallographic Information Files: from text to a structure whose every site holds exactly one atom.
//!
//! [`parse_cif`] never panics, takes time proportional to the number of bytes and of generated atoms, and refuses
//! what would take unbounded memory. What it accepts, warns of and refuses is described in `docs/cif.md`.
//!
//! Module order: `error` ← `lexer` ← `block` ← `document`; `block` ← `number` ← `cell`, `formula` ← `element` ← `sites`;
//! `symmetry` ← `expand` ← `merge` ← `choose` ← `build`.

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
mod sites;
mod symmetry;

pub use error::{CifClass, CifError, CifWarning};

use mlip_atoms::{Frame, Species, Structure};

/// How a CIF becomes a structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CifOptions {
    /// Cartesian axes of the cell.
    pub frame: Frame,
}

/// What was read from a file.
#[derive(Debug, Clone, PartialEq)]
pub struct CifStructure {
    /// The whole cell of the file (not reduced to a primitive one). Positions are those of the file, and for
    /// generated images what the symmetry operation gives: neither is wrapped into the cell.
    pub structure: Structure,
    /// Lengths in Å and angles in degrees, as in the file.
    pub parameters: ([f64; 3], [f64; 3]),
    /// What is remarkable: one a class.
    pub warnings: Vec<CifWarning>,
}

/// Longest file that is parsed.
pub const MAX_BYTES: usize = 64 << 20;

/// Reads the first block that has a cell and atoms.
///
/// # Errors
/// When the file is broken, or describes something that cannot be computed: see [`CifClass`].
pub fn parse_cif(bytes: &[u8], options: &CifOptions) -> Result<CifStructure, CifError> {
    if bytes.len() > MAX_BYTES {
        return Err(CifError::new(
            CifClass::TooLarge,
            None,
            format!("the file has {} MiB, more than {}", bytes.len() >> 20, MAX_BYTES >> 20),
            "remove reflection data and images",
        ));
    }
    let mut warnings = error::Warnings::default();
    let document = document::parse_document(bytes, &mut warnings)?;
    let chosen = build::choose_block(&document, &mut warnings)?;
    build::build(chosen, options, warnings)
}

/// The element that a type symbol stands for, and whether it is an isotope of hydrogen: `Ti`, `TI`, `Ti4+`, `O2-`, `D`.
/// `None` for what is no element: a vacancy, a group such as `NH4`.
pub fn element_of_symbol(text: &str) -> Option<(Species, bool)> {
    element::from_type_symbol(text, None).map(|reading| (reading.species, reading.is_isotope))
}

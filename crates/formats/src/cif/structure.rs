//! What is asked for, and what was read.

use super::error::CifWarning;
use mlip_atoms::{Frame, Structure};

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

//! The way of a relaxation.

use serde::{Deserialize, Serialize};

/// A structure on the way, with the numbers by which the way goes on: the end of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrajectoryFrame {
    /// Rows are the lattice vectors, Å.
    pub lattice: [[f64; 3]; 3],
    /// `[n_atoms]` fractional positions. Sites are not brought back into the cell: their ways are without jumps.
    pub fractional: Vec<[f64; 3]>,
    /// Without pressure times volume, eV.
    pub energy: f64,
    /// `[n_atoms]` the potential's own, eV/Å.
    pub forces: Vec<[f64; 3]>,
    /// The potential's own, eV/Å^3, xx, yy, zz, yz, xz, xy, tension positive; `None` where it gives none.
    pub stress: Option<[f64; 6]>,
}

impl TrajectoryFrame {
    /// Memory that a frame takes, bytes.
    pub(crate) fn bytes(n_atoms: usize) -> u64 {
        200 + 48 * n_atoms as u64
    }
}

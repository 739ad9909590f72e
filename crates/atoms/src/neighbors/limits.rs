//! What a search may take: cells and cutoffs that no crystal has are refused before it begins.

use crate::{PredictError, Structure};
use std::f64::consts::PI;

/// Most pairs of a list. Directed edges are counted in 32 bits, and this many pairs take 7 GiB. A dense crystal of as
/// many atoms as are read (250,000) has a tenth of it within 6 Å.
pub(super) const MAX_PAIRS: usize = 1 << 27;

/// Most bins around an atom, with their images, that are looked at: some milliseconds. A cell whose opposite faces are
/// 0.15 Å apart in all directions reaches it at a cutoff of 6 Å.
const MAX_BINS: f64 = 1e6;

/// Most atoms in those bins, on average: some milliseconds for every atom.
const MAX_AROUND: f64 = 1e7;

/// Refuses a search that would look at more bins than [`MAX_BINS`], or atoms than [`MAX_AROUND`], for every atom, or find
/// more than [`MAX_PAIRS`].
///
/// `bins`: of the cell, in each direction; `reach`: to look at on either side, a number that may be too large for an
/// integer.
pub(super) fn check(structure: &Structure, cutoff: f64, bins: [i32; 3], reach: [f64; 3]) -> Result<(), PredictError> {
    let lattice = structure.lattice();
    let n_bins = reach.iter().map(|reach| 2.0 * reach + 1.0).product::<f64>();
    let n_atoms = structure.n_atoms() as f64;
    let around = n_bins * n_atoms / bins.iter().map(|n| f64::from(*n)).product::<f64>();
    // Also when it is no number.
    if n_bins.is_nan() || n_bins > MAX_BINS || around > MAX_AROUND {
        return Err(PredictError::TooManyImages { cutoff, heights: lattice.heights() });
    }
    // A ball of the cutoff around every atom, filled as densely as the cell; every pair is in two of them.
    let expected = 0.5 * n_atoms * n_atoms * (4.0 / 3.0 * PI * cutoff.powi(3)) / lattice.volume();
    check_pairs(structure, cutoff, expected as usize, MAX_PAIRS)
}

/// Refuses more pairs than a list may have.
pub(super) fn check_pairs(
    structure: &Structure,
    cutoff: f64,
    n_pairs: usize,
    limit: usize,
) -> Result<(), PredictError> {
    if n_pairs <= limit {
        return Ok(());
    }
    let (n_atoms, volume) = (structure.n_atoms(), structure.lattice().volume());
    Err(PredictError::TooManyNeighbors { n_pairs, cutoff, n_atoms, volume })
}

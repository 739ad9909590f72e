//! Which bins of a row can hold a neighbor.
//!
//! A row holds the bins that differ along the third lattice direction alone. Together they are a rod in that direction; its
//! cross section is the parallelogram of a bin's other two edges, seen along the third. A ball around an atom reaches a
//! stretch of the rod that is no longer than the ball's chord at the rod's least distance from the atom, and what the bins'
//! slant adds. Other bins of the row hold no neighbor, though they may lie between the planes that touch the ball.

use crate::lattice::{dot, norm};

/// Parts of a bin's size by which everything is taken larger than computed, against rounding.
const SLACK: f64 = 1e-6;

/// Rounding of sums over many cells, in parts of their length.
const ROUNDING: f64 = 1e-12;

/// Rows of the bins of one search.
pub(super) struct RowsOfBins {
    /// The first two edges of a bin, seen along the third, Å.
    across: [[f64; 3]; 2],
    /// Their parts along the third, Å.
    along: [f64; 2],
    /// Lengths of all edges, Å.
    lengths: [f64; 3],
    /// No point of a bin is further from the middle of its row, across and along, Å.
    half_width: f64,
    half_step: f64,
    /// Å².
    limit: f64,
}

impl RowsOfBins {
    /// `vectors`: of the lattice, Å; `bins` in each direction; `limit`: square of the cutoff, Å².
    pub(super) fn new(vectors: &[[f64; 3]; 3], bins: [i32; 3], limit: f64) -> Self {
        let edges: [[f64; 3]; 3] = std::array::from_fn(|k| vectors[k].map(|x| x / f64::from(bins[k])));
        let lengths = edges.map(norm);
        let direction = edges[2].map(|x| x / lengths[2]);
        let along = [0, 1].map(|k| dot(edges[k], direction));
        let across = [0, 1].map(|k: usize| std::array::from_fn(|axis| edges[k][axis] - along[k] * direction[axis]));
        let [p, q]: [[f64; 3]; 2] = across;
        let diagonal = |sign: f64| norm(std::array::from_fn(|axis| p[axis] + sign * q[axis]));
        Self {
            across,
            along,
            lengths,
            half_width: 0.5 * (1.0 + SLACK) * diagonal(1.0).max(diagonal(-1.0)),
            half_step: 0.5 * (along[0].abs() + along[1].abs()),
            limit: (1.0 + SLACK) * limit,
        }
    }

    /// First and last bin of row `(a, b)` that the ball around an atom can reach, all counted through images; none if it
    /// does not reach the row. `at`: where the atom lies, in bins.
    pub(super) fn reached(&self, a: i32, b: i32, at: &[f64; 3]) -> Option<(i32, i32)> {
        let steps = [f64::from(a) + 0.5 - at[0], f64::from(b) + 0.5 - at[1]];
        let rounding = ROUNDING * (steps[0].abs() * self.lengths[0] + steps[1].abs() * self.lengths[1]);
        let [p, q] = &self.across;
        let apart = norm(std::array::from_fn(|axis| steps[0] * p[axis] + steps[1] * q[axis]));
        let nearest = (apart - self.half_width - rounding).max(0.0);
        let chord = self.limit - nearest * nearest;
        if chord < 0.0 {
            return None;
        }
        let half = chord.sqrt() + self.half_step + rounding;
        let middle = steps[0] * self.along[0] + steps[1] * self.along[1];
        let bin = |along: f64, slack: f64| (at[2] + along / self.lengths[2] + slack).floor() as i32;
        Some((bin(-half - middle, -SLACK), bin(half - middle, SLACK)))
    }
}

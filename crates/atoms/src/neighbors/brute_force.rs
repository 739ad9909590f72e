//! The oracle: every pair of every image that could matter.

use super::pair::Pair;
use crate::Structure;

/// The same pairs as [`NeighborList::build`](super::NeighborList::build), by trying all; in no particular order.
///
/// For an image at shift S to be within the cutoff, `|S_k + x_jk - x_ik| · height_k <= cutoff` in every
/// direction k, which bounds S by the cutoff and the spread of the coordinates.
pub fn brute_force_pairs(structure: &Structure, cutoff: f64) -> Vec<Pair> {
    let (positions, fractional) = (structure.fractional(), structure.lattice());
    let heights = fractional.heights();
    let mut reach = [0i32; 3];
    for k in 0..3 {
        let (low, high) =
            positions.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x[k]), high.max(x[k])));
        reach[k] = (cutoff / heights[k] + (high - low)).ceil() as i32;
    }
    let mut pairs = Vec::new();
    for (i, x_i) in positions.iter().enumerate() {
        for (j, x_j) in positions.iter().enumerate().skip(i) {
            for a in -reach[0]..=reach[0] {
                for b in -reach[1]..=reach[1] {
                    for c in -reach[2]..=reach[2] {
                        let shift = [a, b, c];
                        if i == j && shift <= [0, 0, 0] {
                            continue;
                        }
                        let difference = std::array::from_fn(|k| x_j[k] - x_i[k] + f64::from(shift[k]));
                        let vector = fractional.cartesian(difference);
                        let distance = vector.iter().map(|v| v * v).sum::<f64>().sqrt();
                        if distance <= cutoff && distance > 1e-8 {
                            pairs.push(Pair { i: i as u32, j: j as u32, shift, vector, distance });
                        }
                    }
                }
            }
        }
    }
    pairs
}

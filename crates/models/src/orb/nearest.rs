//! The nearest neighbors of an atom, where there are more than the model takes.
//!
//! Upstream takes the first 120 (or 20) of a k-d tree's answer, so that among equidistant neighbors rounding decides.
//! Here the choice is a property of the crystal:
//!
//! 1. Nearer neighbors come first. Distances that differ by at most [`TIE`] count as equal, and so do the members of a
//!    chain of such distances.
//! 2. Among equal distances, the neighbor whose vector from the atom has the largest z component comes first; among
//!    those with equal z (in the same sense) the one with the largest y, then with the largest x.
//! 3. Neighbors that are the same in all of that lie within about [`TIE`] of each other: the heavier element comes
//!    first, then the atom that comes first in the structure.
//!
//! Vectors, not indices, decide, and `ORB` depends on the Cartesian frame anyhow. So the choice is the same for any
//! origin, order of atoms, choice of lattice vectors and supercell, as long as vectors agree to a rounding far
//! below [`TIE`], and no two of the numbers compared differ by [`TIE`] to within that rounding. (Sets of numbers are cut
//! where consecutive members are further apart than [`TIE`]; that needs no order of comparisons, and does not depend on
//! which of them is seen first.) Point 3 alone looks at indices; it applies to atoms at one place.

use mlip_atoms::neighbors::Pair;

/// Å: far above rounding, far below digits that crystal structures have.
pub(crate) const TIE: f64 = 1e-6;

/// Drops all but the `limit` nearest of the neighbors of one atom; `element` tells the atomic number of an atom.
pub(crate) fn keep_nearest(neighbors: &mut Vec<Pair>, limit: usize, element: impl Fn(u32) -> u8) {
    if neighbors.len() <= limit {
        return;
    }
    if limit > 0 {
        neighbors.sort_by(|a, b| a.distance.total_cmp(&b.distance));
        let tied = |k: usize| neighbors[k].distance - neighbors[k - 1].distance <= TIE;
        // The group of equal distances that the limit cuts, if it cuts one.
        let first = (1..=limit).rev().find(|k| !tied(*k)).unwrap_or(0);
        let last = (limit..neighbors.len()).find(|k| !tied(*k)).unwrap_or(neighbors.len());
        if first < limit {
            order(&mut neighbors[first..last], &[2, 1, 0], &element);
        }
    }
    neighbors.truncate(limit);
}

/// Sorts by the components of the vectors along these axes, the first counting most.
fn order(group: &mut [Pair], axes: &[usize], element: &impl Fn(u32) -> u8) {
    let Some((axis, rest)) = axes.split_first() else {
        group.sort_by_key(|pair| (std::cmp::Reverse(element(pair.j)), pair.j));
        return;
    };
    group.sort_by(|a, b| b.vector[*axis].total_cmp(&a.vector[*axis]));
    for equals in group.chunk_by_mut(|a, b| a.vector[*axis] - b.vector[*axis] <= TIE) {
        if equals.len() > 1 {
            order(equals, rest, element);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(j: u32, vector: [f64; 3]) -> Pair {
        let distance = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
        Pair { i: 0, j, shift: [0; 3], vector, distance }
    }

    /// Neighbors of a simple cubic crystal: 6 at distance 1, 12 at √2.
    fn shells(noise: impl Fn(usize) -> f64) -> Vec<Pair> {
        let steps = || -1..=1i32;
        let all = steps().flat_map(|x| steps().flat_map(move |y| steps().map(move |z| [x, y, z])));
        let near = all.filter(|v| (1..=2).contains(&v.iter().map(|x| x * x).sum::<i32>()));
        near.enumerate().map(|(k, v)| pair(k as u32, v.map(|x| f64::from(x) * (1.0 + noise(k))))).collect()
    }

    fn kept(mut pairs: Vec<Pair>, limit: usize) -> Vec<[i32; 3]> {
        keep_nearest(&mut pairs, limit, |_| 1);
        let mut found = pairs.iter().map(|pair| pair.vector.map(|x| x.round() as i32)).collect::<Vec<_>>();
        found.sort_unstable();
        found
    }

    #[test]
    fn neither_rounding_nor_order_decides_among_equidistant_neighbors() {
        let exact = shells(|_| 0.0);
        for limit in 1..18 {
            let expected = kept(exact.clone(), limit);
            assert_eq!(expected.len(), limit);
            for seed in 1..20 {
                let mut disturbed = shells(|k| ((k * 7 * seed) % 11) as f64 * 1e-13);
                let (by, length) = (seed % 18, disturbed.len());
                disturbed.rotate_left(by % length);
                disturbed.swap(0, (5 * seed) % 18);
                assert_eq!(kept(disturbed, limit), expected, "limit {limit}, seed {seed}");
            }
        }
    }

    #[test]
    fn the_highest_of_equidistant_neighbors_are_kept() {
        assert_eq!(kept(shells(|_| 0.0), 1), [[0, 0, 1]]);
        assert_eq!(kept(shells(|_| 0.0), 2), [[0, 0, 1], [0, 1, 0]]);
        assert_eq!(kept(shells(|_| 0.0), 3), [[0, 0, 1], [0, 1, 0], [1, 0, 0]]);
        assert_eq!(kept(shells(|_| 0.0), 7)[3], [0, 0, 1]);
        assert!(kept(shells(|_| 0.0), 7).contains(&[0, 1, 1]));
    }

    #[test]
    fn truly_nearer_neighbors_come_first_however_they_point() {
        let mut pairs = vec![pair(0, [0.0, 0.0, 1.00001]), pair(1, [0.0, 0.0, -1.0])];
        keep_nearest(&mut pairs, 1, |_| 1);
        assert_eq!(pairs[0].j, 1);
    }

    #[test]
    fn atoms_at_one_place_are_told_apart_by_their_element() {
        let mut pairs = vec![pair(3, [0.0, 0.0, 1.0]), pair(4, [1e-9, 0.0, 1.0])];
        keep_nearest(&mut pairs, 1, |j| if j == 4 { 26 } else { 8 });
        assert_eq!(pairs[0].j, 4);
    }
}

//! Linear-time search through bins.
//!
//! Atoms are wrapped into the cell and sorted into a grid of bins along the lattice directions.
//! Two points within the cutoff differ by at most `cutoff / height_k` in fractional coordinate k
//! (`height_k` is the distance of the faces that k crosses), so for `n_k` bins along k their bins
//! differ by at most `ceil(n_k · cutoff / height_k)`, counted through periodic images. Where an atom
//! lies within its bin narrows that further, and so does the distance of a row of bins, see [`super::rows`].
//! All bins that are left are visited: nothing is missed in any cell, however skewed or small. A cell
//! smaller than the cutoff simply has one bin and several images of it.

use super::limits::{MAX_PAIRS, check, check_pairs};
use super::pair::Pair;
use super::rows::RowsOfBins;
use crate::{Deadline, PredictError, Structure};
use mlip_threads as threads;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Distances up to this count as zero, Å.
const SAME_PLACE: f64 = 1e-8;

/// Bins by which the range around an atom is wider than it need be, against rounding.
const SLACK: f64 = 1e-6;

/// Bins that are looked at between two looks at the clock: less than a millisecond.
const UNTIL_DEADLINE: usize = 1 << 14;

/// Room for this many pairs at the beginning: those of a few atoms.
const EXPECTED_PAIRS: usize = 256;

/// A thread is given at least this many atoms: a few hundred µs.
const ATOMS_PER_THREAD: usize = 64;

struct Grid {
    bins: [i32; 3],
    /// Bins to look at on either side.
    reach: [i32; 3],
    /// `[n_bins + 1]`: where the atoms of each bin begin.
    first: Vec<u32>,
    /// `[n_atoms]`, sorted by bin, ascending within one.
    atoms: Vec<u32>,
    /// Wrapped Cartesian positions in the order of `atoms`, one array an axis, Å.
    positions: [Vec<f64>; 3],
    /// `[n_atoms]` cells by which an atom was wrapped: `wrapped = given - wrap`.
    wrap: Vec<[i32; 3]>,
    /// `[n_atoms]` where an atom lies in each direction, in bins.
    at: Vec<[f64; 3]>,
    /// Bins that the cutoff reaches over in each direction.
    radius: [f64; 3],
}

impl Grid {
    fn new(structure: &Structure, cutoff: f64) -> Result<Self, PredictError> {
        let lattice = structure.lattice();
        let n_atoms = structure.n_atoms();
        let heights = lattice.heights();
        let mut bins: [i32; 3] = heights.map(|height| ((2.0 * height / cutoff) as i32).clamp(1, 1 << 10));
        // Never more bins than atoms: empty bins cost time too.
        while bins.iter().map(|n| *n as usize).product::<usize>() > n_atoms.max(1) {
            let widest = (0..3).max_by_key(|k| bins[*k]).unwrap_or(0);
            bins[widest] = (bins[widest] / 2).max(1);
        }
        let radius: [f64; 3] = std::array::from_fn(|k| f64::from(bins[k]) * cutoff / heights[k]);
        check(structure, cutoff, bins, radius.map(f64::ceil))?;
        let reach = radius.map(|radius| radius.ceil() as i32);

        let mut wrap = Vec::with_capacity(n_atoms);
        let mut at: Vec<[f64; 3]> = Vec::with_capacity(n_atoms);
        let mut wrapped = Vec::with_capacity(n_atoms);
        for x in structure.fractional() {
            let cells: [f64; 3] = x.map(f64::floor);
            let inside: [f64; 3] = std::array::from_fn(|k| x[k] - cells[k]);
            wrap.push(cells.map(|cell| cell as i32));
            at.push(std::array::from_fn(|k| inside[k] * f64::from(bins[k])));
            wrapped.push(lattice.cartesian(inside));
        }
        let (first, atoms, positions) = (Vec::new(), Vec::new(), Default::default());
        let mut grid = Self { bins, reach, first, atoms, positions, wrap, at, radius };
        grid.sort(&wrapped);
        Ok(grid)
    }

    fn sort(&mut self, wrapped: &[[f64; 3]]) {
        let n_bins = self.bins.iter().map(|n| *n as usize).product::<usize>();
        self.first = vec![0; n_bins + 1];
        // Rounding can put a coordinate just below 0 to exactly 1: the last bin takes it.
        let bin_of = |at: &[f64; 3]| std::array::from_fn(|k| (at[k] as i32).min(self.bins[k] - 1));
        let indices: Vec<usize> = self.at.iter().map(|at| self.index(bin_of(at))).collect();
        for index in &indices {
            self.first[index + 1] += 1;
        }
        for bin in 0..n_bins {
            self.first[bin + 1] += self.first[bin];
        }
        let mut next = self.first.clone();
        self.atoms = vec![0; wrapped.len()];
        for (atom, index) in indices.iter().enumerate() {
            self.atoms[next[*index] as usize] = atom as u32;
            next[*index] += 1;
        }
        self.positions = std::array::from_fn(|axis| self.atoms.iter().map(|j| wrapped[*j as usize][axis]).collect());
    }

    fn index(&self, bin: [i32; 3]) -> usize {
        ((bin[0] * self.bins[1] + bin[1]) * self.bins[2] + bin[2]) as usize
    }

    /// First and last bin in a direction that can hold a neighbor of an atom, counted through images.
    fn around(&self, atom: usize, direction: usize) -> (i32, i32) {
        let (at, radius) = (self.at[atom][direction], self.radius[direction]);
        ((at - radius - SLACK).floor() as i32, (at + radius + SLACK).floor() as i32)
    }

    /// The bin within the cell and the image of a bin that is counted through images.
    fn within(&self, bin: i32, direction: usize) -> (i32, i32) {
        (bin.rem_euclid(self.bins[direction]), bin.div_euclid(self.bins[direction]))
    }
}

/// All pairs with `0 < distance <= cutoff`, by first atom.
pub(super) fn pairs(structure: &Structure, cutoff: f64, deadline: &Deadline) -> Result<Vec<Pair>, PredictError> {
    pairs_up_to(MAX_PAIRS, structure, cutoff, deadline)
}

fn pairs_up_to(
    max_pairs: usize,
    structure: &Structure,
    cutoff: f64,
    deadline: &Deadline,
) -> Result<Vec<Pair>, PredictError> {
    deadline.check()?;
    let grid = Grid::new(structure, cutoff)?;
    let mut place = vec![0usize; structure.n_atoms()];
    for (sorted, atom) in grid.atoms.iter().enumerate() {
        place[*atom as usize] = sorted;
    }
    let search = Search { grid, structure, cutoff, place, deadline, max_pairs };
    let ranges = threads::ranges(search.place.len(), 1, ATOMS_PER_THREAD);
    let n_found = AtomicUsize::new(0);
    if let [all] = &ranges[..] {
        return search.pairs_of(all.clone(), &n_found);
    }
    let mut parts: Vec<_> = ranges.iter().map(|_| Ok(Vec::new())).collect();
    let work = ranges.iter().cloned().zip(&mut parts).collect();
    threads::for_each(work, |(atoms, part): (Range<usize>, &mut Result<_, _>)| {
        *part = search.pairs_of(atoms, &n_found)
    });
    if parts.iter().any(|part| matches!(part, Err(PredictError::TooManyNeighbors { .. }))) {
        // How many the message counts must not depend on the threads.
        return search.pairs_of(0..search.place.len(), &AtomicUsize::new(0));
    }
    let parts = parts.into_iter().collect::<Result<Vec<Vec<Pair>>, _>>()?;
    let mut found = threads::zeros(parts.iter().map(Vec::len).sum());
    let mut rest = &mut found[..];
    let places = parts.iter().map(|part| rest.split_off_mut(..part.len()).unwrap_or_default());
    let places = places.zip(&parts).collect();
    threads::for_each(places, |(place, part): (&mut [Pair], &Vec<Pair>)| place.copy_from_slice(part));
    Ok(found)
}

/// A search that is under way.
struct Search<'a> {
    grid: Grid,
    structure: &'a Structure,
    cutoff: f64,
    /// `[n_atoms]`: where an atom is found in the grid.
    place: Vec<usize>,
    deadline: &'a Deadline,
    max_pairs: usize,
}

impl Search<'_> {
    /// The pairs of which one of these atoms is the first. `n_found`: of all threads.
    fn pairs_of(&self, mut atoms: Range<usize>, n_found: &AtomicUsize) -> Result<Vec<Pair>, PredictError> {
        let Self { grid, structure, cutoff, place, .. } = self;
        // The clock is looked at between some atoms and others, never within the loops over neighbors: a way out of them
        // makes them slower by a quarter, and what one atom takes is bounded.
        let n_bins = grid.reach.iter().map(|reach| 2 * *reach as usize + 1).product::<usize>();
        let together = (UNTIL_DEADLINE / n_bins).max(1);
        let mut found = Vec::with_capacity(EXPECTED_PAIRS);
        while !atoms.is_empty() {
            let some = atoms.start..atoms.end.min(atoms.start + together);
            atoms.start = some.end;
            let before = found.len();
            found = add_pairs(grid, structure, cutoff * cutoff, some, place, found);
            self.deadline.check()?;
            let more = found.len() - before;
            check_pairs(structure, *cutoff, n_found.fetch_add(more, Ordering::Relaxed) + more, self.max_pairs)?;
        }
        Ok(found)
    }
}

/// Adds the pairs of which one of these atoms is the first.
#[inline(never)]
fn add_pairs(
    grid: &Grid,
    structure: &Structure,
    limit: f64,
    atoms: Range<usize>,
    place: &[usize],
    mut found: Vec<Pair>,
) -> Vec<Pair> {
    let vectors = structure.lattice().vectors();
    let rows = RowsOfBins::new(vectors, grid.bins, limit);
    for i in atoms {
        let place = place[i];
        let center: [f64; 3] = std::array::from_fn(|axis| grid.positions[axis][place]);
        let [from_a, from_b, from_c] = [0, 1, 2].map(|k| grid.around(i, k));
        for a in from_a.0..=from_a.1 {
            let (bin_a, image_a) = grid.within(a, 0);
            for b in from_b.0..=from_b.1 {
                let Some((first, last)) = rows.reached(a, b, &grid.at[i]) else { continue };
                let (first, last) = (first.max(from_c.0), last.min(from_c.1));
                let (bin_b, image_b) = grid.within(b, 1);
                let row = grid.index([bin_a, bin_b, 0]);
                let row_offset: [f64; 3] = std::array::from_fn(|axis| {
                    f64::from(image_a) * vectors[0][axis] + f64::from(image_b) * vectors[1][axis]
                });
                let (mut bin_c, mut image_c) = grid.within(first, 2);
                for _ in first..=last {
                    let bin = row + bin_c as usize;
                    let image = [image_a, image_b, image_c];
                    let origin: [f64; 3] = std::array::from_fn(|axis| {
                        row_offset[axis] + f64::from(image_c) * vectors[2][axis] - center[axis]
                    });
                    bin_c += 1;
                    if bin_c == grid.bins[2] {
                        (bin_c, image_c) = (0, image_c + 1);
                    }
                    let (first, last) = (grid.first[bin] as usize, grid.first[bin + 1] as usize);
                    // Atoms of a bin ascend: those before i have met this pair already.
                    let first = first + grid.atoms[first..last].partition_point(|j| (*j as usize) < i);
                    scan(grid, first..last, origin, limit, |sorted, vector, squared| {
                        let j = grid.atoms[sorted] as usize;
                        let shift = std::array::from_fn(|k| image[k] - grid.wrap[j][k] + grid.wrap[i][k]);
                        if i != j || shift > [0, 0, 0] {
                            let distance = squared.sqrt();
                            found.push(Pair { i: i as u32, j: j as u32, shift, vector, distance });
                        }
                    });
                }
            }
        }
    }
    found
}

/// Calls `visit(sorted index, vector, squared distance)` for the atoms in `range` within the cutoff.
#[inline]
fn scan(grid: &Grid, range: Range<usize>, origin: [f64; 3], limit: f64, mut visit: impl FnMut(usize, [f64; 3], f64)) {
    let [xs, ys, zs] = [0, 1, 2].map(|axis| &grid.positions[axis][range.clone()]);
    for (offset, ((x, y), z)) in xs.iter().zip(ys).zip(zs).enumerate() {
        let vector = [x + origin[0], y + origin[1], z + origin[2]];
        let squared = vector[0] * vector[0] + vector[1] * vector[1] + vector[2] * vector[2];
        if squared <= limit && squared > SAME_PLACE * SAME_PLACE {
            visit(range.start + offset, vector, squared);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Lattice, Species};

    #[test]
    fn a_crowd_in_an_empty_cell_is_refused_once_its_pairs_are_counted() {
        // On average an atom has less than one neighbor; but all are in one corner.
        let lattice = Lattice::from_vectors([[900.0, 0.0, 0.0], [0.0, 900.0, 0.0], [0.0, 0.0, 900.0]]).unwrap();
        let sites = (0..2000).map(|k| [f64::from(k) * 1e-9, 0.0, 0.0]).collect::<Vec<_>>();
        let species = vec![Species::from_symbol("Si").unwrap(); sites.len()];
        let structure = Structure::new(lattice, species, sites).unwrap();
        let error = pairs_up_to(1_000_000, &structure, 6.0, &Deadline::NONE).unwrap_err();
        assert!(matches!(error, PredictError::TooManyNeighbors { n_atoms: 2000, .. }), "{error}");
        assert_eq!(pairs_up_to(2_000_000, &structure, 6.0, &Deadline::NONE).unwrap().len(), 1_999_000);
        // Threads find the same in the same order, and count the same where there are too many.
        let on_threads = |max_pairs| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
            pool.install(|| pairs_up_to(max_pairs, &structure, 6.0, &Deadline::NONE))
        };
        assert_eq!(on_threads(1_000_000).unwrap_err().to_string(), error.to_string());
        assert_eq!(on_threads(2_000_000).unwrap(), pairs_up_to(2_000_000, &structure, 6.0, &Deadline::NONE).unwrap());
    }
}

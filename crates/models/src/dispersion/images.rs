//! Pairs of atoms and their images within a distance, in one order.

use mlip_atoms::{Deadline, Lattice, PredictError};

/// Images of a cell that are kept at most: the smallest cells of crystals have some ten thousand.
const MOST_IMAGES: f64 = 4e6;

/// A structure in atomic units, atoms in the cell.
pub(super) struct Images {
    /// `[n_atoms]`, Bohr.
    positions: Vec<[f64; 3]>,
    /// Translations that can bring two atoms of the cell within the largest distance, Bohr.
    translations: Vec<[f64; 3]>,
    /// The one that is none.
    origin: usize,
}

/// Images along each lattice vector and against it, for distances up to `reach`, Å.
fn most(lattice: &Lattice, reach: f64) -> [f64; 3] {
    // Differences of atoms in the cell are less than a lattice vector.
    lattice.heights().map(|height| (reach / height).ceil() + 1.0)
}

/// Bytes of the images for distances up to `reach`, Å.
pub(super) fn bytes(lattice: &Lattice, reach: f64) -> u64 {
    let images = most(lattice, reach).iter().map(|most| 2.0 * most + 1.0).product::<f64>();
    (images.min(MOST_IMAGES) * size_of::<[f64; 3]>() as f64) as u64
}

impl Images {
    /// `largest` is the largest distance that is asked for, in units of `length`, which is in Å.
    pub(super) fn new(
        lattice: &Lattice,
        fractional: &[[f64; 3]],
        largest: f64,
        length: f64,
    ) -> Result<Self, PredictError> {
        let in_cell = |site: &[f64; 3]| lattice.cartesian(site.map(|x| x - x.floor())).map(|x| x / length);
        let cutoff = largest * length;
        let most = most(lattice, cutoff);
        if most.iter().map(|most| 2.0 * most + 1.0).product::<f64>() > MOST_IMAGES {
            return Err(PredictError::TooManyImages { cutoff, heights: lattice.heights() });
        }
        let most = most.map(|most| most as i64);
        let length_of = |v: [f64; 3]| (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]).sqrt();
        // No two atoms of the cell are farther apart than the ends of its longest diagonal.
        let signs = [[1.0, 1.0, 1.0], [1.0, 1.0, -1.0], [1.0, -1.0, 1.0], [-1.0, 1.0, 1.0]];
        let diagonal = signs.map(|ends| length_of(lattice.cartesian(ends))).into_iter().fold(0.0, f64::max);
        let farthest = (cutoff + diagonal) * (1.0 + 1e-9);
        let mut translations = Vec::new();
        let mut origin = 0;
        for i in -most[0]..=most[0] {
            for j in -most[1]..=most[1] {
                for k in -most[2]..=most[2] {
                    if (i, j, k) == (0, 0, 0) {
                        origin = translations.len();
                    }
                    let translation = lattice.cartesian([i as f64, j as f64, k as f64]);
                    if length_of(translation) <= farthest {
                        translations.push(translation.map(|x| x / length));
                    }
                }
            }
        }
        Ok(Self { positions: fractional.iter().map(in_cell).collect(), translations, origin })
    }

    pub(super) fn n_atoms(&self) -> usize {
        self.positions.len()
    }

    /// Visits the vectors from `j` to `i` that are no longer than `cutoff`, with their lengths. Of an atom and itself each
    /// comes twice, forth and back.
    pub(super) fn visit(&self, i: usize, j: usize, cutoff: f64, mut visit: impl FnMut([f64; 3], f64)) {
        let between: [f64; 3] = std::array::from_fn(|k| self.positions[i][k] - self.positions[j][k]);
        for (number, translation) in self.translations.iter().enumerate() {
            if i == j && number == self.origin {
                continue;
            }
            let vector: [f64; 3] = std::array::from_fn(|k| between[k] + translation[k]);
            let squared = vector[0] * vector[0] + vector[1] * vector[1] + vector[2] * vector[2];
            if squared <= cutoff * cutoff {
                visit(vector, squared.sqrt());
            }
        }
    }

    /// All pairs `j <= i`, under a deadline.
    pub(super) fn for_each_pair(
        &self,
        deadline: &Deadline,
        mut visit: impl FnMut(usize, usize),
    ) -> Result<(), PredictError> {
        for i in 0..self.n_atoms() {
            deadline.check()?;
            (0..=i).for_each(|j| visit(i, j));
        }
        Ok(())
    }
}

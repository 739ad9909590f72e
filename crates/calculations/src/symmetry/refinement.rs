//! Structures moved to where their symmetry wants them.
//!
//! What is found within a precision need not be exact: positions are written with five digits, angles as 89.99°. A mean over
//! all operations is exact, and is the nearest structure that is.

use super::error::SymmetryError;
use super::operations::{Action, Symmetry, nearest, rotate};
use crate::matrix::{Matrix, product, transposed};
use mlip_atoms::{Lattice, Structure};
use nalgebra::Matrix3;

/// What is nearer than this to exact symmetry is taken for exact, Å: rounding.
const ROUNDING: f64 = 1e-12;

impl Symmetry {
    /// The structure with exact symmetry, not turned and not shifted as a whole; `None` where it has that already.
    ///
    /// # Errors
    /// When there is none, as in a cell that is flat.
    pub(crate) fn refined(&self, structure: &Structure) -> Result<Option<Structure>, SymmetryError> {
        let refused = |error: &dyn std::fmt::Display| SymmetryError::Refinement(error.to_string());
        let vectors = self.symmetric_cell(structure.lattice())?;
        let lattice = Lattice::from_vectors(vectors).map_err(|error| refused(&error))?;
        let fractional = self.symmetric_positions(structure.fractional());
        let vectors = vectors.iter().flatten().zip(structure.lattice().vectors().iter().flatten());
        let strain = vectors.map(|(new, old)| (new - old).abs()).fold(0.0, f64::max);
        let ways = fractional.iter().zip(structure.fractional());
        let ways = ways.flat_map(|(new, old)| lattice.cartesian(std::array::from_fn(|k| new[k] - old[k])));
        if ways.map(f64::abs).fold(strain, f64::max) < ROUNDING {
            return Ok(None);
        }
        let moved = structure.with_positions(fractional).map_err(|error| refused(&error))?;
        Ok(Some(moved.with_lattice(lattice)))
    }

    /// The cell `A S` with a symmetric `S`, thus one that is not turned, whose vectors have the mean of all scalar products
    /// `A Aᵀ` that rotations make of them: `S² = A⁻¹ mean(Rᵀ A Aᵀ R) A⁻ᵀ`.
    fn symmetric_cell(&self, lattice: &Lattice) -> Result<Matrix, SymmetryError> {
        let (vectors, inverse) = (lattice.vectors(), lattice.inverse());
        let mean = self.mean_form(&product(vectors, &transposed(vectors)));
        let square = product(&product(inverse, &mean), &transposed(inverse));
        let eigen = Matrix3::from_fn(|i, j| 0.5 * (square[i][j] + square[j][i])).symmetric_eigen();
        if !eigen.eigenvalues.iter().all(|value| *value > 0.0 && value.is_finite()) {
            return Err(SymmetryError::Refinement("the mean of its cells has no volume".into()));
        }
        let root = Matrix3::from_diagonal(&eigen.eigenvalues.map(f64::sqrt));
        let root = eigen.eigenvectors * root * eigen.eigenvectors.transpose();
        Ok(product(vectors, &std::array::from_fn(|i| std::array::from_fn(|j| root[(i, j)]))))
    }

    /// The mean of the positions that all operations make of them.
    ///
    /// Translations are not taken as they were found but as the mean over all sites of the way from `R x` to the site that it
    /// goes to. If the sites are off by `d` from exact ones, the translation is off by `m - R m` with the mean `m` of all `d`:
    /// that is the same group of operations around an origin that is shifted by `m`. So the mean over operations is exact
    /// around it, and the center of all sites stays.
    fn symmetric_positions(&self, fractional: &[[f64; 3]]) -> Vec<[f64; 3]> {
        let mut positions = fractional.to_vec();
        let n = positions.len() as f64;
        for family in self.families.iter().filter(|family| family.len() > 1) {
            let mut sums = vec![[0.0; 3]; positions.len()];
            for Action { rotation, translation, sites } in family {
                // From each site to what comes to it.
                let ways = positions.iter().zip(sites).map(|(x, site)| {
                    let (image, at) = (rotate(rotation, *x), positions[*site as usize]);
                    nearest(std::array::from_fn(|k| image[k] + translation[k] - at[k]))
                });
                let ways: Vec<[f64; 3]> = ways.collect();
                let off: [f64; 3] = std::array::from_fn(|k| ways.iter().map(|way| way[k]).sum::<f64>() / n);
                for (way, site) in ways.iter().zip(sites) {
                    (0..3).for_each(|k| sums[*site as usize][k] += way[k] - off[k]);
                }
            }
            for (position, sum) in positions.iter_mut().zip(&sums) {
                (0..3).for_each(|k| position[k] += sum[k] / family.len() as f64);
            }
        }
        positions
    }
}

//! Relaxations that keep the symmetry of the structure they begin with.
//!
//! As ASE's `FixSymmetry`: the structure is made exactly symmetric; from there on forces and stress are replaced by their
//! means over all symmetry operations, and so are the steps, from which that takes rounding alone.

use super::degrees::{Degrees, stress_tensor};
use crate::symmetry::{Symmetry, SymmetryError};
use mlip_atoms::{Lattice, Prediction, Structure};

/// The symmetry of one structure.
#[derive(Debug, Clone)]
pub(super) struct FixedSymmetry(Symmetry);

impl FixedSymmetry {
    /// That of a structure, if there is any, and the exactly symmetric structure, if that is another.
    ///
    /// # Errors
    /// When the symmetry is not found.
    pub(super) fn find(
        structure: &Structure,
        symprec: f64,
    ) -> Result<(Option<Self>, Option<Structure>), SymmetryError> {
        let symmetry = Symmetry::find(structure, symprec)?;
        if symmetry.is_trivial() {
            return Ok((None, None));
        }
        let refined = symmetry.refined(structure)?;
        Ok((Some(Self(symmetry)), refined))
    }

    /// Energy, and forces and stress made symmetric, of a structure in this cell.
    pub(super) fn prediction(&self, lattice: &Lattice, prediction: &Prediction) -> Prediction {
        let stress = prediction.stress.map(|stress| {
            let [[xx, xy, xz], [_, yy, yz], [_, _, zz]] = self.0.tensor(lattice, &stress_tensor(stress));
            [xx, yy, zz, yz, xz, xy]
        });
        let forces = self.0.vectors(lattice, &prediction.forces);
        Prediction { energy: prediction.energy, forces, stress, ..Prediction::default() }
    }

    /// A point whose difference from the start is symmetric: positions by their way from those of the start, the strain of the
    /// cell as a tensor of the cell that it is measured from.
    pub(super) fn point(&self, degrees: &Degrees, mut x: Vec<f64>) -> Vec<f64> {
        let (origin, lattice) = (degrees.origin(), degrees.start().lattice());
        let (atoms, cell) = x.split_at_mut(3 * degrees.start().n_atoms());
        let ways = atoms.iter().zip(&origin).map(|(x, origin)| x - origin).collect::<Vec<f64>>();
        let ways: Vec<[f64; 3]> = ways.chunks_exact(3).map(|way| [way[0], way[1], way[2]]).collect();
        let ways = self.0.vectors(lattice, &ways);
        atoms.iter_mut().zip(&origin).zip(ways.iter().flatten()).for_each(|((x, origin), way)| *x = origin + way);
        if !cell.is_empty() {
            let strain = std::array::from_fn(|i| std::array::from_fn(|j| cell[3 * i + j]));
            let strain = self.0.tensor(lattice, &strain);
            cell.iter_mut().zip(strain.iter().flatten()).for_each(|(u, symmetric)| *u = *symmetric);
        }
        x
    }

    /// Memory held, bytes.
    pub(super) fn held_bytes(&self) -> u64 {
        self.0.held_bytes()
    }
}

//! What an optimizer moves: atoms, and the logarithm of the deformation of the cell.
//!
//! With rows as vectors, a cell `A` that was `A₀` at the start has the deformation gradient `F` with `A = A₀ Fᵀ`. Degrees of
//! freedom are positions before the deformation, `z` with `r = z Fᵀ`, and `N U` with `F = exp(U)` and N the number of atoms,
//! which gives both about the same stiffness. The gradient by `U` needs the Fréchet derivative of the exponential. This is
//! ASE's `FrechetCellFilter`; its idea is that of E. B. Tadmor et al., *Phys. Rev. B* **59**, 235 (1999).

use super::optimizer::Point;
use super::settings::{CellMotion, Relaxation};
use crate::matrix::{Matrix, ONE, exponential, exponential_and_derivative, norm, product, scaled, trace, transposed};
use mlip_atoms::lattice::LatticeError;
use mlip_atoms::structure::StructureError;
use mlip_atoms::units::GPA_PER_EV_PER_A3;
use mlip_atoms::{Prediction, Structure};
use std::sync::Arc;
use thiserror::Error;

/// Degrees of freedom of the cell.
const CELL: usize = 9;

/// Beyond it the logarithm of a deformation is that of no crystal: a factor of 20,000 in a length.
const MOST_STRAIN: f64 = 10.0;

/// A point that is no structure.
#[derive(Debug, Clone, PartialEq, Error)]
pub(super) enum NoStructure {
    /// A degree of freedom is NaN or infinite.
    #[error("the next step of the optimizer is not finite")]
    NotFinite,
    /// The cell is deformed beyond all measure.
    #[error("the next step of the optimizer deforms the cell by a factor of more than e^{MOST_STRAIN}")]
    Deformed,
    /// The cell is flat.
    #[error(transparent)]
    Lattice(#[from] LatticeError),
    /// A position is not finite.
    #[error(transparent)]
    Sites(#[from] StructureError),
}

/// The degrees of freedom of one structure.
#[derive(Debug, Clone)]
pub(super) struct Degrees {
    start: Arc<Structure>,
    cell: CellMotion,
    /// eV/Å^3.
    pressure: f64,
}

impl Degrees {
    pub(super) fn new(start: Arc<Structure>, settings: &Relaxation) -> Self {
        Self { start, cell: settings.cell, pressure: settings.pressure / GPA_PER_EV_PER_A3 }
    }

    /// The structure that deformations are measured from.
    pub(super) fn start(&self) -> &Structure {
        &self.start
    }

    /// The point of that structure: `[3 n_atoms]`, and nine zeros where the cell moves.
    pub(super) fn origin(&self) -> Vec<f64> {
        let mut x = self.start.cartesian().concat();
        if self.cell != CellMotion::Fixed {
            x.resize(x.len() + CELL, 0.0);
        }
        x
    }

    /// How much stiffer degrees of freedom of the cell are made.
    fn cell_factor(&self) -> f64 {
        self.start.n_atoms() as f64
    }

    /// The logarithm of the deformation gradient.
    fn strain(&self, x: &[f64]) -> Matrix {
        let cell = &x[3 * self.start.n_atoms()..];
        std::array::from_fn(|i| std::array::from_fn(|j| cell.get(3 * i + j).map_or(0.0, |u| u / self.cell_factor())))
    }

    /// The structure at a point, sites in the order of the start and not wrapped.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn structure(&self, x: &[f64]) -> Result<Structure, NoStructure> {
        if x.iter().any(|component| !component.is_finite()) {
            return Err(NoStructure::NotFinite);
        }
        // Fractional positions in the deformed cell are those of z in the cell as it was read.
        let lattice = self.start.lattice();
        let atoms = x[..3 * self.start.n_atoms()].chunks_exact(3);
        let fractional = atoms.map(|z| lattice.fractional([z[0], z[1], z[2]])).collect();
        let moved = self.start.with_positions(fractional)?;
        if self.cell == CellMotion::Fixed {
            return Ok(moved);
        }
        let strain = self.strain(x);
        if norm(&strain) > MOST_STRAIN {
            return Err(NoStructure::Deformed);
        }
        let vectors = product(lattice.vectors(), &transposed(&exponential(&strain)));
        Ok(moved.with_lattice(mlip_atoms::Lattice::from_vectors(vectors)?))
    }

    /// Energy or enthalpy and gradient at a point whose structure has this volume (Å^3) and prediction. Without a stress the
    /// cell has no forces.
    pub(super) fn point(&self, x: Vec<f64>, volume: f64, prediction: &Prediction) -> Point {
        if self.cell == CellMotion::Fixed {
            let gradient = prediction.forces.iter().flatten().map(|force| -force).collect();
            return Point { x, value: prediction.energy, gradient };
        }
        let strain = self.strain(&x);
        let deformation = exponential(&strain);
        let mut gradient = Vec::with_capacity(x.len());
        for force in &prediction.forces {
            gradient.extend((0..3).map(|k| -(0..3).map(|axis| force[axis] * deformation[axis][k]).sum::<f64>()));
        }
        let by_strain = self.gradient_by_strain(&strain, volume, prediction.stress.unwrap_or_default());
        gradient.extend(by_strain.iter().flatten().map(|component| component / self.cell_factor()));
        Point { x, value: prediction.energy + self.pressure * volume, gradient }
    }

    /// Derivatives of the enthalpy by the components of `U`, eV.
    fn gradient_by_strain(&self, strain: &Matrix, volume: f64, stress: [f64; 6]) -> Matrix {
        let [xx, yy, zz, yz, xz, xy] = stress;
        let p = self.pressure;
        let mut virial = scaled(&stress_tensor([xx + p, yy + p, zz + p, yz, xz, xy]), volume);
        if self.cell == CellMotion::Hydrostatic {
            virial = scaled(&ONE, trace(&virial) / 3.0);
        }
        // By F it is virial · F⁻ᵀ. By U it is the adjoint of the Fréchet derivative at U, applied to that; the adjoint at U
        // is the derivative at Uᵀ.
        let by_deformation = product(&virial, &transposed(&exponential(&scaled(strain, -1.0))));
        let (_, mut by_strain) = exponential_and_derivative(&transposed(strain), &by_deformation);
        if self.cell == CellMotion::ConstantVolume {
            let mean = trace(&by_strain) / 3.0;
            (0..3).for_each(|k| by_strain[k][k] -= mean);
        }
        by_strain
    }
}

/// From Voigt order, xx yy zz yz xz xy.
pub(super) fn stress_tensor([xx, yy, zz, yz, xz, xy]: [f64; 6]) -> Matrix {
    [[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlip_atoms::lennard_jones::{LennardJones, LennardJonesParameters};
    use mlip_atoms::{Deadline, Lattice, Potential, Request, Species};

    fn structure() -> Arc<Structure> {
        let lattice = Lattice::from_vectors([[5.3, 0.2, 0.0], [-0.4, 5.1, 0.3], [0.5, 0.1, 5.6]]).unwrap();
        let species = vec![Species::from_symbol("Ar").unwrap(); 4];
        let sites = vec![[0.02, 0.0, 0.0], [0.5, 0.53, 0.0], [0.5, 0.0, 0.49], [-0.04, 0.5, 0.5]];
        Arc::new(Structure::new(lattice, species, sites).unwrap())
    }

    fn at(degrees: &Degrees, x: &[f64]) -> Point {
        let structure = degrees.structure(x).unwrap();
        let potential = LennardJones::new(LennardJonesParameters::default());
        let prediction = potential.predict(&[&structure], Request::default(), &Deadline::NONE).remove(0).unwrap();
        degrees.point(x.to_vec(), structure.lattice().volume(), &prediction)
    }

    /// A point away from the start, deformed and rotated.
    fn somewhere(degrees: &Degrees) -> Vec<f64> {
        let shift = |i: usize| 0.1 * (1.3 * i as f64).sin();
        degrees.origin().iter().enumerate().map(|(i, x)| x + shift(i)).collect()
    }

    fn of(cell: CellMotion, pressure: f64) -> Degrees {
        Degrees::new(structure(), &Relaxation { cell, pressure, ..Relaxation::default() })
    }

    #[test]
    fn gradients_are_those_of_the_value() {
        let h = 1e-5;
        for (cell, pressure) in [(CellMotion::Fixed, 0.0), (CellMotion::Frechet, 0.0), (CellMotion::Frechet, 3.0)] {
            let degrees = of(cell, pressure);
            let x = somewhere(&degrees);
            let point = at(&degrees, &x);
            for k in 0..x.len() {
                let value = |step: f64| {
                    let mut x = x.clone();
                    x[k] += step;
                    at(&degrees, &x).value
                };
                let expected = (value(h) - value(-h)) / (2.0 * h);
                assert!((point.gradient[k] - expected).abs() < 1e-8, "{cell:?} {k} {} {expected}", point.gradient[k]);
            }
        }
    }

    #[test]
    fn a_cell_of_constant_volume_has_no_force_on_its_volume() {
        let degrees = of(CellMotion::ConstantVolume, 0.0);
        let gradient = at(&degrees, &somewhere(&degrees)).gradient;
        let cell = &gradient[12..];
        assert!((cell[0] + cell[4] + cell[8]).abs() < 1e-15 && cell[1].abs() > 1e-6);
    }

    #[test]
    fn hydrostatic_forces_are_alike_in_all_directions() {
        let degrees = of(CellMotion::Hydrostatic, 1.0);
        let gradient = at(&degrees, &degrees.origin()).gradient;
        let force = gradient[12];
        assert!(force.abs() > 1e-3);
        assert_eq!(gradient[12..], [force, 0.0, 0.0, 0.0, force, 0.0, 0.0, 0.0, force]);
    }

    #[test]
    fn points_that_are_no_structure_are_refused() {
        let degrees = of(CellMotion::Frechet, 0.0);
        let with = |places: &[usize], value: f64| {
            let mut x = degrees.origin();
            places.iter().for_each(|k| x[*k] = value);
            degrees.structure(&x)
        };
        assert_eq!(with(&[3], f64::NAN), Err(NoStructure::NotFinite));
        assert_eq!(with(&[12], 400.0), Err(NoStructure::Deformed));
        // Sheared until its vectors lie in a plane.
        assert!(matches!(with(&[13, 15], 36.0), Err(NoStructure::Lattice(_))));
    }

    #[test]
    fn the_origin_is_the_structure_as_it_was_read() {
        let degrees = of(CellMotion::Frechet, 0.0);
        let (origin, start) = (degrees.structure(&degrees.origin()).unwrap(), structure());
        assert_eq!(origin.lattice(), start.lattice());
        let pairs = origin.fractional().iter().flatten().zip(start.fractional().iter().flatten());
        assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-15));
    }
}

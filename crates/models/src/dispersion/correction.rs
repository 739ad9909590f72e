//! The dispersion energy of a crystal, its forces and stress.

use super::coefficients::{Table, Weights};
use super::coordination;
use super::damping::Damping;
use super::images::{self, Images};
use super::reference::{MOMENTS, N_ELEMENTS, RADII};
use mlip_atoms::{Deadline, PredictError, Prediction, Species, Structure};
use std::sync::LazyLock;

/// Units as in ASE (CODATA 2014): eV, Å.
const HARTREE: f64 = 27.211_386_024_367_243;
const BOHR: f64 = 0.529_177_210_563_841_1;

/// Radii were turned into Bohr with CODATA's constant of 2018.
const BOHR_OF_RADII: f64 = 0.529_177_210_903;

/// Pairs farther apart attract no more, Bohr.
const CUTOFF: f64 = 60.0;

/// Covalent radii times this are where a neighbor counts half.
const RADIUS: f64 = 4.0 / 3.0;

static TABLE: LazyLock<Table> = LazyLock::new(Table::new);

/// What dispersion adds to a prediction.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Correction {
    /// Of the cell, eV.
    pub energy: f64,
    /// `[n_atoms]`, eV/Å; empty where they were not asked for.
    pub forces: Vec<[f64; 3]>,
    /// Voigt order xx yy zz yz xz xy, eV/Å^3; with forces.
    pub stress: Option<[f64; 6]>,
}

impl Correction {
    /// Adds it.
    pub(super) fn add_to(&self, prediction: &mut Prediction) {
        prediction.energy += self.energy;
        for (force, own) in prediction.forces.iter_mut().zip(&self.forces) {
            (0..3).for_each(|k| force[k] += own[k]);
        }
        if let (Some(stress), Some(own)) = (&mut prediction.stress, self.stress) {
            (0..6).for_each(|k| stress[k] += own[k]);
        }
    }
}

/// Bytes that a correction takes at most.
pub(super) fn bytes(structure: &Structure) -> u64 {
    images::bytes(structure.lattice(), CUTOFF * BOHR) + 200 * structure.n_atoms() as u64
}

/// Whether there are data for this element.
pub(super) fn covers(species: Species) -> bool {
    usize::from(species.atomic_number()) <= N_ELEMENTS
}

/// Gradients by positions and by strain, atomic units.
struct Gradient {
    positions: Vec<[f64; 3]>,
    strain: [[f64; 3]; 3],
}

impl Gradient {
    /// The energy grows by `slope` along the distance of two atoms.
    fn add(&mut self, (i, j): (usize, usize), vector: [f64; 3], distance: f64, slope: f64) {
        let along = vector.map(|x| slope * x / distance);
        for (k, slope) in along.iter().enumerate() {
            self.positions[i][k] += slope;
            self.positions[j][k] -= slope;
            for (l, x) in vector.iter().enumerate() {
                self.strain[k][l] += slope * x;
            }
        }
    }
}

/// Energies of order 6 and 8 without the coefficient, and the slope of their sum; `ratio` is C8 over C6.
fn attraction(damping: &Damping, ratio: f64, distance: f64) -> (f64, f64) {
    let radius = damping.a1 * ratio.sqrt() + damping.a2;
    let (r2, radius2) = (distance * distance, radius * radius);
    let r6 = r2 * r2 * r2;
    let (sixth, eighth) = (1.0 / (r6 + radius2.powi(3)), 1.0 / (r6 * r2 + radius2.powi(4)));
    let value = sixth + damping.s8 * ratio * eighth;
    let slope = -6.0 * r6 / distance * sixth * sixth - 8.0 * damping.s8 * ratio * r6 * distance * eighth * eighth;
    (value, slope)
}

/// The dispersion of a crystal, two-body terms; all of it in double precision.
///
/// # Errors
/// When there are no data for an element, or the time is over.
pub fn correction(
    structure: &Structure,
    damping: &Damping,
    with_forces: bool,
    deadline: &Deadline,
) -> Result<Correction, PredictError> {
    if let Some(species) = structure.species().iter().find(|species| !covers(**species)) {
        return Err(PredictError::UnsupportedSpecies { potential: damping.name.to_owned(), species: *species });
    }
    let elements: Vec<usize> =
        structure.species().iter().map(|species| usize::from(species.atomic_number()) - 1).collect();
    let radii: Vec<f64> = elements.iter().map(|element| RADIUS * RADII[*element] / BOHR_OF_RADII).collect();
    let moments: Vec<f64> =
        elements.iter().map(|element| (0.5 * MOMENTS[*element] * ((*element + 1) as f64).sqrt()).sqrt()).collect();
    let images = Images::new(structure.lattice(), structure.fractional(), CUTOFF, BOHR)?;
    let numbers = coordination::numbers(&images, &radii, deadline)?;
    let weights: Vec<Weights> =
        elements.iter().zip(&numbers).map(|(element, number)| Weights::new(*element, *number)).collect();
    let n_atoms = elements.len();
    let mut energy = 0.0;
    let mut by_number = vec![0.0; n_atoms];
    let mut gradient = Gradient { positions: vec![[0.0; 3]; n_atoms], strain: [[0.0; 3]; 3] };
    images.for_each_pair(deadline, |i, j| {
        let c6 = TABLE.coefficient(&weights[i], &weights[j]);
        let ratio = 3.0 * moments[i] * moments[j];
        // Pairs of an atom with its images come twice.
        let share = if i == j { 0.5 } else { 1.0 };
        let mut sum = 0.0;
        images.visit(i, j, CUTOFF, |vector, distance| {
            let (value, slope) = attraction(damping, ratio, distance);
            sum += value;
            if with_forces {
                gradient.add((i, j), vector, distance, -share * c6.value * slope);
            }
        });
        energy -= share * c6.value * sum;
        by_number[i] -= share * c6.by_first * sum;
        by_number[j] -= share * c6.by_second * sum;
    })?;
    if !with_forces {
        return Ok(Correction { energy: energy * HARTREE, ..Correction::default() });
    }
    images.for_each_pair(deadline, |i, j| {
        // An image counts for the atom itself, and comes forth and back.
        let by_count = if i == j { by_number[i] } else { by_number[i] + by_number[j] };
        images.visit(i, j, coordination::CUTOFF, |vector, distance| {
            let (_, slope) = coordination::count(radii[i] + radii[j], distance);
            gradient.add((i, j), vector, distance, by_count * slope);
        });
    })?;
    let volume = structure.lattice().volume();
    let strain = gradient.strain;
    let mean = |k: usize, l: usize| 0.5 * (strain[k][l] + strain[l][k]) * HARTREE / volume;
    Ok(Correction {
        energy: energy * HARTREE,
        forces: gradient.positions.iter().map(|by| by.map(|x| -x * HARTREE / BOHR)).collect(),
        stress: Some([mean(0, 0), mean(1, 1), mean(2, 2), mean(1, 2), mean(0, 2), mean(0, 1)]),
    })
}

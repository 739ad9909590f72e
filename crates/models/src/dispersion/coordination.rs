//! Coordination numbers: neighbors, counted by a smooth step.

use super::images::Images;
use mlip_atoms::{Deadline, PredictError};

/// Pairs farther apart count nothing, Bohr.
pub(super) const CUTOFF: f64 = 40.0;

/// Steepness of the step.
const STEEPNESS: f64 = 16.0;

/// What a neighbor counts at a distance, and the slope of that; `radii` is the sum of both radii.
pub(super) fn count(radii: f64, distance: f64) -> (f64, f64) {
    let growth = (-STEEPNESS * (radii / distance - 1.0)).exp();
    let value = 1.0 / (1.0 + growth);
    // The growth is below exp(STEEPNESS): far away, where it is largest.
    (value, -STEEPNESS * radii / (distance * distance) * value * (growth * value))
}

/// `[n_atoms]`; `radii` of the atoms, Bohr.
pub(super) fn numbers(images: &Images, radii: &[f64], deadline: &Deadline) -> Result<Vec<f64>, PredictError> {
    let mut numbers = vec![0.0; images.n_atoms()];
    images.for_each_pair(deadline, |i, j| {
        let mut sum = 0.0;
        images.visit(i, j, CUTOFF, |_, distance| sum += count(radii[i] + radii[j], distance).0);
        numbers[i] += sum;
        if i != j {
            numbers[j] += sum;
        }
    })?;
    Ok(numbers)
}

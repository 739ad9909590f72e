//! Where the knots lie, and how near to each other they must be.
//!
//! Knots are even in √r: the transform changes fastest at short distances, and the cutoff fastest at long ones.

use crate::e3nn::{RadialPerceptron, Scratch};
use crate::mace::radial::Basis;
use mlip_kernels::simd::{InstructionSet, Real};
use mlip_kernels::spline::{Factors, REACH, coefficients};

/// Knots before and behind the step in which an argument lies.
pub(super) const BEFORE: usize = 2;
pub(super) const BEHIND: usize = 3;

/// Steps between 0 and the cutoff that are tried, one after the other.
const N_STEPS: [usize; 11] = [112, 128, 144, 160, 192, 224, 256, 320, 384, 512, 768];

/// Tables are checked from here to the cutoff, Å. Nearer atoms are refused unless overlaps are allowed.
const NEAREST: f64 = 0.5;

/// What the last layer multiplies may be wrong by this part of its largest number, by bytes of a number: in single
/// precision by half a unit of its last place, as it is rounded.
fn tolerance(bytes: usize) -> f64 {
    if bytes < 8 { 3e-8 } else { 1e-10 }
}

/// The distance of a knot, Å. Knots below zero are those above: the function of √r is even.
pub(super) fn distance(knot: i64, step: f64) -> f64 {
    (knot as f64 * step).powi(2)
}

/// Appends the basis functions at a distance, continued smoothly beyond the cutoff.
pub(super) fn sample(basis: &Basis, elements: (u8, u8), r: f64, rows: &mut Vec<f64>) {
    let start = rows.len();
    rows.resize(start + basis.len(), 0.0);
    basis.evaluate_smooth(r, elements, &mut rows[start..], &mut vec![0.0; basis.len()]);
}

/// The longest step, √Å, with which all layers are as near to their networks as the precision asks for; none if no step
/// is short enough.
///
/// Tried for the elements with the smallest, the median and the largest radius, each with itself.
pub(in crate::mace) fn find_step<T: Real>(
    basis: &Basis,
    networks: &[&RadialPerceptron<f64>],
    elements: &[u8],
    set: InstructionSet,
) -> Option<f64> {
    let radii = &basis.transform.as_ref()?.radii;
    let mut by_radius = elements.to_vec();
    let radius = |z: &u8| radii.get(usize::from(*z)).copied().unwrap_or(f64::NAN);
    by_radius.sort_by(|a, b| radius(a).total_cmp(&radius(b)));
    let tried = [by_radius.first()?, by_radius.get(by_radius.len() / 2)?, by_radius.last()?];
    let is_enough = |n_steps: usize| {
        let step = basis.r_max.sqrt() / n_steps as f64;
        tried.iter().all(|z| error(basis, networks, (**z, **z), n_steps, step, set) <= tolerance(size_of::<T>()))
    };
    let n_steps = N_STEPS.into_iter().find(|n_steps| is_enough(*n_steps))?;
    Some(basis.r_max.sqrt() / n_steps as f64)
}

/// The largest error in the middle between two knots, relative to the largest number.
fn error(
    basis: &Basis,
    networks: &[&RadialPerceptron<f64>],
    elements: (u8, u8),
    n_steps: usize,
    step: f64,
    set: InstructionSet,
) -> f64 {
    let first = (NEAREST.sqrt() / step) as usize;
    let lead = (BEFORE + REACH) as i64;
    let (mut samples, mut middles) = (Vec::new(), Vec::new());
    for knot in first as i64 - lead..(n_steps + BEHIND + REACH) as i64 {
        sample(basis, elements, distance(knot, step), &mut samples);
    }
    for k in first..n_steps {
        sample(basis, elements, ((k as f64 + 0.5) * step).powi(2), &mut middles);
    }
    let factors = Factors::at(0.5, 1.0);
    let (mut scratch, mut other) = (Scratch::default(), Scratch::default());
    let mut worst = 0.0_f64;
    for network in networks {
        let width = network.hidden_width();
        let samples = network.hidden(&samples, &mut scratch);
        let exact = network.hidden(&middles, &mut other);
        let mut rows = vec![0.0; samples.len() - 2 * REACH * width];
        for (row, around) in rows.chunks_exact_mut(width).zip(samples.windows((2 * REACH + 1) * width).step_by(width)) {
            coefficients(around, row);
        }
        let largest = exact.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
        let mut found = vec![0.0; width];
        for (rows, exact) in rows.windows(6 * width).step_by(width).zip(exact.chunks_exact(width)) {
            let differences = rows.iter().skip(width).zip(rows).map(|(next, x)| next - x).collect::<Vec<_>>();
            factors.values(&rows[BEFORE * width..][..width], &differences, &mut found, set);
            for (found, exact) in found.iter().zip(exact) {
                // NaN is not enough either.
                let off = (found - exact).abs() / largest;
                worst = if off <= worst { worst } else { off };
            }
        }
    }
    worst
}

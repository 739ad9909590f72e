//! Radial weights: Bessel functions under an envelope, a network on them, tables of what it gives.

use crate::e3nn::{RadialPerceptron, Scratch, polynomial_envelope, smooth_polynomial_envelope, wave};
use crate::sevennet::config::{Config, Envelope};
use mlip_kernels::simd::{InstructionSet, Real};
use mlip_kernels::spline::SplineTable;

/// Steps of tables over the cutoff. With 8 Bessel functions the shortest wave is a quarter of the cutoff.
///
/// What lies between knots makes forces of SevenNet-0 wrong by 1.1e-5 of the largest with 224 steps, and by a thirtieth of
/// that with 448.
const STEPS: f64 = 448.0;

/// The basis, in double precision.
pub(super) struct Basis {
    cutoff: f64,
    envelope: Envelope,
    frequencies: Vec<f64>,
}

impl Basis {
    pub(super) fn new(config: &Config, frequencies: Vec<f64>) -> Self {
        Self { cutoff: config.cutoff, envelope: config.envelope, frequencies }
    }

    pub(super) fn len(&self) -> usize {
        self.frequencies.len()
    }

    /// Where the basis is smooth: from one number to the next.
    fn pieces(&self) -> Vec<(f64, f64)> {
        match self.envelope {
            Envelope::Polynomial(_) => vec![(0.0, self.cutoff)],
            Envelope::Xplor(on) => vec![(0.0, on), (on, self.cutoff)],
        }
    }

    /// Values and derivatives at a distance.
    pub(super) fn evaluate(&self, r: f64, values: &mut [f64], slopes: &mut [f64]) {
        let envelope = match self.envelope {
            Envelope::Polynomial(p) => polynomial_envelope(r, self.cutoff, p),
            Envelope::Xplor(on) if r < on => (1.0, 0.0),
            Envelope::Xplor(_) if r >= self.cutoff => (0.0, 0.0),
            Envelope::Xplor(on) => xplor(r, on, self.cutoff),
        };
        self.under(r, envelope, values, slopes);
    }

    /// The same in one of the pieces, continued smoothly beyond its ends.
    fn evaluate_smooth(&self, piece: usize, r: f64, values: &mut [f64], slopes: &mut [f64]) {
        let envelope = match (self.envelope, piece) {
            (Envelope::Polynomial(p), _) => smooth_polynomial_envelope(r, self.cutoff, p),
            (Envelope::Xplor(_), 0) => (1.0, 0.0),
            (Envelope::Xplor(on), _) => xplor(r, on, self.cutoff),
        };
        self.under(r, envelope, values, slopes);
    }

    fn under(&self, r: f64, (cut, cut_slope): (f64, f64), values: &mut [f64], slopes: &mut [f64]) {
        let prefactor = 2.0 / self.cutoff;
        for ((frequency, value), slope) in self.frequencies.iter().zip(values).zip(slopes) {
            let (sine, sine_slope) = wave(*frequency, r);
            *value = prefactor * sine * cut;
            *slope = prefactor * (sine_slope * cut + sine * cut_slope);
        }
    }
}

/// `(c² - r²)² (c² + 2 r² - 3 o²) / (c² - o²)³`, o where it begins, c the cutoff; and its derivative by r.
fn xplor(r: f64, on: f64, cutoff: f64) -> (f64, f64) {
    let (r2, on2, cutoff2) = (r * r, on * on, cutoff * cutoff);
    let (left, other) = (cutoff2 - r2, cutoff2 + 2.0 * r2 - 3.0 * on2);
    let norm = (cutoff2 - on2).powi(3);
    (left * left * other / norm, 4.0 * r * left * (left - other) / norm)
}

/// Weights of some paths as functions of the distance.
pub(super) struct Radial<T> {
    network: RadialPerceptron<T>,
    /// Where each begins, by distance; none where the network itself is evaluated, as in double precision.
    tables: Vec<(f64, SplineTable<T>)>,
    width: usize,
    set: InstructionSet,
}

/// Arrays that are used again.
#[derive(Default)]
pub(super) struct Rows<T> {
    basis: [Vec<T>; 2],
    scratch: Scratch<T>,
}

impl<T: Real> Radial<T> {
    /// As [`RadialPerceptron::pack`].
    pub(super) fn new(
        basis: &Basis,
        widths: &[usize],
        weights: &[Vec<f64>],
        columns: &[Option<usize>],
        set: InstructionSet,
    ) -> Self {
        let mut tables = Vec::new();
        if size_of::<T>() < 8 {
            let wide = RadialPerceptron::<f64>::pack(widths, weights, columns, set);
            let (mut values, mut slopes) = (vec![0.0; basis.len()], vec![0.0; basis.len()]);
            let mut scratch = Scratch::default();
            for (piece, (start, end)) in basis.pieces().into_iter().enumerate() {
                let n_steps = (STEPS * (end - start) / basis.cutoff).ceil().max(4.0) as usize;
                let table = SplineTable::build_with_differences(end - start, n_steps, columns.len(), |x, row| {
                    basis.evaluate_smooth(piece, start + x, &mut values, &mut slopes);
                    wide.values(&values, &mut scratch, row);
                });
                tables.push((start, table));
            }
        }
        Self { network: RadialPerceptron::pack(widths, weights, columns, set), tables, width: columns.len(), set }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.network.bytes() + self.tables.iter().map(|(_, table)| table.bytes()).sum::<u64>()
    }

    /// Weights at some distances, one row each, and their derivatives where `slopes` has room for them.
    pub(super) fn weights(
        &self,
        basis: &Basis,
        distances: impl Iterator<Item = f64>,
        rows: &mut Rows<T>,
        values: &mut [T],
        slopes: &mut [T],
    ) {
        let with_slopes = !slopes.is_empty();
        if self.tables.is_empty() {
            return self.exact(basis, distances, rows, values, slopes);
        }
        for (index, r) in distances.enumerate() {
            let found = self.tables.iter().rev().find(|(start, _)| *start <= r);
            let Some((start, table)) = found else { continue };
            let (place, row) = (table.place(r - start), index * self.width..(index + 1) * self.width);
            match with_slopes {
                true => table.values_and_slopes(&place, &mut values[row.clone()], &mut slopes[row], self.set),
                false => table.values(&place, &mut values[row], self.set),
            }
        }
    }

    fn exact(
        &self,
        basis: &Basis,
        distances: impl Iterator<Item = f64>,
        Rows { basis: [rows, row_slopes], scratch }: &mut Rows<T>,
        values: &mut [T],
        slopes: &mut [T],
    ) {
        let (mut row, mut row_slope) = (vec![0.0; basis.len()], vec![0.0; basis.len()]);
        rows.clear();
        row_slopes.clear();
        for r in distances {
            basis.evaluate(r, &mut row, &mut row_slope);
            rows.extend(row.iter().map(|x| T::real(*x)));
            row_slopes.extend(row_slope.iter().map(|x| T::real(*x)));
        }
        match slopes.is_empty() {
            true => self.network.values(rows, scratch, values),
            false => self.network.values_and_slopes(rows, row_slopes, scratch, values, slopes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_envelopes_have_the_slopes_that_they_say() {
        for envelope in [Envelope::Xplor(4.5), Envelope::Polynomial(6.0)] {
            let basis = Basis { cutoff: 5.0, envelope, frequencies: vec![0.63, 2.4, 5.1] };
            let at = |r: f64| {
                let (mut values, mut slopes) = ([0.0; 3], [0.0; 3]);
                basis.evaluate(r, &mut values, &mut slopes);
                (values, slopes)
            };
            for r in [0.7, 2.2, 4.4, 4.6, 4.95] {
                for k in 0..3 {
                    let step = |by: f64| at(r + by).0[k];
                    let slope = (8.0 * (step(1e-3) - step(-1e-3)) - (step(2e-3) - step(-2e-3))) / 12e-3;
                    assert!((at(r).1[k] - slope).abs() < 1e-9, "{envelope:?} {r} {k}");
                }
            }
            assert_eq!(at(5.0), ([0.0; 3], [0.0; 3]));
        }
    }
}

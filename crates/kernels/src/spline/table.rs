//! Tables over a whole domain. Their coefficients interpolate samples; they come from them by two recursive filters, see
//! M. Unser, IEEE Signal Process. Mag. 16(6), 22 (1999).

use super::rows::{Sums, basis, of_differences};
use crate::simd::{InstructionSet, Real};

/// Knots beyond each end of the table's domain. What is wrong at the outer end fades by 0.43 a knot: 1e-12 here.
const MARGIN: usize = 34;

/// Poles of the filter that turns samples into coefficients of quintic B-splines (Unser, table 1).
const POLES: [f64; 2] = [-0.430_575_347_099_973_8, -0.043_096_288_203_264_65];

/// Functions on `[0, end]`, `width` of them.
#[derive(Debug, Clone)]
pub struct SplineTable<T> {
    width: usize,
    step: f64,
    n_steps: usize,
    /// `[n_rows, width]`; row k belongs to the B-spline around knot k - 2.
    rows: Vec<T>,
    /// `[n_rows - 1, width]`: differences of neighboring rows over the step, where slopes come from these.
    differences: Vec<T>,
}

/// Where an argument lies in the table.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// First of the six rows.
    row: usize,
    /// Factors of the rows for values.
    values: [f64; 6],
    /// Factors of the rows for derivatives.
    slopes: [f64; 6],
    /// Factors of the five differences for derivatives.
    differences: [f64; 5],
}

impl<T: Real> SplineTable<T> {
    /// A table of `n_steps` steps on `[0, end]`; `sample(x, row)` fills the functions' values at x.
    ///
    /// The functions must be smooth a little beyond both ends: they are sampled there too.
    pub fn build(end: f64, n_steps: usize, width: usize, sample: impl FnMut(f64, &mut [f64])) -> Self {
        Self::tabulate(end, n_steps, width, false, sample)
    }

    /// The same with differences of rows beside the rows: twice as large, and slopes are rounded as what they are. As a sum
    /// of rows a slope has their rounding over the step.
    pub fn build_with_differences(end: f64, n_steps: usize, width: usize, sample: impl FnMut(f64, &mut [f64])) -> Self {
        Self::tabulate(end, n_steps, width, true, sample)
    }

    fn tabulate(
        end: f64,
        n_steps: usize,
        width: usize,
        with_differences: bool,
        mut sample: impl FnMut(f64, &mut [f64]),
    ) -> Self {
        let step = end / n_steps as f64;
        let n_samples = n_steps + 1 + 2 * MARGIN;
        let mut rows = vec![0.0; n_samples * width];
        for (index, row) in rows.chunks_exact_mut(width.max(1)).enumerate() {
            sample((index as f64 - MARGIN as f64) * step, row);
        }
        filter(&mut rows, width);
        // Six B-splines are not zero on a step: from two knots before it to three behind.
        let kept = &rows[(MARGIN - 2) * width..(MARGIN + n_steps + 4) * width];
        let pairs = kept.iter().zip(kept.iter().skip(width)).filter(|_| with_differences);
        let differences = pairs.map(|(x, next)| T::real((next - x) / step)).collect();
        Self { width, step, n_steps, rows: kept.iter().map(|x| T::real(*x)).collect(), differences }
    }

    /// How many functions.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> u64 {
        ((self.rows.len() + self.differences.len()) * size_of::<T>()) as u64
    }

    /// Where `x` lies; beyond the ends, the end.
    pub fn place(&self, x: f64) -> Place {
        let position = (x / self.step).clamp(0.0, self.n_steps as f64);
        let row = (position as usize).min(self.n_steps - 1);
        let t = position - row as f64;
        let (values, slopes) = basis(t);
        Place { row, values, slopes: slopes.map(|slope| slope / self.step), differences: of_differences(slopes) }
    }

    /// All functions at a place.
    pub fn values(&self, place: &Place, out: &mut [T], set: InstructionSet) {
        let (rows, factors) = (self.six(place), [place.values]);
        T::run(Sums { rows, factors, width: self.width, outs: [out], base: None }, set);
    }

    /// All functions and their derivatives at a place.
    pub fn values_and_slopes(&self, place: &Place, values: &mut [T], slopes: &mut [T], set: InstructionSet) {
        let (rows, width) = (self.six(place), self.width);
        if self.differences.is_empty() {
            let factors = [place.values, place.slopes];
            return T::run(Sums { rows, factors, width, outs: [values, slopes], base: None }, set);
        }
        let differences = &self.differences[place.row * width..][..5 * width];
        T::run(Sums { rows, factors: [place.values], width, outs: [values], base: None }, set);
        let factors = [place.differences];
        T::run(Sums { rows: differences, factors, width, outs: [slopes], base: None }, set);
    }

    fn six(&self, place: &Place) -> &[T] {
        &self.rows[place.row * self.width..][..6 * self.width]
    }
}

/// From samples to coefficients, in place, each column by itself.
fn filter(rows: &mut [f64], width: usize) {
    let n = rows.len() / width.max(1);
    let gain: f64 = POLES.iter().map(|z| (1.0 - z) * (1.0 - 1.0 / z)).product();
    rows.iter_mut().for_each(|x| *x *= gain);
    for z in POLES {
        for k in 1..n {
            let (before, row) = rows[(k - 1) * width..].split_at_mut(width);
            for (x, previous) in row[..width].iter_mut().zip(before) {
                *x += z * *previous;
            }
        }
        // The anticausal pass, begun as if all beyond the end were mirrored there.
        let end = z / (z * z - 1.0);
        for column in 0..width {
            let before = rows[(n - 2) * width + column];
            let last = &mut rows[(n - 1) * width + column];
            *last = end * (*last + z * before);
        }
        for k in (0..n - 1).rev() {
            let (row, behind) = rows[k * width..].split_at_mut(width);
            for (x, next) in row.iter_mut().zip(behind) {
                *x = z * (*next - *x);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(x: f64, row: &mut [f64]) {
        row[0] = (2.0 * x).sin();
        row[1] = (-x).exp();
    }

    /// Largest errors of values and slopes.
    fn errors<T: Real>(table: &SplineTable<T>) -> (f64, f64) {
        let (mut value_error, mut slope_error) = (0.0_f64, 0.0_f64);
        for k in 0..=600 {
            let x = 0.005 * f64::from(k);
            for set in InstructionSet::available() {
                let (mut values, mut slopes) = ([T::default(); 2], [T::default(); 2]);
                table.values_and_slopes(&table.place(x), &mut values, &mut slopes, set);
                let exact = [(2.0 * x).sin(), (-x).exp()];
                let slope = [2.0 * (2.0 * x).cos(), -(-x).exp()];
                for f in 0..2 {
                    value_error = value_error.max((values[f].wide() - exact[f]).abs());
                    slope_error = slope_error.max((slopes[f].wide() - slope[f]).abs());
                }
            }
        }
        (value_error, slope_error)
    }

    #[test]
    fn values_and_slopes_are_those_of_the_functions() {
        for table in
            [SplineTable::<f64>::build(3.0, 100, 2, sample), SplineTable::build_with_differences(3.0, 100, 2, sample)]
        {
            let (values, slopes) = errors(&table);
            assert!(values < 1e-10 && slopes < 1e-8, "{values:e} {slopes:e}");
        }
    }

    #[test]
    fn the_error_falls_with_the_sixth_power_of_the_step() {
        let error = |n_steps| errors(&SplineTable::<f64>::build(3.0, n_steps, 2, sample)).0;
        let ratio = error(20) / error(40);
        assert!((45.0..90.0).contains(&ratio), "{ratio}");
    }

    #[test]
    fn differences_keep_the_rounding_of_slopes_small_on_fine_tables() {
        let rows = errors(&SplineTable::<f32>::build(3.0, 400, 2, sample)).1;
        let differences = errors(&SplineTable::<f32>::build_with_differences(3.0, 400, 2, sample)).1;
        assert!(differences < 5e-7 && rows > 10.0 * differences, "{rows:e} {differences:e}");
    }
}

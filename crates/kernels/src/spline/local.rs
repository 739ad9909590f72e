//! Coefficients from a few samples around each knot, for tables of which only parts are wanted.
//!
//! Interpolation makes every coefficient depend on every sample. Here each depends on nine: the filter's transfer
//! function is that of interpolation up to the eighth power of the frequency, so the error still falls with the sixth
//! power of the step. Source: C. de Boor, G. J. Fix, J. Approx. Theory 8, 19 (1973), on even knots.

/// Samples to each side of a knot on which its coefficient depends.
pub const REACH: usize = 4;

/// Factors of the samples at 0, ±1, ... ±[`REACH`] steps from the knot: the power series of
/// 120 / (66 + 52 cos ω + 2 cos 2ω), as far as a sum of cosines has it.
const FACTORS: [f64; REACH + 1] =
    [2561.0 / 1152.0, -11141.0 / 14400.0, 2743.0 / 14400.0, -443.0 / 14400.0, 139.0 / 57600.0];

/// The coefficients of `row.len()` functions at a knot, from their samples at the knots around it:
/// `[2 REACH + 1, row.len()]`.
pub fn coefficients(samples: &[f64], row: &mut [f64]) {
    let width = row.len();
    let sample = |k: usize| &samples[k * width..][..width];
    for (x, centre) in row.iter_mut().zip(sample(REACH)) {
        *x = FACTORS[0] * centre;
    }
    for (k, factor) in FACTORS.iter().enumerate().skip(1) {
        for ((x, before), behind) in row.iter_mut().zip(sample(REACH - k)).zip(sample(REACH + k)) {
            *x += factor * (before + behind);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Factors;
    use super::*;
    use crate::simd::InstructionSet;

    /// Largest errors of value and slope of sin(2x) and e^-x on [0, 3], of which only the knots around x are made.
    fn errors(step: f64) -> (f64, f64) {
        let sample = |knot: i32| {
            let x = f64::from(knot) * step;
            [(2.0 * x).sin(), (-x).exp()]
        };
        let (mut value_error, mut slope_error) = (0.0_f64, 0.0_f64);
        for k in 0..=600 {
            let x = 0.005 * f64::from(k);
            let first = (x / step).floor();
            let knots = first as i32 - 2..first as i32 + 4;
            let around = |knot: i32| (knot - REACH as i32..=knot + REACH as i32).flat_map(sample).collect::<Vec<_>>();
            let row = |knot: i32| {
                let mut row = [0.0; 2];
                coefficients(&around(knot), &mut row);
                row
            };
            let rows = knots.map(row).collect::<Vec<_>>();
            let differences = rows.windows(2).flat_map(|pair| [0, 1].map(|f| pair[1][f] - pair[0][f]));
            let differences = differences.collect::<Vec<_>>();
            let factors = Factors::at(x / step - first, 1.0 / step);
            for set in InstructionSet::available() {
                let (mut values, mut slopes, mut alone) = ([0.0; 2], [0.0; 2], [0.0; 2]);
                factors.values_and_slopes(&rows[2], &differences, [&mut values, &mut slopes], set);
                factors.values(&rows[2], &differences, &mut alone, set);
                assert_eq!(alone, values);
                let exact = [(2.0 * x).sin(), (-x).exp()];
                let slope = [2.0 * (2.0 * x).cos(), -(-x).exp()];
                for f in 0..2 {
                    value_error = value_error.max((values[f] - exact[f]).abs());
                    slope_error = slope_error.max((slopes[f] - slope[f]).abs());
                }
            }
        }
        (value_error, slope_error)
    }

    #[test]
    fn values_and_slopes_are_those_of_the_functions() {
        let (values, slopes) = errors(0.03);
        assert!(values < 1e-10 && slopes < 1e-8, "{values:e} {slopes:e}");
    }

    #[test]
    fn the_error_falls_with_the_sixth_power_of_the_step() {
        let ratio = errors(0.15).0 / errors(0.075).0;
        assert!((45.0..130.0).contains(&ratio), "{ratio}");
    }

    #[test]
    fn polynomials_of_the_fifth_degree_are_exact() {
        let polynomial = |x: f64| 1.0 + x * (0.5 + x * (-1.0 + x * (0.25 + x * (0.7 - 0.3 * x))));
        let samples = |knot: i32| (knot - 4..=knot + 4).map(|k| polynomial(f64::from(k))).collect::<Vec<_>>();
        let mut rows = [[0.0]; 6];
        rows.iter_mut().zip(-2..).for_each(|(row, knot)| coefficients(&samples(knot), row));
        let differences = rows.windows(2).map(|pair| pair[1][0] - pair[0][0]).collect::<Vec<_>>();
        for t in [0.0, 0.3, 0.9] {
            let mut value = [0.0];
            Factors::at(t, 1.0).values(&rows[2], &differences, &mut value, InstructionSet::detect());
            assert!((value[0] - polynomial(t)).abs() < 1e-11, "{t}: {} {}", value[0], polynomial(t));
        }
    }
}

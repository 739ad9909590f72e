//! Sums of the rows of coefficients around an argument.

use crate::simd::{InstructionSet, Kernel, Real, Vector};

/// Some columns of a row, from `at`.
#[inline(always)]
fn lanes_at<V: Vector, const WHOLE: bool>(row: &[V::Scalar], at: usize) -> V {
    if WHOLE { V::load(&row[at..at + V::LANES]) } else { V::load_padded(row, at, V::Scalar::default()) }
}

/// What the five differences of the six rows around an argument are multiplied by.
///
/// Values are the row of the knot before the argument and small parts of differences, slopes are parts of differences
/// alone: both are rounded as what they are. As a sum of rows a slope would have their rounding over the step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factors {
    /// For values: what is added to the row of the knot before.
    pub values: [f64; 5],
    /// For derivatives.
    pub slopes: [f64; 5],
}

impl Factors {
    /// At `t` of a step, 0 <= t <= 1: the first difference is that of the rows of the knots two and one before the step.
    /// `rate`: steps for each unit of the variable by which derivatives are wanted.
    pub fn at(t: f64, rate: f64) -> Self {
        let (values, slopes) = basis(t);
        // Values sum to 1, of which one is the row of the knot before: in what remains they sum to 0.
        let mut beside = values;
        beside[2] -= 1.0;
        Self { values: of_differences(beside), slopes: of_differences(slopes).map(|slope| slope * rate) }
    }

    /// All functions. `knot`: the row of the knot before, `differences`: five rows, each of `out.len()` numbers.
    pub fn values<T: Real>(&self, knot: &[T], differences: &[T], out: &mut [T], set: InstructionSet) {
        let width = out.len();
        T::run(Sums { rows: differences, factors: [self.values], width, base: Some(knot), outs: [out] }, set);
    }

    /// All functions and their derivatives.
    pub fn values_and_slopes<T: Real>(
        &self,
        knot: &[T],
        differences: &[T],
        [values, slopes]: [&mut [T]; 2],
        set: InstructionSet,
    ) {
        let (width, factors) = (values.len(), [self.values, self.slopes]);
        T::run(Sums { rows: differences, factors, width, base: Some(knot), outs: [values, slopes] }, set);
    }
}

/// `M` sums of the same `N` rows, each row with a factor in each sum.
pub(super) struct Sums<'a, T, const N: usize, const M: usize> {
    /// `[N, width]`
    pub(super) rows: &'a [T],
    pub(super) factors: [[f64; N]; M],
    pub(super) width: usize,
    /// `[width]`, to which the first sum is added.
    pub(super) base: Option<&'a [T]>,
    /// `[width]` each.
    pub(super) outs: [&'a mut [T]; M],
}

impl<T: Real, const N: usize, const M: usize> Kernel<T> for Sums<'_, T, N, M> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { rows, factors, width, base, outs } = self;
        let base = base.map(|base| &base[..width]);
        let mut outs = outs.map(|out| &mut out[..width]);
        let zero = V::splat(T::default());
        let mut factor = [[zero; N]; M];
        let mut row: [&[T]; N] = [&[]; N];
        for (k, row) in row.iter_mut().enumerate() {
            *row = &rows[k * width..][..width];
        }
        for (to, from) in factor.as_flattened_mut().iter_mut().zip(factors.as_flattened()) {
            *to = V::splat(T::real(*from));
        }
        let mut at = 0;
        while at + V::LANES <= width {
            sum_lanes::<V, N, M, true>(&row, &factor, base, &mut outs, at);
            at += V::LANES;
        }
        if at < width {
            sum_lanes::<V, N, M, false>(&row, &factor, base, &mut outs, at);
        }
    }
}

/// The sums of some columns, from `at`; `WHOLE` where they fill a vector.
#[inline(always)]
fn sum_lanes<V: Vector, const N: usize, const M: usize, const WHOLE: bool>(
    row: &[&[V::Scalar]; N],
    factor: &[[V; N]; M],
    base: Option<&[V::Scalar]>,
    outs: &mut [&mut [V::Scalar]; M],
    at: usize,
) {
    let zero = V::Scalar::default();
    let mut sums = [V::splat(zero); M];
    if let (Some(base), Some(sum)) = (base, sums.first_mut()) {
        *sum = lanes_at::<V, WHOLE>(base, at);
    }
    for (k, row) in row.iter().enumerate() {
        let lanes = lanes_at::<V, WHOLE>(row, at);
        for (sum, factor) in sums.iter_mut().zip(factor) {
            *sum = lanes.mul_add(factor[k], *sum);
        }
    }
    for (sum, out) in sums.into_iter().zip(outs) {
        if WHOLE { sum.store(&mut out[at..at + V::LANES]) } else { sum.store_padded(out, at) }
    }
}

/// Factors of the five differences of six neighboring rows that make the same sum, where the factors of the rows sum to 0.
pub(super) fn of_differences(rows: [f64; 6]) -> [f64; 5] {
    // Σ rows[k] row[k] = Σ factors[k] (row[k + 1] - row[k])
    let mut sum = 0.0;
    [0, 1, 2, 3, 4].map(|k: usize| {
        sum -= rows[k];
        sum
    })
}

/// The six quintic B-splines that are not zero on a step, and their derivatives, at `t` of it.
pub(super) fn basis(t: f64) -> ([f64; 6], [f64; 6]) {
    let u = 1.0 - t;
    let inner = |x: f64| {
        // B-spline of degree 5 at distance 1 + x from its knot, 0 <= x <= 1.
        let y = 1.0 + x;
        (51.0 + y * (75.0 + y * (-210.0 + y * (150.0 + y * (-45.0 + 5.0 * y))))) / 120.0
    };
    let inner_slope = |x: f64| {
        let y = 1.0 + x;
        (75.0 + y * (-420.0 + y * (450.0 + y * (-180.0 + 25.0 * y)))) / 120.0
    };
    let centre = |x: f64| (66.0 + x * x * (-60.0 + x * x * (30.0 - 10.0 * x))) / 120.0;
    let centre_slope = |x: f64| x * (-120.0 + x * x * (120.0 - 50.0 * x)) / 120.0;
    let outer = |x: f64| x.powi(5) / 120.0;
    let outer_slope = |x: f64| x.powi(4) / 24.0;
    let values = [outer(u), inner(t), centre(t), centre(u), inner(u), outer(t)];
    let slopes = [-outer_slope(u), inner_slope(t), centre_slope(t), -centre_slope(u), -inner_slope(u), outer_slope(t)];
    (values, slopes)
}

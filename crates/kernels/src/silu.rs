//! `silu(x) = x · sigmoid(x)`, in place, alone or with a derivative carried along.

use crate::simd::{Kernel, Real, Vector, launch, math};

/// `values = silu(values)`
pub fn silu<T: Real>(values: &mut [T]) {
    launch(Silu { values });
}

/// `values = silu(values)`, and `slopes`, derivatives of the values by anything, become those of the results.
pub fn silu_with_slopes<T: Real>(values: &mut [T], slopes: &mut [T]) {
    assert_eq!(values.len(), slopes.len(), "one slope a value");
    launch(SiluWithSlopes { values, slopes });
}

struct Silu<'a, T> {
    values: &'a mut [T],
}

impl<T: Real> Kernel<T> for Silu<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let mut at = 0;
        while at < self.values.len() {
            let x = V::load_padded(self.values, at, T::default());
            math::flush_tiny(x.mul(math::sigmoid(x))).store_padded(self.values, at);
            at += V::LANES;
        }
    }
}

struct SiluWithSlopes<'a, T> {
    values: &'a mut [T],
    slopes: &'a mut [T],
}

impl<T: Real> Kernel<T> for SiluWithSlopes<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let one = V::splat(T::real(1.0));
        let mut at = 0;
        while at < self.values.len() {
            let x = V::load_padded(self.values, at, T::default());
            let slope = V::load_padded(self.slopes, at, T::default());
            let sigmoid = math::sigmoid(x);
            let value = math::flush_tiny(x.mul(sigmoid));
            // silu' = s (1 + x (1 - s)) = s + silu (1 - s)
            let derivative = value.mul_add(one.sub(sigmoid), sigmoid);
            value.store_padded(self.values, at);
            math::flush_tiny(slope.mul(derivative)).store_padded(self.slopes, at);
            at += V::LANES;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_slopes_are_those_of_the_definition() {
        let x: Vec<f64> = (-40..40).map(|k| 0.37 * f64::from(k)).collect();
        let silu_of = |x: f64| x / (1.0 + (-x).exp());
        let (mut alone, mut values, mut slopes) = (x.clone(), x.clone(), vec![2.0; x.len()]);
        silu(&mut alone);
        silu_with_slopes(&mut values, &mut slopes);
        assert_eq!(alone, values);
        for (k, x) in x.iter().enumerate() {
            assert!((values[k] - silu_of(*x)).abs() < 1e-13 * (1.0 + x.abs()), "{x}");
            let s = 1.0 / (1.0 + (-x).exp());
            assert!((slopes[k] - 2.0 * (s + x * s * (1.0 - s))).abs() < 1e-12, "{x}");
        }
    }
}

//! Sine and Fourier bases with learned frequencies, and their derivatives.

use crate::simd::{Kernel, Real, Vector, math};

/// `value[k] = amplitude · sin(frequency[k] · x)` for one x; `slope[k]` its derivative by x, where
/// the amplitude has the derivative `amplitude_slope`.
#[derive(Debug, Clone, Copy)]
pub struct SinePoint<T> {
    /// Argument.
    pub x: T,
    /// Factor.
    pub amplitude: T,
    /// Its derivative by x.
    pub amplitude_slope: T,
}

/// Evaluates a sine basis at many points.
pub struct SineBasis<'a, T> {
    /// `[n_basis]`
    pub frequencies: &'a [T],
    /// `[rows]`
    pub points: &'a [SinePoint<T>],
    /// `[rows, n_basis]`
    pub values: &'a mut [T],
    /// `[rows, n_basis]`, or empty when not wanted.
    pub slopes: &'a mut [T],
}

impl<T: Real> Kernel<T> for SineBasis<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { frequencies, points, values, slopes } = self;
        let n = frequencies.len();
        for (row, point) in points.iter().enumerate() {
            let (x, amplitude) = (V::splat(point.x), V::splat(point.amplitude));
            for at in (0..n).step_by(V::LANES) {
                let frequency = V::load_padded(frequencies, at, T::default());
                let phase = frequency.mul(x);
                let sine = math::sin(phase);
                sine.mul(amplitude).store_padded(&mut values[row * n..][..n], at);
                if !slopes.is_empty() {
                    let cosine = math::cos(phase).mul(frequency).mul(amplitude);
                    let slope = sine.mul_add(V::splat(point.amplitude_slope), cosine);
                    slope.store_padded(&mut slopes[row * n..][..n], at);
                }
            }
        }
    }
}

/// Evaluates `[sin(f_k θ) …, cos(f_k θ) …] / √π` at many angles.
pub struct FourierBasis<'a, T> {
    /// `[n_frequencies]`
    pub frequencies: &'a [T],
    /// `[rows]`, radians.
    pub angles: &'a [T],
    /// `[rows, 2 n_frequencies]`
    pub values: &'a mut [T],
}

impl<T: Real> Kernel<T> for FourierBasis<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { frequencies, angles, values } = self;
        let n = frequencies.len();
        let scale = V::splat(T::real(std::f64::consts::PI.sqrt().recip()));
        for (angle, row) in angles.iter().zip(values.chunks_exact_mut(2 * n)) {
            let (sines, cosines) = row.split_at_mut(n);
            for at in (0..n).step_by(V::LANES) {
                let phase = V::load_padded(frequencies, at, T::default()).mul(V::splat(*angle));
                math::sin(phase).mul(scale).store_padded(sines, at);
                math::cos(phase).mul(scale).store_padded(cosines, at);
            }
        }
    }
}

/// `∂E/∂θ` of each row from the values of the [`FourierBasis`] and `∂E/∂values`.
pub fn fourier_backward<T: Real>(frequencies: &[T], values: &[T], gradient: &[T]) -> Vec<f64> {
    let n = frequencies.len();
    let rows = values.chunks_exact(2 * n).zip(gradient.chunks_exact(2 * n));
    rows.map(|(value, gradient)| {
        let mut sum = 0.0;
        for (k, frequency) in frequencies.iter().enumerate() {
            let (sine, cosine) = (value[k].wide(), value[n + k].wide());
            sum += frequency.wide() * (gradient[k].wide() * cosine - gradient[n + k].wide() * sine);
        }
        sum
    })
    .collect()
}

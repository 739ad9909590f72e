//! `silu(norm(row))` with layer norm, for rows of any width.

use crate::activations::{silu, silu_slope};
use crate::layer_norm::LayerNorm;
use crate::simd::{Kernel, Real, Vector, math};

/// Added to the variance, as PyTorch's `LayerNorm` does by default.
const EPSILON: f64 = 1e-5;

/// `out = silu(norm(rows))`, `[rows, width]` each.
pub struct NormalSilu<'a, T> {
    /// Weights, `[width]` each.
    pub norm: &'a LayerNorm<T>,
    /// Rows.
    pub rows: &'a [T],
    /// Of the same shape.
    pub out: &'a mut [T],
}

/// `gradient`, `∂E/∂silu(norm(rows))`, becomes `∂E/∂rows`.
pub struct NormalSiluBackward<'a, T> {
    /// Weights, `[width]` each.
    pub norm: &'a LayerNorm<T>,
    /// Rows.
    pub rows: &'a [T],
    /// Of the same shape.
    pub gradient: &'a mut [T],
}

#[inline(always)]
fn moments<V: Vector>(row: &[V::Scalar]) -> (V::Scalar, V::Scalar) {
    let zero = V::Scalar::default();
    let width = row.len() as f64;
    let mut sum = V::splat(zero);
    for at in (0..row.len()).step_by(V::LANES) {
        sum = sum.add(V::load_padded(row, at, zero));
    }
    let mean = V::Scalar::real(sum.sum().wide() / width);
    let mut square = V::splat(zero);
    for at in (0..row.len()).step_by(V::LANES) {
        let lanes = V::load_padded(row, at, mean).sub(V::splat(mean));
        square = lanes.mul_add(lanes, square);
    }
    (mean, V::Scalar::real(1.0 / (square.sum().wide() / width + EPSILON).sqrt()))
}

impl<T: Real> Kernel<T> for NormalSilu<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { norm, rows, out } = self;
        let (width, zero) = (norm.scale.len(), T::default());
        for (row, out) in rows.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            let (mean, factor) = moments::<V>(row);
            for at in (0..width).step_by(V::LANES) {
                let lanes = V::load_padded(row, at, zero).sub(V::splat(mean)).mul(V::splat(factor));
                let scale = V::load_padded(&norm.scale, at, zero);
                silu(lanes.mul_add(scale, V::load_padded(&norm.offset, at, zero))).store_padded(out, at);
            }
        }
    }
}

impl<T: Real> Kernel<T> for NormalSiluBackward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { norm, rows, gradient } = self;
        let (width, zero) = (norm.scale.len(), T::default());
        for (row, gradient) in rows.chunks_exact(width).zip(gradient.chunks_exact_mut(width)) {
            let (mean, factor) = moments::<V>(row);
            let (mut sum, mut product) = (V::splat(zero), V::splat(zero));
            for at in (0..width).step_by(V::LANES) {
                let lanes = V::load_padded(row, at, mean).sub(V::splat(mean)).mul(V::splat(factor));
                let scale = V::load_padded(&norm.scale, at, zero);
                let before = lanes.mul_add(scale, V::load_padded(&norm.offset, at, zero));
                // Beyond the end of a row the scale is zero, and so is the slope.
                let slope = silu_slope(before).mul(scale).mul(V::load_padded(gradient, at, zero));
                let slope = math::flush_tiny(slope);
                slope.store_padded(gradient, at);
                sum = sum.add(slope);
                product = slope.mul_add(lanes, product);
            }
            let sum = V::splat(T::real(sum.sum().wide() / width as f64));
            let product = V::splat(T::real(product.sum().wide() / width as f64));
            for at in (0..width).step_by(V::LANES) {
                let lanes = V::load_padded(row, at, mean).sub(V::splat(mean)).mul(V::splat(factor));
                let slope = V::load_padded(gradient, at, zero).sub(sum).sub(lanes.mul(product));
                slope.mul(V::splat(factor)).store_padded(gradient, at);
            }
        }
    }
}

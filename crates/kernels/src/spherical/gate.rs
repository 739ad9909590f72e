//! The gate of spherical features: silu for degree 0, a learned factor for each higher degree and channel.
//!
//! `out[l = 0] = silu(row)`, `out[l > 0] = row · sigmoid(gates[l - 1])`.

use super::layout::MAX_DEGREE;
use crate::activations::{silu, silu_slope};
use crate::simd::math::sigmoid;
use crate::simd::{Kernel, Real, Vector};

/// Values.
pub struct GateForward<'a, T> {
    /// Degree of each row; that of the first is 0.
    pub degrees: &'a [usize],
    /// Numbers in a row.
    pub width: usize,
    /// `[items, lmax + rows, width]`: the gates, then the rows.
    pub items: &'a [T],
    /// `[items, rows, width]`
    pub out: &'a mut [T],
}

/// Gradients.
pub struct GateBackward<'a, T> {
    /// As in the forward pass.
    pub degrees: &'a [usize],
    /// As in the forward pass.
    pub width: usize,
    /// As in the forward pass.
    pub items: &'a [T],
    /// `[items, rows, width]`: `∂E/∂out`.
    pub gradient: &'a [T],
    /// `[items, lmax + rows, width]`: `∂E/∂items` is written.
    pub by_items: &'a mut [T],
}

impl<T: Real> Kernel<T> for GateForward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { degrees, width, items, out } = self;
        let zero = T::default();
        let lmax = degrees.iter().copied().max().unwrap_or(0);
        let items = items.chunks_exact((lmax + degrees.len()) * width);
        for (item, out) in items.zip(out.chunks_exact_mut(degrees.len() * width)) {
            let (gates, rows) = item.split_at(lmax * width);
            for at in (0..width).step_by(V::LANES) {
                let mut factors = [V::splat(zero); MAX_DEGREE];
                for l in 0..lmax {
                    factors[l] = sigmoid(V::load_padded(&gates[l * width..][..width], at, zero));
                }
                silu(V::load_padded(&rows[..width], at, zero)).store_padded(&mut out[..width], at);
                for r in 1..degrees.len() {
                    let row = V::load_padded(&rows[r * width..][..width], at, zero);
                    row.mul(factors[degrees[r] - 1]).store_padded(&mut out[r * width..][..width], at);
                }
            }
        }
    }
}

impl<T: Real> Kernel<T> for GateBackward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { degrees, width, items, gradient, by_items } = self;
        let zero = T::default();
        let one = V::splat(T::real(1.0));
        let lmax = degrees.iter().copied().max().unwrap_or(0);
        let size = (lmax + degrees.len()) * width;
        let items = items.chunks_exact(size).zip(by_items.chunks_exact_mut(size));
        for ((item, by_item), gradient) in items.zip(gradient.chunks_exact(degrees.len() * width)) {
            let (gates, rows) = item.split_at(lmax * width);
            let (by_gates, by_rows) = by_item.split_at_mut(lmax * width);
            for at in (0..width).step_by(V::LANES) {
                let mut factors = [V::splat(zero); MAX_DEGREE];
                let mut sums = factors;
                for l in 0..lmax {
                    factors[l] = sigmoid(V::load_padded(&gates[l * width..][..width], at, zero));
                }
                let scalar = V::load_padded(&rows[..width], at, zero);
                let slope = silu_slope(scalar).mul(V::load_padded(&gradient[..width], at, zero));
                slope.store_padded(&mut by_rows[..width], at);
                for r in 1..degrees.len() {
                    let l = degrees[r] - 1;
                    let g = V::load_padded(&gradient[r * width..][..width], at, zero);
                    let row = V::load_padded(&rows[r * width..][..width], at, zero);
                    sums[l] = g.mul_add(row, sums[l]);
                    g.mul(factors[l]).store_padded(&mut by_rows[r * width..][..width], at);
                }
                for l in 0..lmax {
                    let slope = factors[l].mul(one.sub(factors[l]));
                    sums[l].mul(slope).store_padded(&mut by_gates[l * width..][..width], at);
                }
            }
        }
    }
}

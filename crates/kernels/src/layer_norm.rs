//! Layer norms of rows that are held in vectors.
//!
//! A [`Mask`] keeps lanes beyond the end of a row out of its moments.

#![expect(clippy::needless_range_loop, reason = "one index runs through several arrays of vectors")]

use crate::row_vectors::{MAX_WIDTH, load, multiply, scale, total};
use crate::simd::{Real, Vector};

/// Added to the variance, as PyTorch's `LayerNorm` does by default.
const EPSILON: f64 = 1e-5;

/// Scale and offset of a layer norm, `[width]` each.
#[derive(Debug, Clone)]
pub struct LayerNorm<T> {
    /// Factor behind the normalisation.
    pub scale: Vec<T>,
    /// Term behind the normalisation.
    pub offset: Vec<T>,
}

/// One in the lanes of a row, zero beyond its end.
#[derive(Clone, Copy)]
pub struct Mask<V, const N: usize> {
    lanes: [V; N],
    inverse_width: V,
}

impl<V: Vector, const N: usize> Mask<V, N> {
    /// For rows of this width, at most `N` vectors.
    #[inline(always)]
    pub fn new(width: usize) -> Self {
        assert!(width <= N * V::LANES, "a row of {width} in {N} vectors");
        let mut ones = [V::Scalar::default(); MAX_WIDTH];
        ones[..width].fill(V::Scalar::real(1.0));
        Self { lanes: load(&ones), inverse_width: V::splat(V::Scalar::real(1.0 / width as f64)) }
    }
}

/// A normalised row, and the factor that made its variance one.
#[derive(Clone, Copy)]
struct Normal<V, const N: usize> {
    lanes: [V; N],
    inverse_deviation: V,
}

#[inline(always)]
fn normalise<V: Vector, const N: usize>(row: [V; N], mask: &Mask<V, N>) -> Normal<V, N> {
    let mean = total(row).mul(mask.inverse_width);
    let mut centered = row;
    for k in 0..N {
        centered[k] = row[k].sub(mean).mul(mask.lanes[k]);
    }
    let variance = total(multiply(centered, centered)).mul(mask.inverse_width);
    let one = V::splat(V::Scalar::real(1.0));
    let inverse_deviation = one.div(variance.add(V::splat(V::Scalar::real(EPSILON))).sqrt());
    Normal { lanes: scale(centered, inverse_deviation), inverse_deviation }
}

/// Turns `∂E/∂normal` into `∂E/∂row`.
#[inline(always)]
fn normalise_backward<V: Vector, const N: usize>(
    mut gradient: [V; N],
    normal: Normal<V, N>,
    mask: &Mask<V, N>,
) -> [V; N] {
    let mean = total(gradient).mul(mask.inverse_width);
    let product = total(multiply(gradient, normal.lanes)).mul(mask.inverse_width);
    for k in 0..N {
        let centered = gradient[k].sub(mean).sub(normal.lanes[k].mul(product));
        gradient[k] = centered.mul(normal.inverse_deviation);
    }
    gradient
}

impl<T: Real> LayerNorm<T> {
    #[inline(always)]
    fn apply<V: Vector<Scalar = T>, const N: usize>(&self, normal: &Normal<V, N>) -> [V; N] {
        let (scale, offset): ([V; N], [V; N]) = (load(&self.scale), load(&self.offset));
        let mut row = normal.lanes;
        for k in 0..N {
            row[k] = row[k].mul_add(scale[k], offset[k]);
        }
        row
    }

    /// `norm(row)`
    #[inline(always)]
    pub fn forward<V: Vector<Scalar = T>, const N: usize>(&self, row: [V; N], mask: &Mask<V, N>) -> [V; N] {
        self.apply(&normalise(row, mask))
    }

    /// `∂E/∂row` from `∂E/∂norm(row)`.
    #[inline(always)]
    pub fn backward<V: Vector<Scalar = T>, const N: usize>(
        &self,
        row: [V; N],
        gradient: [V; N],
        mask: &Mask<V, N>,
    ) -> [V; N] {
        normalise_backward(multiply(gradient, load(&self.scale)), normalise(row, mask), mask)
    }
}

//! Layer norms and activations of rows.
//!
//! A row is held in `N` vectors. Where its width is not a multiple of the lanes, lanes beyond its
//! end are zero, and a [`Mask`] keeps them out of the moments.

#![expect(clippy::needless_range_loop, reason = "one index runs through several arrays of vectors")]

use crate::simd::{Real, Vector, math};

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

/// The widest row.
pub const MAX_WIDTH: usize = 64;

// Loops, not closures: a closure is a function of its own, compiled for the oldest processor.

/// A row as vectors, zero beyond its end.
#[inline(always)]
pub fn load<V: Vector, const N: usize>(row: &[V::Scalar]) -> [V; N] {
    let zero = V::Scalar::default();
    let mut lanes = [V::splat(zero); N];
    if row.len() == N * V::LANES {
        for k in 0..N {
            lanes[k] = V::load(&row[k * V::LANES..]);
        }
    } else {
        for k in 0..N {
            lanes[k] = V::load_padded(row, k * V::LANES, zero);
        }
    }
    lanes
}

/// Vectors into a row; lanes beyond its end are dropped.
#[inline(always)]
pub fn store<V: Vector, const N: usize>(lanes: [V; N], row: &mut [V::Scalar]) {
    if row.len() == N * V::LANES {
        for k in 0..N {
            lanes[k].store(&mut row[k * V::LANES..]);
        }
    } else {
        for k in 0..N {
            lanes[k].store_padded(row, k * V::LANES);
        }
    }
}

/// Sum, lane by lane.
#[inline(always)]
pub fn add<V: Vector, const N: usize>(mut a: [V; N], b: [V; N]) -> [V; N] {
    for k in 0..N {
        a[k] = a[k].add(b[k]);
    }
    a
}

/// Product, lane by lane.
#[inline(always)]
pub fn multiply<V: Vector, const N: usize>(mut a: [V; N], b: [V; N]) -> [V; N] {
    for k in 0..N {
        a[k] = a[k].mul(b[k]);
    }
    a
}

/// Product with a number.
#[inline(always)]
fn scale<V: Vector, const N: usize>(mut a: [V; N], factor: V) -> [V; N] {
    for k in 0..N {
        a[k] = a[k].mul(factor);
    }
    a
}

/// Sum over the row, in every lane.
#[inline(always)]
fn total<V: Vector, const N: usize>(lanes: [V; N]) -> V {
    let mut sum = lanes[0];
    for other in &lanes[1..] {
        sum = sum.add(*other);
    }
    V::splat(sum.sum())
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

#[inline(always)]
fn one_plus_exp_minus<V: Vector>(x: V) -> V {
    math::exp(V::splat(V::Scalar::default()).sub(x)).add(V::splat(V::Scalar::real(1.0)))
}

/// `x · sigmoid(x)`
#[inline(always)]
pub fn silu<V: Vector>(x: V) -> V {
    math::flush_tiny(x.div(one_plus_exp_minus(x)))
}

/// Derivative of [`silu`].
#[inline(always)]
pub fn silu_slope<V: Vector>(x: V) -> V {
    let one = V::splat(V::Scalar::real(1.0));
    let s = math::sigmoid(x);
    math::flush_tiny(s.mul(x.mul_add(one.sub(s), one)))
}

/// Calls `$function::<V, N>($arguments)` with the `N` that holds rows of up to [`MAX_WIDTH`].
macro_rules! with_vectors {
    ($vector:ident, $function:ident($($argument:expr),* $(,)?)) => {
        match $vector::LANES {
            16 => $function::<$vector, 4>($($argument),*),
            8 => $function::<$vector, 8>($($argument),*),
            _ => $function::<$vector, 16>($($argument),*),
        }
    };
}
pub(crate) use with_vectors;

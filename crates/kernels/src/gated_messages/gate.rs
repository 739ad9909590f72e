//! The gate of a gated MLP: `silu(norm(core)) · sigmoid(norm(gate))`, for the rows of a block.
//!
//! Source: CHGNet (Deng et al., Nat. Mach. Intell. 5, 1031 (2023)), as in M3GNet.

#![expect(clippy::needless_range_loop, reason = "one index runs through several arrays of vectors")]

use super::block::{BLOCK, MAX_WEIGHTS, PerRow};
use crate::layer_norm::LayerNorm;
use crate::simd::{Real, Vector, math};

/// Added to the variance, as PyTorch's `LayerNorm` does by default.
const EPSILON: f64 = 1e-5;

/// The norms before the silu and before the sigmoid, or none.
///
/// Rows with a norm have a mean of zero: the layer before the norm is linear and its weights are constant, so
/// whoever packs them takes the mean over its outputs from them (see [`centered`]). The gradient by such a row may
/// differ from the exact one by a number that is the same in the whole row, which these weights map to zero.
#[derive(Debug, Clone)]
pub struct Gate<T> {
    /// `[2 w]`, core first: factor behind the norm.
    scale: Vec<T>,
    /// `[2 w]`: term behind the norm.
    offset: Vec<T>,
    /// Whether core and gate have norms.
    normal: [bool; 2],
}

/// The values less their mean.
pub fn centered(values: &[f64]) -> impl Iterator<Item = f64> {
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    values.iter().map(move |value| value - mean)
}

impl<T: Real> Gate<T> {
    /// Of rows of this width; where a norm is missing, the row is taken as it is.
    pub fn new(width: usize, core: Option<LayerNorm<T>>, gate: Option<LayerNorm<T>>) -> Self {
        let normal = [core.is_some(), gate.is_some()];
        let (mut scale, mut offset) = (Vec::new(), Vec::new());
        for norm in [core, gate] {
            let identity = || LayerNorm { scale: vec![T::real(1.0); width], offset: vec![T::default(); width] };
            let norm = norm.unwrap_or_else(identity);
            assert_eq!((norm.scale.len(), norm.offset.len()), (width, width), "a norm of rows of {width}");
            scale.extend(norm.scale);
            offset.extend(norm.offset);
        }
        Self { scale, offset, normal }
    }
}

/// A vector of a row; `WHOLE` where the row fills its vectors.
#[inline(always)]
pub(super) fn lanes<V: Vector, const WHOLE: bool>(row: &[V::Scalar], k: usize) -> V {
    if WHOLE { V::load(&row[k * V::LANES..]) } else { V::load_padded(row, k * V::LANES, V::Scalar::default()) }
}

/// The same back.
#[inline(always)]
pub(super) fn put<V: Vector, const WHOLE: bool>(lanes: V, row: &mut [V::Scalar], k: usize) {
    if WHOLE { lanes.store(&mut row[k * V::LANES..]) } else { lanes.store_padded(row, k * V::LANES) }
}

/// What makes the variance of each row one: `y` is `[n, 2 w]`.
#[inline(always)]
pub(super) fn norm_factors<V: Vector, const N: usize, const WHOLE: bool>(
    gate: &Gate<V::Scalar>,
    w: usize,
    y: &[V::Scalar],
) -> PerRow<V::Scalar> {
    let one = V::Scalar::real(1.0);
    let mut factors = [one; 2 * BLOCK];
    if gate.normal == [false; 2] {
        return factors;
    }
    for (factor, row) in factors.iter_mut().zip(y.chunks_exact(w)) {
        let mut sum = V::splat(V::Scalar::default());
        for k in 0..N {
            let y: V = lanes::<V, WHOLE>(row, k);
            sum = y.mul_add(y, sum);
        }
        *factor = sum.sum();
    }
    let inverse_width = V::splat(V::Scalar::real(1.0 / w as f64));
    let epsilon = V::splat(V::Scalar::real(EPSILON));
    for squares in factors.chunks_exact_mut(V::LANES) {
        let variance = V::load(squares).mul_add(inverse_width, epsilon);
        V::splat(one).div(variance.sqrt()).store(squares);
    }
    for (side, normal) in gate.normal.into_iter().enumerate() {
        if !normal {
            factors[side..].iter_mut().step_by(2).for_each(|factor| *factor = one);
        }
    }
    factors
}

/// Arguments of the silu and of the sigmoid, for vector k of a row.
#[inline(always)]
fn arguments<V: Vector, const WHOLE: bool>(
    gate: &Gate<V::Scalar>,
    w: usize,
    y: [V; 2],
    factors: [V; 2],
    k: usize,
) -> [V; 2] {
    let (core_scale, gate_scale) = gate.scale.split_at(w);
    let (core_offset, gate_offset) = gate.offset.split_at(w);
    let c = y[0].mul(factors[0]).mul_add(lanes::<V, WHOLE>(core_scale, k), lanes::<V, WHOLE>(core_offset, k));
    let g = y[1].mul(factors[1]).mul_add(lanes::<V, WHOLE>(gate_scale, k), lanes::<V, WHOLE>(gate_offset, k));
    [c, g]
}

/// The message of a row `y`, `[2 w]`: `silu(c) · sigmoid(g) · weights`.
#[inline(always)]
pub(super) fn message<V: Vector, const N: usize, const WHOLE: bool>(
    gate: &Gate<V::Scalar>,
    w: usize,
    y: &[V::Scalar],
    factors: &[V::Scalar],
    weights: &[&[V::Scalar]],
) -> [V; N] {
    let factors = [V::splat(factors[0]), V::splat(factors[1])];
    let (core, open) = y.split_at(w);
    let mut message = [V::splat(V::Scalar::default()); N];
    for k in 0..N {
        let y = [lanes::<V, WHOLE>(core, k), lanes::<V, WHOLE>(open, k)];
        let [c, g] = arguments::<V, WHOLE>(gate, w, y, factors, k);
        let (a, b) = (math::one_plus_exp_minus(c), math::one_plus_exp_minus(g));
        let mut value = math::flush_tiny(c.div(a.mul(b)));
        for weight in weights {
            value = value.mul(lanes::<V, WHOLE>(weight, k));
        }
        message[k] = value;
    }
    message
}

/// `∂E/∂(y behind its norm)` of a row into `dy`, and those of its weights. Returns the products of `dy` with `y`, core
/// and gate, which the norm needs.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "one row of everything")]
pub(super) fn message_slopes<V: Vector, const N: usize, const WHOLE: bool>(
    gate: &Gate<V::Scalar>,
    w: usize,
    y: &[V::Scalar],
    factors: &[V::Scalar],
    gradient: &[V::Scalar],
    weights: &[&[V::Scalar]],
    dy: &mut [V::Scalar],
    of_weights: &mut [[V; N]; MAX_WEIGHTS],
) -> [V::Scalar; 2] {
    let one = V::splat(V::Scalar::real(1.0));
    let factors = [V::splat(factors[0]), V::splat(factors[1])];
    let (core, open) = y.split_at(w);
    let (core_slope, gate_slope) = dy.split_at_mut(w);
    let (core_scale, gate_scale) = gate.scale.split_at(w);
    let mut products = [V::splat(V::Scalar::default()); 2];
    for k in 0..N {
        let y = [lanes::<V, WHOLE>(core, k), lanes::<V, WHOLE>(open, k)];
        let [c, g] = arguments::<V, WHOLE>(gate, w, y, factors, k);
        let exponentials = [math::exp_minus(c), math::exp_minus(g)];
        let (a, b) = (one.add(exponentials[0]), one.add(exponentials[1]));
        let inverse = one.div(a.mul(b));
        let (core_sigmoid, gate_sigmoid) = (inverse.mul(b), inverse.mul(a));
        let value = math::flush_tiny(c.mul(inverse));
        let gradient: V = lanes::<V, WHOLE>(gradient, k);
        let mut upstream = gradient;
        for (i, weight) in weights.iter().enumerate() {
            let mut slope = value.mul(gradient);
            for (j, other) in weights.iter().enumerate() {
                if j != i {
                    slope = slope.mul(lanes::<V, WHOLE>(other, k));
                }
            }
            of_weights[i][k] = slope;
            upstream = upstream.mul(lanes::<V, WHOLE>(weight, k));
        }
        // silu' = s (1 + x (1 - s)), sigmoid' = s (1 - s), 1 - s = s e^-x
        let silu_slope = c.mul_add(core_sigmoid.mul(exponentials[0]), one);
        let by_core = upstream.mul(math::flush_tiny(inverse)).mul(silu_slope);
        let by_core = math::flush_tiny(by_core.mul(lanes::<V, WHOLE>(core_scale, k)));
        let by_gate = upstream.mul(value).mul(gate_sigmoid.mul(exponentials[1]));
        let by_gate = math::flush_tiny(by_gate.mul(lanes::<V, WHOLE>(gate_scale, k)));
        products = [by_core.mul_add(y[0], products[0]), by_gate.mul_add(y[1], products[1])];
        put::<V, WHOLE>(by_core, core_slope, k);
        put::<V, WHOLE>(by_gate, gate_slope, k);
    }
    [products[0].sum(), products[1].sum()]
}

/// Turns `dy`, gradients by rows behind their norms, into those by the rows before. `products`: those of both.
#[inline(always)]
pub(super) fn norm_slopes<V: Vector, const N: usize, const WHOLE: bool>(
    gate: &Gate<V::Scalar>,
    w: usize,
    y: &[V::Scalar],
    factors: &PerRow<V::Scalar>,
    mut products: PerRow<V::Scalar>,
    dy: &mut [V::Scalar],
) {
    if gate.normal == [false; 2] {
        return;
    }
    let inverse_width = V::splat(V::Scalar::real(1.0 / w as f64));
    for (products, factors) in products.chunks_exact_mut(V::LANES).zip(factors.chunks_exact(V::LANES)) {
        let factor = V::load(factors);
        V::load(products).mul(inverse_width).mul(factor).mul(factor).mul(factor).store(products);
    }
    for (side, normal) in gate.normal.into_iter().enumerate() {
        if !normal {
            products[side..].iter_mut().step_by(2).for_each(|product| *product = V::Scalar::default());
        }
    }
    for ((y, dy), (factor, product)) in y.chunks_exact(w).zip(dy.chunks_exact_mut(w)).zip(factors.iter().zip(&products))
    {
        let (factor, minus) = (V::splat(*factor), V::splat(V::Scalar::default()).sub(V::splat(*product)));
        for k in 0..N {
            let slope = lanes::<V, WHOLE>(dy, k).mul(factor);
            let slope = lanes::<V, WHOLE>(y, k).mul_add(minus, slope);
            put::<V, WHOLE>(slope, dy, k);
        }
    }
}

/// `out = silu(z)`, of any length. Two vectors share a division.
#[inline(always)]
pub(super) fn silu_all<V: Vector>(z: &[V::Scalar], out: &mut [V::Scalar]) {
    let one = V::splat(V::Scalar::real(1.0));
    let mut pairs = out.chunks_exact_mut(2 * V::LANES);
    let mut z_pairs = z.chunks_exact(2 * V::LANES);
    for (pair, z) in (&mut pairs).zip(&mut z_pairs) {
        let x = [V::load(z), V::load(&z[V::LANES..])];
        let (a, b) = (math::one_plus_exp_minus(x[0]), math::one_plus_exp_minus(x[1]));
        let inverse = one.div(a.mul(b));
        x[0].mul(inverse.mul(b)).store(pair);
        x[1].mul(inverse.mul(a)).store(&mut pair[V::LANES..]);
    }
    let (rest, z) = (pairs.into_remainder(), z_pairs.remainder());
    for at in (0..rest.len()).step_by(V::LANES) {
        let x = V::load_padded(z, at, V::Scalar::default());
        x.mul(one.div(math::one_plus_exp_minus(x))).store_padded(rest, at);
    }
}

/// `gradient *= silu'(z)`, of any length.
#[inline(always)]
pub(super) fn silu_slopes_all<V: Vector>(z: &[V::Scalar], gradient: &mut [V::Scalar]) {
    let one = V::splat(V::Scalar::real(1.0));
    let mut pairs = gradient.chunks_exact_mut(2 * V::LANES);
    let mut z_pairs = z.chunks_exact(2 * V::LANES);
    for (pair, z) in (&mut pairs).zip(&mut z_pairs) {
        let x = [V::load(z), V::load(&z[V::LANES..])];
        let e = [math::exp_minus(x[0]), math::exp_minus(x[1])];
        let (a, b) = (one.add(e[0]), one.add(e[1]));
        let inverse = one.div(a.mul(b));
        slope(V::load(pair), x[0], inverse.mul(b), e[0]).store(pair);
        slope(V::load(&pair[V::LANES..]), x[1], inverse.mul(a), e[1]).store(&mut pair[V::LANES..]);
    }
    let (rest, z) = (pairs.into_remainder(), z_pairs.remainder());
    for at in (0..rest.len()).step_by(V::LANES) {
        let x = V::load_padded(z, at, V::Scalar::default());
        let e = math::exp_minus(x);
        let gradient = V::load_padded(rest, at, V::Scalar::default());
        slope(gradient, x, one.div(one.add(e)), e).store_padded(rest, at);
    }
}

/// `gradient · silu'(x)`, where `s` is the sigmoid of x, and `e` is e^-x.
///
/// 1 - s is taken as s e: the difference would be wrong by a rounding error of s, which x multiplies, and a crystal
/// whose features reach 1000 had forces off by 3e-4 eV/Å in single precision.
#[inline(always)]
fn slope<V: Vector>(gradient: V, x: V, s: V, e: V) -> V {
    let one = V::splat(V::Scalar::real(1.0));
    math::flush_tiny(gradient.mul(s).mul(x.mul_add(s.mul(e), one)))
}

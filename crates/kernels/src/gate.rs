//! The gate of a gated MLP: `silu(norm(core)) · sigmoid(norm(gate))`, with layer norms.
//!
//! Source: CHGNet (Deng et al., Nat. Mach. Intell. 5, 1031 (2023)), as in M3GNet.
//!
//! A row is held in `N` vectors. Where its width is not a multiple of the lanes, lanes beyond its
//! end are zero, and a [`Mask`] keeps them out of the moments.

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
        let one = V::Scalar::real(1.0);
        let lanes = std::array::from_fn(|k| {
            let inside = width.saturating_sub(k * V::LANES).min(V::LANES);
            V::load_padded(&[one; 16][..inside], 0, V::Scalar::default())
        });
        Self { lanes, inverse_width: V::splat(V::Scalar::real(1.0 / width as f64)) }
    }
}

/// A row as vectors, zero beyond its end.
#[inline(always)]
pub fn load<V: Vector, const N: usize>(row: &[V::Scalar]) -> [V; N] {
    std::array::from_fn(|k| V::load_padded(row, k * V::LANES, V::Scalar::default()))
}

/// Vectors into a row; lanes beyond its end are dropped.
#[inline(always)]
pub fn store<V: Vector, const N: usize>(lanes: [V; N], row: &mut [V::Scalar]) {
    for (k, lanes) in lanes.into_iter().enumerate() {
        lanes.store_padded(row, k * V::LANES);
    }
}

/// Lane by lane.
#[inline(always)]
pub fn each<V: Vector, const N: usize>(a: [V; N], b: [V; N], function: impl Fn(V, V) -> V) -> [V; N] {
    std::array::from_fn(|k| function(a[k], b[k]))
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
    let centered = each(row, mask.lanes, |x, inside| x.sub(mean).mul(inside));
    let variance = total(each(centered, centered, V::mul)).mul(mask.inverse_width);
    let one = V::splat(V::Scalar::real(1.0));
    let inverse_deviation = one.div(variance.add(V::splat(V::Scalar::real(EPSILON))).sqrt());
    Normal { lanes: centered.map(|x| x.mul(inverse_deviation)), inverse_deviation }
}

/// Turns `∂E/∂normal` into `∂E/∂row`.
#[inline(always)]
fn normalise_backward<V: Vector, const N: usize>(gradient: [V; N], normal: Normal<V, N>, mask: &Mask<V, N>) -> [V; N] {
    let mean = total(gradient).mul(mask.inverse_width);
    let product = total(each(gradient, normal.lanes, V::mul)).mul(mask.inverse_width);
    each(gradient, normal.lanes, |g, x| g.sub(mean).sub(x.mul(product)).mul(normal.inverse_deviation))
}

impl<T: Real> LayerNorm<T> {
    #[inline(always)]
    fn apply<V: Vector<Scalar = T>, const N: usize>(&self, normal: &Normal<V, N>) -> [V; N] {
        let (scale, offset): ([V; N], [V; N]) = (load(&self.scale), load(&self.offset));
        std::array::from_fn(|k| normal.lanes[k].mul_add(scale[k], offset[k]))
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
        normalise_backward(each(gradient, load(&self.scale), V::mul), normalise(row, mask), mask)
    }
}

/// The two norms of a gate.
#[derive(Debug, Clone)]
pub struct Gate<T> {
    /// Before the silu.
    pub core: LayerNorm<T>,
    /// Before the sigmoid.
    pub gate: LayerNorm<T>,
}

/// A gate's value, and the derivatives by its two rows.
pub struct GateSlopes<V, const N: usize> {
    /// Forward value.
    pub value: [V; N],
    /// `∂E/∂core row`
    pub core: [V; N],
    /// `∂E/∂gate row`
    pub gate: [V; N],
}

impl<T: Real> Gate<T> {
    /// `silu(norm(core)) · sigmoid(norm(gate))`
    #[inline(always)]
    pub fn forward<V: Vector<Scalar = T>, const N: usize>(
        &self,
        core: [V; N],
        gate: [V; N],
        mask: &Mask<V, N>,
    ) -> [V; N] {
        let (core, gate) = (self.core.forward(core, mask), self.gate.forward(gate, mask));
        // c · s(c) · s(g) with one division. An overflow of the product gives 0, which is right to rounding.
        each(core, gate, |c, g| c.div(one_plus_exp_minus(c).mul(one_plus_exp_minus(g))))
    }

    /// Value and gradient of [`forward`](Self::forward) for `gradient = ∂E/∂value`.
    #[inline(always)]
    pub fn backward<V: Vector<Scalar = T>, const N: usize>(
        &self,
        core: [V; N],
        gate: [V; N],
        gradient: [V; N],
        mask: &Mask<V, N>,
    ) -> GateSlopes<V, N> {
        let one = V::splat(T::real(1.0));
        let (core, gate) = (normalise(core, mask), normalise(gate, mask));
        let (c, g) = (self.core.apply(&core), self.gate.apply(&gate));
        let (core_scale, gate_scale): ([V; N], [V; N]) = (load(&self.core.scale), load(&self.gate.scale));
        let mut value = c;
        let (mut by_core, mut by_gate) = (c, c);
        for k in 0..N {
            let (a, b) = (one_plus_exp_minus(c[k]), one_plus_exp_minus(g[k]));
            let inverse = one.div(a.mul(b));
            let (core_sigmoid, gate_sigmoid) = (inverse.mul(b), inverse.mul(a));
            value[k] = c[k].mul(inverse);
            // silu' = s (1 + x (1 - s)), sigmoid' = s (1 - s)
            let silu_slope = c[k].mul_add(one.sub(core_sigmoid), one);
            by_core[k] = gradient[k].mul(inverse).mul(silu_slope).mul(core_scale[k]);
            by_gate[k] = gradient[k].mul(value[k]).mul(one.sub(gate_sigmoid)).mul(gate_scale[k]);
        }
        GateSlopes {
            value,
            core: normalise_backward(by_core, core, mask),
            gate: normalise_backward(by_gate, gate, mask),
        }
    }
}

#[inline(always)]
fn one_plus_exp_minus<V: Vector>(x: V) -> V {
    math::exp(V::splat(V::Scalar::default()).sub(x)).add(V::splat(V::Scalar::real(1.0)))
}

/// `x · sigmoid(x)`
#[inline(always)]
pub fn silu<V: Vector>(x: V) -> V {
    x.div(one_plus_exp_minus(x))
}

/// Derivative of [`silu`].
#[inline(always)]
pub fn silu_slope<V: Vector>(x: V) -> V {
    let one = V::splat(V::Scalar::real(1.0));
    let s = math::sigmoid(x);
    s.mul(x.mul_add(one.sub(s), one))
}

/// Calls `$function::<V, N>($arguments)` for the smallest supported `N` that holds rows of this width.
macro_rules! with_vectors {
    ($vector:ident, $width:expr, $function:ident($($argument:expr),* $(,)?)) => {
        match usize::div_ceil($width, $vector::LANES) {
            1 => $function::<$vector, 1>($($argument),*),
            2 => $function::<$vector, 2>($($argument),*),
            3..=4 => $function::<$vector, 4>($($argument),*),
            5..=8 => $function::<$vector, 8>($($argument),*),
            9..=16 => $function::<$vector, 16>($($argument),*),
            17..=64 => $function::<$vector, 64>($($argument),*),
            vectors => panic!("a row of {vectors} vectors is wider than this kernel was made for"),
        }
    };
}
pub(crate) use with_vectors;

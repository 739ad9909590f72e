//! The gate of a gated MLP: `silu(norm(core)) · sigmoid(norm(gate))`, with layer norms.
//!
//! Source: CHGNet (Deng et al., Nat. Mach. Intell. 5, 1031 (2023)), as in M3GNet.

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

/// Mean and reciprocal standard deviation of a row.
#[derive(Clone, Copy)]
struct Moments<V> {
    mean: V,
    inverse_deviation: V,
}

#[inline(always)]
fn moments<V: Vector>(row: &[V::Scalar]) -> Moments<V> {
    let zero = V::Scalar::default();
    let n = V::Scalar::real(1.0 / row.len() as f64);
    let mut sum = V::splat(zero);
    for at in (0..row.len()).step_by(V::LANES) {
        sum = sum.add(V::load_padded(row, at, zero));
    }
    let mean_scalar = V::splat(sum.sum()).mul(V::splat(n));
    let mut lane = [zero; 16];
    mean_scalar.store(&mut lane);
    let mean = lane[0];
    let mut squares = V::splat(zero);
    for at in (0..row.len()).step_by(V::LANES) {
        // Lanes beyond the end hold the mean, and so add nothing.
        let x = V::load_padded(row, at, mean).sub(mean_scalar);
        squares = x.mul_add(x, squares);
    }
    let variance = squares.sum().wide() / row.len() as f64;
    let inverse = 1.0 / (variance + EPSILON).sqrt();
    Moments { mean: mean_scalar, inverse_deviation: V::splat(V::Scalar::real(inverse)) }
}

impl<T: Real> LayerNorm<T> {
    /// Normalised, scaled and shifted lanes from `at`, and the normalised ones.
    #[inline(always)]
    fn lanes<V: Vector<Scalar = T>>(&self, row: &[T], at: usize, moments: Moments<V>) -> (V, V) {
        let zero = T::default();
        let normal = V::load_padded(row, at, zero).sub(moments.mean).mul(moments.inverse_deviation);
        let value = normal.mul_add(V::load_padded(&self.scale, at, zero), V::load_padded(&self.offset, at, zero));
        (value, normal)
    }

    /// `out = norm(row)`
    #[inline(always)]
    pub fn forward<V: Vector<Scalar = T>>(&self, row: &[T], out: &mut [T]) {
        let moments = moments::<V>(row);
        for at in (0..row.len()).step_by(V::LANES) {
            self.lanes(row, at, moments).0.store_padded(out, at);
        }
    }

    /// Turns `∂E/∂norm(row)` into `∂E/∂row`, in place.
    #[inline(always)]
    pub fn backward<V: Vector<Scalar = T>>(&self, row: &[T], gradient: &mut [T]) {
        let moments = moments::<V>(row);
        for at in (0..row.len()).step_by(V::LANES) {
            let scale = V::load_padded(&self.scale, at, T::default());
            V::load_padded(gradient, at, T::default()).mul(scale).store_padded(gradient, at);
        }
        backward_through_moments(row, moments, gradient);
    }
}

/// Turns `∂E/∂normal` into `∂E/∂row`, where `normal = (row - mean) / deviation`.
#[inline(always)]
fn backward_through_moments<V: Vector>(row: &[V::Scalar], moments: Moments<V>, gradient: &mut [V::Scalar]) {
    let zero = V::Scalar::default();
    let (mut sum, mut product) = (V::splat(zero), V::splat(zero));
    for at in (0..row.len()).step_by(V::LANES) {
        let normal = V::load_padded(row, at, zero).sub(moments.mean).mul(moments.inverse_deviation);
        // Beyond the end the gradient is zero, and so are both terms.
        let g = V::load_padded(gradient, at, zero);
        sum = sum.add(g);
        product = g.mul_add(normal, product);
    }
    let n = V::splat(V::Scalar::real(1.0 / row.len() as f64));
    let (sum, product) = (V::splat(sum.sum()).mul(n), V::splat(product.sum()).mul(n));
    for at in (0..row.len()).step_by(V::LANES) {
        let normal = V::load_padded(row, at, zero).sub(moments.mean).mul(moments.inverse_deviation);
        let g = V::load_padded(gradient, at, zero).sub(sum).sub(normal.mul(product));
        g.mul(moments.inverse_deviation).store_padded(gradient, at);
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

impl<T: Real> Gate<T> {
    /// `out = silu(norm(row[..w])) · sigmoid(norm(row[w..]))`; `row` is `[2 w]`, `out` `[w]`.
    #[inline(always)]
    pub fn forward<V: Vector<Scalar = T>>(&self, row: &[T], out: &mut [T]) {
        let (core, gate) = row.split_at(out.len());
        let (core_moments, gate_moments) = (moments::<V>(core), moments::<V>(gate));
        for at in (0..out.len()).step_by(V::LANES) {
            let c = self.core.lanes(core, at, core_moments).0;
            let g = self.gate.lanes(gate, at, gate_moments).0;
            c.mul(math::sigmoid(c)).mul(math::sigmoid(g)).store_padded(out, at);
        }
    }

    /// Gradient of [`forward`](Self::forward).
    ///
    /// * `gradient`: `[w]`, `∂E/∂out`
    /// * `out`: `[w]`, becomes the forward value
    /// * `row_gradient`: `[2 w]`, becomes `∂E/∂row`
    #[inline(always)]
    pub fn backward<V: Vector<Scalar = T>>(&self, row: &[T], gradient: &[T], out: &mut [T], row_gradient: &mut [T]) {
        let zero = T::default();
        let one = V::splat(T::real(1.0));
        let (core, gate) = row.split_at(out.len());
        let (core_moments, gate_moments) = (moments::<V>(core), moments::<V>(gate));
        let (core_gradient, gate_gradient) = row_gradient.split_at_mut(out.len());
        for at in (0..out.len()).step_by(V::LANES) {
            let c = self.core.lanes(core, at, core_moments).0;
            let g = self.gate.lanes(gate, at, gate_moments).0;
            let (core_sigmoid, gate_sigmoid) = (math::sigmoid(c), math::sigmoid(g));
            let silu = c.mul(core_sigmoid);
            silu.mul(gate_sigmoid).store_padded(out, at);
            let upstream = V::load_padded(gradient, at, zero).mul(gate_sigmoid);
            // silu' = s (1 + x (1 - s)), sigmoid' = s (1 - s)
            let silu_slope = core_sigmoid.mul(c.mul_add(one.sub(core_sigmoid), one));
            let core_lanes = upstream.mul(silu_slope).mul(V::load_padded(&self.core.scale, at, zero));
            let gate_lanes =
                upstream.mul(silu).mul(one.sub(gate_sigmoid)).mul(V::load_padded(&self.gate.scale, at, zero));
            core_lanes.store_padded(core_gradient, at);
            gate_lanes.store_padded(gate_gradient, at);
        }
        backward_through_moments(core, core_moments, core_gradient);
        backward_through_moments(gate, gate_moments, gate_gradient);
    }
}

/// `out = silu(row)`
#[inline(always)]
pub fn silu<V: Vector>(row: &[V::Scalar], out: &mut [V::Scalar]) {
    for at in (0..row.len()).step_by(V::LANES) {
        let x = V::load_padded(row, at, V::Scalar::default());
        x.mul(math::sigmoid(x)).store_padded(out, at);
    }
}

/// `gradient *= silu'(row)`
#[inline(always)]
pub fn silu_backward<V: Vector>(row: &[V::Scalar], gradient: &mut [V::Scalar]) {
    let one = V::splat(V::Scalar::real(1.0));
    for at in (0..row.len()).step_by(V::LANES) {
        let x = V::load_padded(row, at, V::Scalar::default());
        let s = math::sigmoid(x);
        let slope = s.mul(x.mul_add(one.sub(s), one));
        V::load_padded(gradient, at, V::Scalar::default()).mul(slope).store_padded(gradient, at);
    }
}

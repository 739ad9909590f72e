//! Values.

use super::{BLOCK, GatedMessages, Rows, Saved};
use crate::simd::{Kernel, Real, Vector};

/// Adds the messages of all rows to `out`.
pub struct Forward<'a, T> {
    /// Weights.
    pub layer: &'a GatedMessages<T>,
    /// Input.
    pub rows: Rows<'a, T>,
    /// `[targets, w]`
    pub out: &'a mut [T],
    /// Filled for the backward pass where wanted.
    pub saved: Option<&'a mut Saved<T>>,
}

impl<T: Real> Kernel<T> for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { layer, rows, out, mut saved } = self;
        let w = layer.width;
        if let Some(saved) = saved.as_deref_mut() {
            saved.y = Vec::with_capacity(rows.count * 2 * w);
            saved.z = Vec::with_capacity(if layer.keeps_z() { rows.count * 2 * w } else { 0 });
        }
        let mut z = vec![T::default(); BLOCK * 2 * w];
        let mut y = vec![T::default(); BLOCK * 2 * w];
        let mut message = vec![T::default(); w];
        for first in (0..rows.count).step_by(BLOCK) {
            let n = BLOCK.min(rows.count - first);
            first_layer::<V>(layer, &rows, first, n, &mut z);
            if layer.keeps_z()
                && let Some(saved) = saved.as_deref_mut()
            {
                saved.z.extend_from_slice(&z[..n * 2 * w]);
            }
            second_layer::<V>(layer, n, &mut z, &mut y);
            let y = if layer.hidden.is_some() { &y[..n * 2 * w] } else { &z[..n * 2 * w] };
            if let Some(saved) = saved.as_deref_mut() {
                saved.y.extend_from_slice(y);
            }
            for (r, y) in (first..).zip(y.chunks_exact(2 * w)) {
                layer.gate.forward::<V>(y, &mut message);
                for weight in rows.weights {
                    multiply::<V>(&mut message, rows.pick(weight, r, w));
                }
                let out = &mut out[rows.target(r) * w..][..w];
                add::<V>(out, &message);
            }
        }
    }
}

/// `z` of `n` rows from `first`.
#[inline(always)]
pub(super) fn first_layer<V: Vector>(
    layer: &GatedMessages<V::Scalar>,
    rows: &Rows<'_, V::Scalar>,
    first: usize,
    n: usize,
    z: &mut [V::Scalar],
) {
    let columns = 2 * layer.width;
    let zero = V::Scalar::default();
    for (r, z) in (first..first + n).zip(z.chunks_exact_mut(columns)) {
        match rows.sources {
            // The common cases in one pass over the row.
            [a, b, c] => {
                let [a, b, c] = [a, b, c].map(|source| rows.pick(source, r, columns));
                for at in (0..columns).step_by(V::LANES) {
                    let sum = V::load_padded(a, at, zero).add(V::load_padded(b, at, zero));
                    sum.add(V::load_padded(c, at, zero)).store_padded(z, at);
                }
            }
            sources => {
                z.fill(zero);
                for source in sources {
                    add::<V>(z, rows.pick(source, r, columns));
                }
            }
        }
    }
    if let Some(own) = &layer.own {
        let depth = own.forward.depth();
        own.forward.multiply_add::<V>(&rows.own[first * depth..], depth, n, z, columns);
    }
}

/// `y = silu(z) · W_hidden + b_hidden`; `z` becomes `silu(z)`. Nothing without hidden layers.
#[inline(always)]
pub(super) fn second_layer<V: Vector>(
    layer: &GatedMessages<V::Scalar>,
    n: usize,
    z: &mut [V::Scalar],
    y: &mut [V::Scalar],
) {
    let Some(hidden) = &layer.hidden else { return };
    let w = layer.width;
    for (z, y) in z.chunks_exact_mut(2 * w).zip(y.chunks_exact_mut(2 * w)).take(n) {
        y.copy_from_slice(&hidden.bias);
        for at in (0..2 * w).step_by(V::LANES) {
            let x = V::load_padded(z, at, V::Scalar::default());
            x.mul(crate::simd::math::sigmoid(x)).store_padded(z, at);
        }
    }
    hidden.core.forward.multiply_add::<V>(z, 2 * w, n, y, 2 * w);
    hidden.gate.forward.multiply_add::<V>(&z[w..], 2 * w, n, &mut y[w..], 2 * w);
}

/// `to += from`
#[inline(always)]
pub(super) fn add<V: Vector>(to: &mut [V::Scalar], from: &[V::Scalar]) {
    let zero = V::Scalar::default();
    for at in (0..to.len()).step_by(V::LANES) {
        V::load_padded(to, at, zero).add(V::load_padded(from, at, zero)).store_padded(to, at);
    }
}

/// `to *= factor`
#[inline(always)]
pub(super) fn multiply<V: Vector>(to: &mut [V::Scalar], factor: &[V::Scalar]) {
    let zero = V::Scalar::default();
    for at in (0..to.len()).step_by(V::LANES) {
        V::load_padded(to, at, zero).mul(V::load_padded(factor, at, zero)).store_padded(to, at);
    }
}

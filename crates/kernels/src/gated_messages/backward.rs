//! Gradients.

use super::forward::{add, first_layer, multiply, second_layer};
use super::{BLOCK, GatedMessages, Rows, Saved};
use crate::gate::silu_backward;
use crate::simd::{Kernel, Real, Vector};

/// From `∂E/∂out` to the gradients of the tables and of the own features. Weights are constant and get none.
pub struct Backward<'a, 'b, T> {
    /// Weights.
    pub layer: &'a GatedMessages<T>,
    /// The input of the forward pass.
    pub rows: Rows<'a, T>,
    /// `[targets, w]`: `∂E/∂out`
    pub gradient: &'a [T],
    /// What the forward pass kept; made again, to the same bits, where it kept nothing.
    pub saved: Option<&'a Saved<T>>,
    /// One a table, of its shape: gradients are added.
    pub tables: &'a mut [&'b mut [T]],
    /// `[rows, depth]`: gradients of the own features are added.
    pub own: &'a mut [T],
}

/// Numbers of one block.
struct Scratch<T> {
    z: Vec<T>,
    hidden: Vec<T>,
    y: Vec<T>,
    /// `∂E/∂y`
    dy: Vec<T>,
    /// `∂E/∂z`
    dz: Vec<T>,
    /// `[w]` each: `∂E/∂message`, message without weights, and a product.
    upstream: Vec<T>,
    value: Vec<T>,
    product: Vec<T>,
}

impl<T: Real> Scratch<T> {
    fn new(w: usize) -> Self {
        let block = || vec![T::default(); BLOCK * 2 * w];
        let row = || vec![T::default(); w];
        Self {
            z: block(),
            hidden: block(),
            y: block(),
            dy: block(),
            dz: block(),
            upstream: row(),
            value: row(),
            product: row(),
        }
    }
}

impl<T: Real> Kernel<T> for Backward<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { layer, rows, gradient, saved, tables, own } = self;
        let w = layer.width;
        let mut scratch = Scratch::new(w);
        for first in (0..rows.count).step_by(BLOCK) {
            let n = BLOCK.min(rows.count - first);
            recall::<V>(layer, &rows, saved, first, n, &mut scratch);
            for r in 0..n {
                message_row::<V>(layer, &rows, gradient, tables, first + r, r, &mut scratch);
            }
            if let Some(hidden) = &layer.hidden {
                let Scratch { z, dy, dz, .. } = &mut scratch;
                dz[..n * 2 * w].fill(T::default());
                hidden.core.backward.multiply_add::<V>(dy, 2 * w, n, dz, 2 * w);
                hidden.gate.backward.multiply_add::<V>(&dy[w..], 2 * w, n, &mut dz[w..], 2 * w);
                for (z, dz) in z.chunks_exact(2 * w).zip(dz.chunks_exact_mut(2 * w)).take(n) {
                    silu_backward::<V>(z, dz);
                }
            } else {
                std::mem::swap(&mut scratch.dy, &mut scratch.dz);
            }
            let dz = &scratch.dz;
            if let Some(matrix) = &layer.own {
                let depth = matrix.forward.depth();
                matrix.backward.multiply_add::<V>(dz, 2 * w, n, &mut own[first * depth..], depth);
            }
            for source in rows.sources {
                let stride = rows.tables[source.table].stride;
                for (r, dz) in (first..first + n).zip(dz.chunks_exact(2 * w)) {
                    let at = source.index[r] as usize * stride + source.offset;
                    add::<V>(&mut tables[source.table][at..at + 2 * w], dz);
                }
            }
        }
    }
}

/// Brings back y, and z where the hidden layer's slope needs it.
#[inline(always)]
fn recall<V: Vector>(
    layer: &GatedMessages<V::Scalar>,
    rows: &Rows<'_, V::Scalar>,
    saved: Option<&Saved<V::Scalar>>,
    first: usize,
    n: usize,
    scratch: &mut Scratch<V::Scalar>,
) {
    let columns = 2 * layer.width;
    let block = first * columns..(first + n) * columns;
    let Scratch { z, hidden, y, .. } = scratch;
    match saved {
        Some(saved) => {
            y[..n * columns].copy_from_slice(&saved.y[block.clone()]);
            if layer.keeps_z() {
                z[..n * columns].copy_from_slice(&saved.z[block]);
            } else if layer.hidden.is_some() {
                first_layer::<V>(layer, rows, first, n, z);
            }
        }
        None => {
            first_layer::<V>(layer, rows, first, n, z);
            if layer.hidden.is_some() {
                hidden[..n * columns].copy_from_slice(&z[..n * columns]);
                second_layer::<V>(layer, n, hidden, y);
            } else {
                y[..n * columns].copy_from_slice(&z[..n * columns]);
            }
        }
    }
}

/// `∂E/∂y` of one row into `dy`, and the gradients of its weights.
#[inline(always)]
fn message_row<V: Vector>(
    layer: &GatedMessages<V::Scalar>,
    rows: &Rows<'_, V::Scalar>,
    gradient: &[V::Scalar],
    tables: &mut [&mut [V::Scalar]],
    r: usize,
    in_block: usize,
    scratch: &mut Scratch<V::Scalar>,
) {
    let w = layer.width;
    let Scratch { y, dy, upstream, value, product, .. } = scratch;
    let gradient = &gradient[rows.target(r) * w..][..w];
    upstream.copy_from_slice(gradient);
    for weight in rows.weights {
        multiply::<V>(upstream, rows.pick(weight, r, w));
    }
    let at = in_block * 2 * w..(in_block + 1) * 2 * w;
    layer.gate.backward::<V>(&y[at.clone()], upstream, value, &mut dy[at]);
    for (k, weight) in rows.weights.iter().enumerate() {
        product.copy_from_slice(value);
        multiply::<V>(product, gradient);
        for (other, factor) in rows.weights.iter().enumerate() {
            if other != k {
                multiply::<V>(product, rows.pick(factor, r, w));
            }
        }
        let at = weight.index[r] as usize * rows.tables[weight.table].stride + weight.offset;
        add::<V>(&mut tables[weight.table][at..at + w], product);
    }
}

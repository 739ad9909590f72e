//! Gradients.

use super::forward::{first_layer, second_layer};
use super::layer::{BLOCK, GatedMessages, Recalled, Rows, Saved};
use super::sums::{Later, Place, Sums};
use crate::gate::{Mask, add, load, multiply, silu_slope, store, with_vectors};
use crate::simd::{Kernel, Real, Vector, math};

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

/// The same on one thread.
pub(super) struct Serial<'a, 'b, T> {
    pub(super) layer: &'a GatedMessages<T>,
    pub(super) rows: Rows<'a, T>,
    pub(super) gradient: &'a [T],
    pub(super) saved: Option<Recalled<'a, T>>,
    pub(super) sums: &'a mut [Sums<'b, T>],
    pub(super) later: &'a mut Later<T>,
    pub(super) own: &'a mut [T],
}

/// Numbers of one block, `[BLOCK, 2 w]` each.
struct Scratch<T> {
    z: Vec<T>,
    hidden: Vec<T>,
    y: Vec<T>,
    /// `∂E/∂y`
    dy: Vec<T>,
    /// `∂E/∂z`
    dz: Vec<T>,
}

impl<T: Real> Kernel<T> for Serial<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        with_vectors!(V, run(self))
    }
}

#[inline(always)]
fn run<V: Vector, const N: usize>(backward: Serial<'_, '_, V::Scalar>) {
    let Serial { layer, rows, gradient, saved, sums, later, own } = backward;
    let (w, zero) = (layer.width, V::Scalar::default());
    let mask = Mask::<V, N>::new(w);
    let block = vec![zero; BLOCK * 2 * w];
    let mut scratch =
        Scratch { z: block.clone(), hidden: block.clone(), y: block.clone(), dy: block.clone(), dz: block };
    for first in (0..rows.count).step_by(BLOCK) {
        let n = BLOCK.min(rows.count - first);
        recall::<V, N>(layer, &rows, saved, first, n, &mut scratch);
        let Scratch { z, y, dy, dz, .. } = &mut scratch;
        let y = match saved {
            Some(saved) => &saved.y[first * 2 * w..],
            None => &y[..],
        };
        let z = match saved {
            Some(saved) if layer.keeps_z() => &saved.z[first * 2 * w..],
            _ => &z[..],
        };
        // Without a hidden layer y is z.
        let into = if layer.hidden.is_some() { &mut *dy } else { &mut *dz };
        for (r, (y, dy)) in (first..first + n).zip(y.chunks_exact(2 * w).zip(into.chunks_exact_mut(2 * w))) {
            message_row::<V, N>(layer, &rows, gradient, (&mut *sums, &mut *later), r, y, dy, &mask);
        }
        if let Some(hidden) = &layer.hidden {
            dz[..n * 2 * w].fill(zero);
            hidden.core.backward.multiply_add_strided(dy, 2 * w, n, dz, 2 * w);
            hidden.gate.backward.multiply_add_strided(&dy[w..], 2 * w, n, &mut dz[w..], 2 * w);
            for (z, dz) in z.chunks_exact(w).zip(dz.chunks_exact_mut(w)).take(2 * n) {
                let (z, mut lanes): ([V; N], [V; N]) = (load(z), load(dz));
                for k in 0..N {
                    lanes[k] = math::flush_tiny(lanes[k].mul(silu_slope(z[k])));
                }
                store(lanes, dz);
            }
        }
        if let Some(matrix) = &layer.own {
            let depth = matrix.forward.depth();
            matrix.backward.multiply_add_strided(dz, 2 * w, n, &mut own[first * depth..], depth);
        }
        for source in rows.sources {
            for (r, dz) in (first..first + n).zip(dz.chunks_exact(2 * w)) {
                let (row, column) = (source.index[r] as usize, source.offset);
                match sums[source.table].row(row, column, 2 * w) {
                    Some(to) => {
                        for (to, dz) in to.chunks_exact_mut(w).zip(dz.chunks_exact(w)) {
                            store(add::<V, N>(load(to), load(dz)), to);
                        }
                    }
                    None => later.room(Place { table: source.table, row, column, width: 2 * w }).copy_from_slice(dz),
                }
            }
        }
    }
}

/// Makes again what was not kept: y, and z where the hidden layer's slope needs it.
#[inline(always)]
fn recall<V: Vector, const N: usize>(
    layer: &GatedMessages<V::Scalar>,
    rows: &Rows<'_, V::Scalar>,
    saved: Option<Recalled<'_, V::Scalar>>,
    first: usize,
    n: usize,
    scratch: &mut Scratch<V::Scalar>,
) {
    let Scratch { z, hidden, y, .. } = scratch;
    let n_block = n * 2 * layer.width;
    match (saved, &layer.hidden) {
        (Some(_), None) => {}
        (Some(_), Some(_)) if layer.keeps_z() => {}
        (Some(_), Some(_)) => first_layer::<V, N>(layer, rows, first, n, z),
        (None, None) => first_layer::<V, N>(layer, rows, first, n, y),
        (None, Some(_)) => {
            first_layer::<V, N>(layer, rows, first, n, z);
            hidden[..n_block].copy_from_slice(&z[..n_block]);
            second_layer::<V, N>(layer, n, hidden, y);
        }
    }
}

/// `∂E/∂y` of one row into `dy`, and the gradients of its weights.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "one row of everything")]
fn message_row<V: Vector, const N: usize>(
    layer: &GatedMessages<V::Scalar>,
    rows: &Rows<'_, V::Scalar>,
    gradient: &[V::Scalar],
    (sums, later): (&mut [Sums<'_, V::Scalar>], &mut Later<V::Scalar>),
    r: usize,
    y: &[V::Scalar],
    dy: &mut [V::Scalar],
    mask: &Mask<V, N>,
) {
    let w = layer.width;
    let gradient: [V; N] = load(&gradient[rows.target(r) * w..][..w]);
    let mut upstream = gradient;
    for weight in rows.weights {
        upstream = multiply(upstream, load(rows.pick(weight, r, w)));
    }
    let slopes = layer.gate.backward(load(&y[..w]), load(&y[w..]), upstream, mask);
    let (core, gate) = dy.split_at_mut(w);
    store(slopes.core, core);
    store(slopes.gate, gate);
    for (k, weight) in rows.weights.iter().enumerate() {
        let mut product = multiply(slopes.value, gradient);
        for (other, factor) in rows.weights.iter().enumerate() {
            if other != k {
                product = multiply(product, load(rows.pick(factor, r, w)));
            }
        }
        let (table, row, column) = (weight.table, weight.index[r] as usize, weight.offset);
        match sums[table].row(row, column, w) {
            Some(to) => store(add(product, load(to)), to),
            None => store(product, later.room(Place { table, row, column, width: w })),
        }
    }
}

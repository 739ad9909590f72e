//! Gradients.

use super::block::{BLOCK, MAX_WEIGHTS, PerRow};
use super::forward::{first_layer, second_layer};
use super::gate::{message_slopes, norm_factors, norm_slopes, silu_slopes_all};
use super::layer::{GatedMessages, Gather, Recalled, Rows, Saved};
use super::sums::{Later, Place, Run, Sums};
use crate::row_vectors::{add, load, store, with_vectors};
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
    /// Tables that are constant: their gradients are left as they are. Of sources only: a table that weights are picked
    /// from is never among them.
    pub constant: &'a [usize],
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
    pub(super) constant: &'a [usize],
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
    if backward.layer.width == N * V::LANES {
        blocks::<V, N, true>(backward);
    } else {
        blocks::<V, N, false>(backward);
    }
}

#[inline(always)]
fn blocks<V: Vector, const N: usize, const WHOLE: bool>(backward: Serial<'_, '_, V::Scalar>) {
    let Serial { layer, rows, gradient, saved, sums, constant, later, own } = backward;
    let (w, zero) = (layer.width, V::Scalar::default());
    let block = vec![zero; BLOCK.min(rows.count) * 2 * w];
    let mut scratch =
        Scratch { z: block.clone(), hidden: block.clone(), y: block.clone(), dy: block.clone(), dz: block };
    for first in (0..rows.count).step_by(BLOCK) {
        let n = BLOCK.min(rows.count - first);
        let numbers = n * 2 * w;
        let kept = saved.map(|saved| {
            let (z, y) = saved.rows(first, n, 2 * w);
            BlockKept { z, y }
        });
        recall::<V, N>(layer, &rows, &kept, first, n, &mut scratch);
        let Scratch { z, y, dy, dz, .. } = &mut scratch;
        let (y, z) = match &kept {
            Some(BlockKept { y, z: Some(kept_z) }) => (*y, *kept_z),
            Some(BlockKept { y, z: None }) => (*y, &z[..numbers]),
            None => (&y[..numbers], &z[..numbers]),
        };
        // Without a hidden layer y is z.
        let (dy, dz) = (&mut dy[..numbers], &mut dz[..numbers]);
        let into = if layer.hidden.is_some() { &mut *dy } else { &mut *dz };
        let factors = norm_factors::<V, N, WHOLE>(&layer.gate, w, y);
        let mut products = [zero; 2 * BLOCK];
        message_rows::<V, N, WHOLE>(
            (layer, &rows, gradient),
            (&mut *sums, &mut *later),
            first,
            (y, &factors),
            into,
            &mut products,
        );
        norm_slopes::<V, N, WHOLE>(&layer.gate, w, y, &factors, products, into);
        if let Some(hidden) = &layer.hidden {
            dz.fill(zero);
            hidden.core.backward.multiply_add_strided(dy, 2 * w, n, dz, 2 * w);
            hidden.gate.backward.multiply_add_strided(&dy[w..], 2 * w, n, &mut dz[w..], 2 * w);
            silu_slopes_all::<V>(z, dz);
        }
        if let Some(matrix) = &layer.own {
            let depth = matrix.forward.depth();
            matrix.backward.multiply_add_strided(dz, 2 * w, n, &mut own[first * depth..], depth);
        }
        for source in rows.sources {
            if !constant.contains(&source.table) {
                add_rows::<V, N>(source, first, w, dz, &mut sums[source.table], later);
            }
        }
    }
}

/// What was kept of a block.
struct BlockKept<'a, T> {
    z: Option<&'a [T]>,
    y: &'a [T],
}

/// Makes again what was not kept: y, and z where the hidden layer's slope needs it.
#[inline(always)]
fn recall<V: Vector, const N: usize>(
    layer: &GatedMessages<V::Scalar>,
    rows: &Rows<'_, V::Scalar>,
    kept: &Option<BlockKept<'_, V::Scalar>>,
    first: usize,
    n: usize,
    scratch: &mut Scratch<V::Scalar>,
) {
    let Scratch { z, hidden, y, .. } = scratch;
    let numbers = n * 2 * layer.width;
    match (kept, &layer.hidden) {
        (Some(_), None) | (Some(BlockKept { z: Some(_), .. }), Some(_)) => {}
        (Some(_), Some(_)) => first_layer::<V, N>(layer, rows, first, n, z),
        (None, None) => first_layer::<V, N>(layer, rows, first, n, y),
        (None, Some(_)) => {
            first_layer::<V, N>(layer, rows, first, n, z);
            y.clear();
            second_layer::<V>(layer, n, &z[..numbers], hidden, y);
        }
    }
}

/// What a layer is, reads, and is given from above.
type Given<'a, 'b, T> = (&'a GatedMessages<T>, &'a Rows<'b, T>, &'a [T]);

/// `∂E/∂(y behind its norm)` of the rows from `first` into `dy`, its products with y, and the gradients of weights.
#[inline(always)]
fn message_rows<V: Vector, const N: usize, const WHOLE: bool>(
    (layer, rows, gradient): Given<'_, '_, V::Scalar>,
    (sums, later): (&mut [Sums<'_, V::Scalar>], &mut Later<V::Scalar>),
    first: usize,
    (y, factors): (&[V::Scalar], &PerRow<V::Scalar>),
    dy: &mut [V::Scalar],
    products: &mut PerRow<V::Scalar>,
) {
    let w = layer.width;
    let each = y.chunks_exact(2 * w).zip(dy.chunks_exact_mut(2 * w));
    let each = each.zip(factors.chunks_exact(2).zip(products.chunks_exact_mut(2)));
    for (r, ((y, dy), (factors, products))) in (first..).zip(each) {
        let weights = rows.weights_of(r, w);
        let weights = &weights[..rows.weights.len()];
        let gradient = &gradient[rows.target(r) * w..][..w];
        let mut of_weights = [[V::splat(V::Scalar::default()); N]; MAX_WEIGHTS];
        let found = message_slopes::<V, N, WHOLE>(&layer.gate, w, y, factors, gradient, weights, dy, &mut of_weights);
        products.copy_from_slice(&found);
        for (weight, slopes) in rows.weights.iter().zip(of_weights) {
            let (table, row, column) = (weight.table, weight.index[r] as usize, weight.offset);
            match sums[table].row(row, column, w) {
                Some(to) => store(add(slopes, load(to)), to),
                None => store(slopes, later.room(Place { table, row, column, width: w })),
            }
        }
    }
}

/// Adds rows of `dz` to the gradient of the table that they came from.
#[inline(always)]
fn add_rows<V: Vector, const N: usize>(
    source: &Gather<'_>,
    first: usize,
    w: usize,
    dz: &[V::Scalar],
    sums: &mut Sums<'_, V::Scalar>,
    later: &mut Later<V::Scalar>,
) {
    let column = source.offset;
    let (mut core, mut gate) = (Run::<V, N>::default(), Run::<V, N>::default());
    for (row, dz) in source.index[first..].iter().zip(dz.chunks_exact(2 * w)) {
        let row = *row as usize;
        if !core.is_of(row) {
            sums.end(&core, column, w);
            sums.end(&gate, column + w, w);
            core = sums.begin(row, column, w);
            gate = sums.begin(row, column + w, w);
        }
        let (of_core, of_gate) = dz.split_at(w);
        if !(core.add(load(of_core)) && gate.add(load(of_gate))) {
            later.room(Place { table: source.table, row, column, width: 2 * w }).copy_from_slice(dz);
        }
    }
    sums.end(&core, column, w);
    sums.end(&gate, column + w, w);
}

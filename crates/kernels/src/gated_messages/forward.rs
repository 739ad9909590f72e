//! Values.

use super::block::BLOCK;
use super::gate::{message, norm_factors, silu_all};
use super::layer::{GatedMessages, Rows, Saved, SavedPart};
use super::sums::{Later, Place, Run, Sums};
use crate::row_vectors::{add, load, store, with_vectors};
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

/// The same on one thread.
pub(super) struct Serial<'a, T> {
    pub(super) layer: &'a GatedMessages<T>,
    pub(super) rows: Rows<'a, T>,
    pub(super) out: Sums<'a, T>,
    pub(super) later: &'a mut Later<T>,
    pub(super) saved: Option<&'a mut SavedPart<T>>,
}

impl<T: Real> Kernel<T> for Serial<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        with_vectors!(V, run(self))
    }
}

#[inline(always)]
fn run<V: Vector, const N: usize>(forward: Serial<'_, V::Scalar>) {
    if forward.layer.width == N * V::LANES {
        blocks::<V, N, true>(forward);
    } else {
        blocks::<V, N, false>(forward);
    }
}

#[inline(always)]
fn blocks<V: Vector, const N: usize, const WHOLE: bool>(forward: Serial<'_, V::Scalar>) {
    let Serial { layer, rows, mut out, later, mut saved } = forward;
    let w = layer.width;
    let zero = V::Scalar::default();
    // What is kept is made where it stays, the rest in these.
    let mut z_scratch = vec![zero; BLOCK.min(rows.count) * 2 * w];
    let mut hidden = z_scratch.clone();
    let mut y_scratch = Vec::new();
    if let Some(saved) = &mut saved {
        saved.y.reserve_exact(rows.count * 2 * w);
        saved.z.reserve_exact(if layer.keeps_z() { rows.count * 2 * w } else { 0 });
    }
    for first in (0..rows.count).step_by(BLOCK) {
        let n = BLOCK.min(rows.count - first);
        let numbers = n * 2 * w;
        let (z, y, begin) = match &mut saved {
            None => (&mut z_scratch, &mut y_scratch, 0),
            Some(saved) if layer.keeps_z() => (&mut saved.z, &mut saved.y, first * 2 * w),
            Some(saved) => (&mut z_scratch, &mut saved.y, first * 2 * w),
        };
        // Without hidden layers y is z.
        let y = if layer.hidden.is_some() {
            let z_begin = if layer.keeps_z() { begin } else { 0 };
            z.resize(z_begin + numbers, zero);
            first_layer::<V, N>(layer, &rows, first, n, &mut z[z_begin..]);
            y.truncate(begin);
            second_layer::<V>(layer, n, &z[z_begin..], &mut hidden, y);
            &y[begin..]
        } else {
            y.resize(begin + numbers, zero);
            first_layer::<V, N>(layer, &rows, first, n, &mut y[begin..]);
            &y[begin..]
        };
        let factors = norm_factors::<V, N, WHOLE>(&layer.gate, w, y);
        let mut sum = Run::<V, N>::default();
        for ((r, y), factors) in (first..).zip(y.chunks_exact(2 * w)).zip(factors.chunks_exact(2)) {
            let weights = rows.weights_of(r, w);
            let message = message::<V, N, WHOLE>(&layer.gate, w, y, factors, &weights[..rows.weights.len()]);
            let row = rows.target(r);
            if !sum.is_of(row) {
                out.end(&sum, 0, w);
                sum = out.begin(row, 0, w);
            }
            if !sum.add(message) {
                store(message, later.room(Place { table: 0, row, column: 0, width: w }));
            }
        }
        out.end(&sum, 0, w);
    }
}

/// `z` of `n` rows from `first`.
#[inline(always)]
pub(super) fn first_layer<V: Vector, const N: usize>(
    layer: &GatedMessages<V::Scalar>,
    rows: &Rows<'_, V::Scalar>,
    first: usize,
    n: usize,
    z: &mut [V::Scalar],
) {
    let w = layer.width;
    for (r, z) in (first..first + n).zip(z.chunks_exact_mut(2 * w)) {
        let mut core: [V; N] = [V::splat(V::Scalar::default()); N];
        let mut gate = core;
        for source in rows.sources {
            let (of_core, of_gate) = rows.pick(source, r, 2 * w).split_at(w);
            core = add(core, load(of_core));
            gate = add(gate, load(of_gate));
        }
        let (core_row, gate_row) = z.split_at_mut(w);
        store(core, core_row);
        store(gate, gate_row);
    }
    if let Some(own) = &layer.own {
        let depth = own.forward.depth();
        own.forward.multiply_add_strided(&rows.own[first * depth..], depth, n, z, 2 * w);
    }
}

/// Appends `y = silu(z) · W_hidden + b_hidden` of `n` rows; `hidden` becomes `silu(z)`. Nothing without hidden layers.
#[inline(always)]
pub(super) fn second_layer<V: Vector>(
    layer: &GatedMessages<V::Scalar>,
    n: usize,
    z: &[V::Scalar],
    hidden: &mut [V::Scalar],
    y: &mut Vec<V::Scalar>,
) {
    let Some(weights) = &layer.hidden else { return };
    let w = layer.width;
    silu_all::<V>(z, &mut hidden[..n * 2 * w]);
    let begin = y.len();
    for _ in 0..n {
        y.extend_from_slice(&weights.bias);
    }
    let y = &mut y[begin..];
    weights.core.forward.multiply_add_strided(hidden, 2 * w, n, y, 2 * w);
    weights.gate.forward.multiply_add_strided(&hidden[w..], 2 * w, n, &mut y[w..], 2 * w);
}

//! Maps of rows: layer norm and activation.

use crate::activations::{silu, silu_slope};
use crate::layer_norm::{LayerNorm, Mask};
use crate::row_vectors::{load, store, with_vectors};
use crate::simd::{InstructionSet, Kernel, Real, Vector, math};

/// What is done to a row.
#[derive(Debug, Clone, Copy)]
pub enum RowMap<'a, T> {
    /// `out = norm(row)`
    Norm(&'a LayerNorm<T>),
    /// `out`, `∂E/∂norm(row)`, becomes `∂E/∂row`.
    NormBackward(&'a LayerNorm<T>),
    /// `out = silu(row)`
    Silu,
    /// `out *= silu'(row)`
    SiluBackward,
}

/// Maps `rows`, `[n, width]`, into `out` of the same shape.
pub fn map_rows<T: Real>(map: RowMap<'_, T>, width: usize, rows: &[T], out: &mut [T], set: InstructionSet) {
    T::run(MapRows { map, width, rows, out }, set);
}

struct MapRows<'a, T> {
    map: RowMap<'a, T>,
    width: usize,
    rows: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> Kernel<T> for MapRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        with_vectors!(V, run(self))
    }
}

#[inline(always)]
fn run<V: Vector, const N: usize>(task: MapRows<'_, V::Scalar>) {
    let MapRows { map, width, rows, out } = task;
    let mask = Mask::<V, N>::new(width);
    for (row, out) in rows.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let mut row: [V; N] = load(row);
        let result = match map {
            RowMap::Norm(norm) => norm.forward(row, &mask),
            RowMap::NormBackward(norm) => norm.backward(row, load(out), &mask),
            RowMap::Silu => {
                for lanes in &mut row {
                    *lanes = silu(*lanes);
                }
                row
            }
            RowMap::SiluBackward => {
                let gradient: [V; N] = load(out);
                for k in 0..N {
                    row[k] = math::flush_tiny(silu_slope(row[k]).mul(gradient[k]));
                }
                row
            }
        };
        store(result, out);
    }
}

/// `row = silu(row)`, of any length.
pub fn activate<T: Real>(row: &mut [T], set: InstructionSet) {
    T::run(Activate { row }, set);
}

/// `gradient *= silu'(row)`, of any length.
pub fn activate_backward<T: Real>(row: &[T], gradient: &mut [T], set: InstructionSet) {
    T::run(ActivateBackward { row, gradient }, set);
}

struct Activate<'a, T> {
    row: &'a mut [T],
}

struct ActivateBackward<'a, T> {
    row: &'a [T],
    gradient: &'a mut [T],
}

impl<T: Real> Kernel<T> for Activate<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        for at in (0..self.row.len()).step_by(V::LANES) {
            silu(V::load_padded(self.row, at, T::default())).store_padded(self.row, at);
        }
    }
}

impl<T: Real> Kernel<T> for ActivateBackward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        for at in (0..self.row.len()).step_by(V::LANES) {
            let slope = silu_slope(V::load_padded(self.row, at, T::default()));
            let product = slope.mul(V::load_padded(self.gradient, at, T::default()));
            math::flush_tiny(product).store_padded(self.gradient, at);
        }
    }
}

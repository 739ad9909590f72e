//! Factors of the rows of an edge, one for each degree, |m| and channel, and weights of whole edges.

use super::layout::Layout;
use crate::simd::{Kernel, Real, Vector};

impl Layout {
    /// Which row of factors belongs to each row: +m and -m share one. Order by order, in each the degrees upwards.
    pub fn factors(&self) -> Vec<usize> {
        let first = |m: usize| (0..m).map(|k| self.lmax() + 1 - k).sum::<usize>();
        let of = |(l, m): &(usize, isize)| first(m.unsigned_abs()) + l - m.unsigned_abs();
        self.rows()[..self.n_rows()].iter().map(of).collect()
    }

    /// Rows of factors.
    pub fn n_factors(&self) -> usize {
        self.factors().into_iter().max().unwrap_or(0) + 1
    }
}

/// `rows[e, r] *= factors[e, index[r]]`
pub struct ScaleRows<'a, T> {
    /// By row.
    pub index: &'a [usize],
    /// Numbers in a row.
    pub width: usize,
    /// `[edges, n_factors, width]`
    pub factors: &'a [T],
    /// Rows of factors.
    pub n_factors: usize,
    /// `[edges, stride]`, of which the first rows are scaled.
    pub rows: &'a mut [T],
    /// Numbers of an edge in `rows`.
    pub stride: usize,
}

/// `∂E/∂scaled rows` becomes `∂E/∂rows`; `∂E/∂factors` is written.
pub struct ScaleRowsBackward<'a, T> {
    /// As in the forward pass.
    pub index: &'a [usize],
    /// As in the forward pass.
    pub width: usize,
    /// As in the forward pass.
    pub factors: &'a [T],
    /// As in the forward pass.
    pub n_factors: usize,
    /// The rows before they were scaled.
    pub rows: &'a [T],
    /// Numbers of an edge in `rows`.
    pub stride: usize,
    /// `[edges, index.len(), width]`
    pub gradient: &'a mut [T],
    /// `[edges, n_factors, width]`
    pub by_factors: &'a mut [T],
}

impl<T: Real> Kernel<T> for ScaleRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { index, width, factors, n_factors, rows, stride } = self;
        let zero = T::default();
        for (rows, factors) in rows.chunks_exact_mut(stride).zip(factors.chunks_exact(n_factors * width)) {
            for (row, factor) in rows.chunks_exact_mut(width).zip(index) {
                let factor = &factors[factor * width..][..width];
                for at in (0..width).step_by(V::LANES) {
                    let product = V::load_padded(row, at, zero).mul(V::load_padded(factor, at, zero));
                    product.store_padded(row, at);
                }
            }
        }
    }
}

impl<T: Real> Kernel<T> for ScaleRowsBackward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { index, width, factors, n_factors, rows, stride, gradient, by_factors } = self;
        let zero = T::default();
        let edges = rows.chunks_exact(stride).zip(gradient.chunks_exact_mut(index.len() * width));
        let of_factors = factors.chunks_exact(n_factors * width).zip(by_factors.chunks_exact_mut(n_factors * width));
        for ((rows, gradient), (factors, by_factors)) in edges.zip(of_factors) {
            by_factors.fill(zero);
            for ((row, gradient), factor) in rows.chunks_exact(width).zip(gradient.chunks_exact_mut(width)).zip(index) {
                let (from, to) = (&factors[factor * width..][..width], &mut by_factors[factor * width..][..width]);
                for at in (0..width).step_by(V::LANES) {
                    let slope = V::load_padded(gradient, at, zero);
                    slope.mul_add(V::load_padded(row, at, zero), V::load_padded(to, at, zero)).store_padded(to, at);
                    slope.mul(V::load_padded(from, at, zero)).store_padded(gradient, at);
                }
            }
        }
    }
}

/// Gradients of `Σ weight_e · (p_e · q_e)`: by the weights, added to `by_weights`, and `out_e = weight_e · q_e`.
pub struct WeighRows<'a, T> {
    /// `[edges]`
    pub weights: &'a [T],
    /// Numbers of an edge in `p` and `out`.
    pub size: usize,
    /// `[edges, size]`
    pub p: &'a [T],
    /// `[edges, stride]`, of which the first `size` are used.
    pub q: &'a [T],
    /// Numbers of an edge in `q`.
    pub stride: usize,
    /// `[edges, size]`
    pub out: &'a mut [T],
    /// `[edges]`
    pub by_weights: &'a mut [f64],
}

impl<T: Real> Kernel<T> for WeighRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { weights, size, p, q, stride, out, by_weights } = self;
        let zero = T::default();
        let edges = p.chunks_exact(size).zip(q.chunks_exact(stride)).zip(out.chunks_exact_mut(size));
        for (((p, q), out), (weight, by_weight)) in edges.zip(weights.iter().zip(by_weights)) {
            let mut sum = V::splat(zero);
            let q = &q[..size];
            for at in (0..size).step_by(V::LANES) {
                let lanes = V::load_padded(q, at, zero);
                sum = lanes.mul_add(V::load_padded(p, at, zero), sum);
                lanes.mul(V::splat(*weight)).store_padded(out, at);
            }
            *by_weight += sum.sum().wide();
        }
    }
}

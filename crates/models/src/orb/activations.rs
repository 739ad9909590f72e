//! Runs perceptrons over blocks of rows, and keeps what the backward pass needs, or makes it again.

use super::weights::Normed;
use mlip_kernels::perceptron::{Activations, Perceptron, repeat};
use mlip_kernels::simd::Real;
use std::ops::Range;

/// Rows in flight at once: a multiple of every tile's height. Weights stream through the caches once a block, so it
/// must not be small; the hidden rows of a block stay in the second-level cache beside a strip of weights.
pub(crate) const BLOCK: usize = 96;

/// The blocks of so many rows.
pub(crate) fn blocks(rows: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rows).step_by(BLOCK).map(move |first| first..rows.min(first + BLOCK))
}

/// The part of a table, `width` numbers a row, that belongs to these rows.
pub(crate) fn rows<T>(table: &[T], range: &Range<usize>, width: usize) -> Range<usize> {
    debug_assert!(range.end * width <= table.len());
    range.start * width..range.end * width
}

/// What a perceptron makes of rows: hidden rows before their activations, and the result.
#[derive(Debug, Default)]
pub(crate) struct Kept<T> {
    z1: Vec<T>,
    z2: Vec<T>,
    y: Vec<T>,
}

/// The same, of one block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'a, T> {
    /// `[rows, hidden]`
    pub(crate) z1: &'a [T],
    /// `[rows, hidden]`
    pub(crate) z2: &'a [T],
    /// `[rows, latent]`
    pub(crate) y: &'a [T],
}

/// Numbers of one block. Made once an evaluation.
#[derive(Debug)]
pub(crate) struct Scratch<T> {
    pub(crate) block: Kept<T>,
    /// `[BLOCK, hidden]`
    pub(crate) hidden: Vec<T>,
    /// `[BLOCK, hidden]`
    pub(crate) dz1: Vec<T>,
    /// `[BLOCK, latent]`
    pub(crate) dy: Vec<T>,
    /// `[BLOCK, inputs]`, the most that any perceptron has.
    pub(crate) x: Vec<T>,
    /// `[BLOCK, inputs]`
    pub(crate) dx: Vec<T>,
}

impl<T: Real> Scratch<T> {
    pub(crate) fn new(hidden: usize, latent: usize, inputs: usize) -> Self {
        let zeros = |width: usize| vec![T::default(); BLOCK * width];
        Self {
            block: Kept::with_room(BLOCK, hidden, latent),
            hidden: zeros(hidden),
            dz1: zeros(hidden),
            dy: zeros(latent),
            x: zeros(inputs),
            dx: zeros(inputs),
        }
    }
}

impl<T: Real> Kept<T> {
    /// Keeps nothing.
    pub(crate) fn nothing() -> Self {
        Self { z1: Vec::new(), z2: Vec::new(), y: Vec::new() }
    }

    /// Keeps all of `rows` rows.
    pub(crate) fn with_room(rows: usize, hidden: usize, latent: usize) -> Self {
        let zeros = |width: usize| vec![T::default(); rows * width];
        Self { z1: zeros(hidden), z2: zeros(hidden), y: zeros(latent) }
    }

    /// Bytes that a row takes.
    pub(crate) fn bytes_a_row(hidden: usize, latent: usize) -> usize {
        (2 * hidden + latent) * size_of::<T>()
    }

    fn is_empty(&self) -> bool {
        self.y.is_empty()
    }

    /// Computes the rows of `range`: `x`, their own features, `inputs` a row; `terms` fills z1 with everything else.
    pub(crate) fn run<'a>(
        &'a mut self,
        perceptron: &Perceptron<T>,
        range: &Range<usize>,
        x: &[T],
        block: &'a mut Self,
        hidden: &mut [T],
        terms: impl FnOnce(&mut [T]),
    ) -> Values<'a, T> {
        let (n, inputs) = (range.len(), perceptron.first.depth());
        let (width, latent) = (perceptron.hidden(), perceptron.third.width());
        let (into, at) = if self.is_empty() { (block, 0..n) } else { (self, range.clone()) };
        let [of_z1, of_z2] = [rows(&into.z1, &at, width), rows(&into.z2, &at, width)];
        let of_y = rows(&into.y, &at, latent);
        let (z1, z2, y) = (&mut into.z1[of_z1], &mut into.z2[of_z2], &mut into.y[of_y]);
        terms(z1);
        perceptron.forward(x, inputs, n, Activations { z1: &mut *z1, z2: &mut *z2, y: &mut *y }, hidden);
        Values { z1, z2, y }
    }

    /// What [`run`](Self::run) gave, to the same bits: as it was kept, or made again.
    pub(crate) fn recall<'a>(
        &'a mut self,
        perceptron: &Perceptron<T>,
        range: &Range<usize>,
        x: &[T],
        block: &'a mut Self,
        hidden: &mut [T],
        terms: impl FnOnce(&mut [T]),
    ) -> Values<'a, T> {
        if self.is_empty() {
            return self.run(perceptron, range, x, block, hidden, terms);
        }
        let (width, latent) = (perceptron.hidden(), perceptron.third.width());
        let (z1, z2, y) = (&self.z1, &self.z2, &self.y);
        Values { z1: &z1[rows(z1, range, width)], z2: &z2[rows(z2, range, width)], y: &y[rows(y, range, latent)] }
    }
}

impl<T: Real> Normed<T> {
    /// `out += norm(perceptron(x))` for all rows of `x`; what the backward pass needs goes into `kept`.
    pub(crate) fn add(&self, x: &[T], kept: &mut Kept<T>, scratch: &mut Scratch<T>, out: &mut [T]) {
        let (inputs, latent) = (self.perceptron.first.depth(), self.norm.scale.len());
        for range in blocks(x.len() / inputs) {
            let own = &x[rows(x, &range, inputs)];
            let Scratch { block, hidden, .. } = &mut *scratch;
            let terms = |z1: &mut [T]| repeat(&self.first_bias, z1);
            let values = kept.run(&self.perceptron, &range, own, block, hidden, terms);
            let out_rows = rows(out, &range, latent);
            self.norm.add_rows(values.y, &mut out[out_rows], self.perceptron.second.set());
        }
    }

    /// `∂E/∂x` into `dx` from `∂E/∂out` of [`add`](Self::add), whose `kept` must have been given room; zeros without
    /// transposed weights.
    pub(crate) fn backward(&self, kept: &mut Kept<T>, gradient: &[T], scratch: &mut Scratch<T>, dx: &mut [T]) {
        let Some(transposed) = &self.transposed else { return };
        let (inputs, latent) = (self.perceptron.first.depth(), self.norm.scale.len());
        for range in blocks(gradient.len() / latent) {
            let Scratch { block, hidden, dz1, dy, .. } = &mut *scratch;
            let values = kept.recall(&self.perceptron, &range, &[], block, hidden, |_| {});
            let dy = &mut dy[..range.len() * latent];
            let set = self.perceptron.second.set();
            self.norm.backward_rows(values.y, &gradient[rows(gradient, &range, latent)], dy, set);
            transposed.backward(values.z1, values.z2, dy, range.len(), dz1, hidden);
            let dx_rows = rows(dx, &range, inputs);
            let depth = transposed.first.depth();
            transposed.first.multiply_add_strided(dz1, depth, range.len(), &mut dx[dx_rows], inputs);
        }
    }
}

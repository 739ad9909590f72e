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
pub(crate) fn rows(range: &Range<usize>, width: usize) -> Range<usize> {
    range.start * width..range.end * width
}

/// Where the activations of a perceptron lie in the arena: z1, z2 and y of all rows; nowhere if they are not kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept {
    start: Option<usize>,
    n_rows: usize,
}

/// What a perceptron made of some rows: hidden rows before their activations, and the result.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'a, T> {
    /// `[rows, hidden]`
    pub(crate) z1: &'a [T],
    /// `[rows, hidden]`
    pub(crate) z2: &'a [T],
    /// `[rows, latent]`
    pub(crate) y: &'a [T],
}

/// Activations that are kept from the forward to the backward pass, in one piece of memory.
#[derive(Debug, Default)]
pub(crate) struct Arena<T> {
    numbers: Vec<T>,
    used: usize,
}

/// Activations of one block.
#[derive(Debug)]
pub(crate) struct Block<T> {
    z1: Vec<T>,
    z2: Vec<T>,
    y: Vec<T>,
}

/// Room for one evaluation: what is kept, and the numbers of one block.
#[derive(Debug)]
pub(crate) struct Scratch<T> {
    pub(crate) arena: Arena<T>,
    pub(crate) block: Block<T>,
    /// `[BLOCK, hidden]`
    pub(crate) hidden: Vec<T>,
    /// `[BLOCK, hidden]`
    pub(crate) dz1: Vec<T>,
    /// `[BLOCK, latent]`
    pub(crate) dy: Vec<T>,
    /// `[BLOCK, inputs]` of the encoder.
    pub(crate) x: Vec<T>,
    /// `[BLOCK, inputs]` of the encoder.
    pub(crate) dx: Vec<T>,
}

impl<T: Real> Scratch<T> {
    pub(crate) fn new(hidden: usize, latent: usize, inputs: usize) -> Self {
        let zeros = |width: usize| vec![T::default(); BLOCK * width];
        Self {
            arena: Arena::default(),
            block: Block { z1: zeros(hidden), z2: zeros(hidden), y: zeros(latent) },
            hidden: zeros(hidden),
            dz1: zeros(hidden),
            dy: zeros(latent),
            x: zeros(inputs),
            dx: zeros(inputs),
        }
    }
}

impl<T: Real> Arena<T> {
    /// Room for so many numbers.
    pub(crate) fn with_room(numbers: usize) -> Self {
        Self { numbers: vec![T::default(); numbers], used: 0 }
    }

    /// Room for the activations of `n_rows` rows.
    pub(crate) fn keep(&mut self, n_rows: usize, hidden: usize, latent: usize) -> Kept {
        let start = self.used;
        self.used += n_rows * Kept::numbers_a_row(hidden, latent);
        assert!(self.used <= self.numbers.len(), "{} numbers in an arena of {}", self.used, self.numbers.len());
        Kept { start: Some(start), n_rows }
    }
}

impl Kept {
    /// Keeps nothing.
    pub(crate) const NOTHING: Self = Self { start: None, n_rows: 0 };

    /// Numbers that a row takes.
    pub(crate) fn numbers_a_row(hidden: usize, latent: usize) -> usize {
        2 * hidden + latent
    }

    /// Computes the rows of `range`: `x`, their own features; `terms` fills z1 with everything else.
    pub(crate) fn run<'a, T: Real>(
        self,
        perceptron: &Perceptron<T>,
        range: &Range<usize>,
        x: &[T],
        (arena, block): (&'a mut Arena<T>, &'a mut Block<T>),
        hidden: &mut [T],
        terms: impl FnOnce(&mut [T]),
    ) -> Values<'a, T> {
        let (n, inputs) = (range.len(), perceptron.first.depth());
        let (width, latent) = (perceptron.hidden(), perceptron.third.width());
        let (z1, z2, y) = match self.start {
            Some(start) => {
                let (z1, rest) = arena.numbers[start..].split_at_mut(self.n_rows * width);
                let (z2, y) = rest.split_at_mut(self.n_rows * width);
                (&mut z1[rows(range, width)], &mut z2[rows(range, width)], &mut y[rows(range, latent)])
            }
            None => (&mut block.z1[..n * width], &mut block.z2[..n * width], &mut block.y[..n * latent]),
        };
        terms(z1);
        perceptron.forward(x, inputs, n, Activations { z1: &mut *z1, z2: &mut *z2, y: &mut *y }, hidden);
        Values { z1, z2, y }
    }

    /// What [`run`](Self::run) gave, to the same bits: as it was kept, or made again.
    pub(crate) fn recall<'a, T: Real>(
        self,
        perceptron: &Perceptron<T>,
        range: &Range<usize>,
        x: &[T],
        (arena, block): (&'a mut Arena<T>, &'a mut Block<T>),
        hidden: &mut [T],
        terms: impl FnOnce(&mut [T]),
    ) -> Values<'a, T> {
        let Some(start) = self.start else {
            return self.run(perceptron, range, x, (arena, block), hidden, terms);
        };
        let (width, latent) = (perceptron.hidden(), perceptron.third.width());
        let (z1, rest) = arena.numbers[start..].split_at(self.n_rows * width);
        let (z2, y) = rest.split_at(self.n_rows * width);
        Values { z1: &z1[rows(range, width)], z2: &z2[rows(range, width)], y: &y[rows(range, latent)] }
    }
}

impl<T: Real> Normed<T> {
    /// `out += norm(perceptron(x))` for all rows of `x`; what the backward pass needs goes into `kept`.
    pub(crate) fn add(&self, x: &[T], kept: Kept, scratch: &mut Scratch<T>, out: &mut [T]) {
        let (inputs, latent) = (self.perceptron.first.depth(), self.norm.scale.len());
        for range in blocks(x.len() / inputs) {
            let own = &x[rows(&range, inputs)];
            let Scratch { arena, block, hidden, .. } = &mut *scratch;
            let terms = |z1: &mut [T]| repeat(&self.first_bias, z1);
            let values = kept.run(&self.perceptron, &range, own, (arena, block), hidden, terms);
            self.norm.add_rows(values.y, &mut out[rows(&range, latent)], self.perceptron.second.set());
        }
    }

    /// `∂E/∂x` into `dx` from `∂E/∂out` of [`add`](Self::add), whose `kept` must have been given room; zeros without
    /// transposed weights.
    pub(crate) fn backward(&self, kept: Kept, gradient: &[T], scratch: &mut Scratch<T>, dx: &mut [T]) {
        let Some(transposed) = &self.transposed else { return };
        let (inputs, latent) = (self.perceptron.first.depth(), self.norm.scale.len());
        for range in blocks(gradient.len() / latent) {
            let Scratch { arena, block, hidden, dz1, dy, .. } = &mut *scratch;
            let values = kept.recall(&self.perceptron, &range, &[], (arena, block), hidden, |_| {});
            let dy = &mut dy[..range.len() * latent];
            let set = self.perceptron.second.set();
            self.norm.backward_rows(values.y, &gradient[rows(&range, latent)], dy, set);
            transposed.backward(values.z1, values.z2, dy, range.len(), dz1, hidden);
            let depth = transposed.first.depth();
            let dx = &mut dx[rows(&range, inputs)];
            transposed.first.multiply_add_strided(dz1, depth, range.len(), dx, inputs);
        }
    }
}

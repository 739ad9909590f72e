//! Runs perceptrons over blocks of rows, and keeps what the backward pass needs, or makes it again.

use super::weights::Normed;
use mlip_kernels::perceptron::{Activations, Perceptron, repeat};
use mlip_kernels::simd::Real;
use mlip_threads as threads;
use std::ops::Range;

/// Rows in flight at once: a multiple of every tile's height. Weights stream through the caches once a block, so it
/// must not be small; the hidden rows of a block stay in the second-level cache beside a strip of weights.
pub(crate) const BLOCK: usize = 96;

/// The blocks of this many rows, as many together as there are threads.
pub(crate) fn waves(rows: usize) -> impl Iterator<Item = Vec<Range<usize>>> {
    let wave = BLOCK * threads::available();
    let block = move |first: usize| first..rows.min(first + BLOCK);
    (0..rows).step_by(wave).map(move |first| (first..rows.min(first + wave)).step_by(BLOCK).map(block).collect())
}

/// Cuts rows of `width` numbers at the blocks of a wave.
pub(crate) fn split<'a, T>(values: &'a mut [T], width: usize, wave: &[Range<usize>]) -> Vec<&'a mut [T]> {
    let first = wave.first().map_or(0, |range| range.start);
    threads::split(&mut values[first * width..], width, wave)
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

/// Room for one evaluation: what is kept, and the numbers of one block for each thread.
#[derive(Debug)]
pub(crate) struct Scratch<T> {
    pub(crate) arena: Arena<T>,
    pub(crate) benches: Vec<Bench<T>>,
}

/// Where a thread works on a block.
#[derive(Debug)]
pub(crate) struct Bench<T> {
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
        let bench = || Bench {
            block: Block { z1: zeros(hidden), z2: zeros(hidden), y: zeros(latent) },
            hidden: zeros(hidden),
            dz1: zeros(hidden),
            dy: zeros(latent),
            x: zeros(inputs),
            dx: zeros(inputs),
        };
        Self { arena: Arena::default(), benches: (0..threads::available()).map(|_| bench()).collect() }
    }
}

/// The inputs of a perceptron.
#[derive(Clone, Copy)]
pub(crate) enum Inputs<'a, T> {
    /// `[rows, inputs]`
    Rows(&'a [T]),
    /// Made block by block.
    Made(&'a (dyn Fn(&Range<usize>, &mut [T]) + Sync)),
}

impl<T: Real> Arena<T> {
    /// Room for this many numbers.
    pub(crate) fn with_room(numbers: usize) -> Self {
        Self { numbers: vec![T::default(); numbers], used: 0 }
    }

    /// Room for the activations of `n_rows` rows.
    pub(crate) fn keep(&mut self, n_rows: usize, hidden: usize, latent: usize) -> Kept {
        let start = self.used;
        self.used += n_rows * Kept::numbers_per_row(hidden, latent);
        assert!(self.used <= self.numbers.len(), "{} numbers in an arena of {}", self.used, self.numbers.len());
        Kept { start: Some(start), n_rows }
    }
}

impl Kept {
    /// Keeps nothing.
    pub(crate) const NOTHING: Self = Self { start: None, n_rows: 0 };

    /// Numbers that a row takes.
    pub(crate) fn numbers_per_row(hidden: usize, latent: usize) -> usize {
        2 * hidden + latent
    }

    /// Computes the blocks of a wave, each on a thread; `terms` fills z1 with everything but what the inputs give.
    pub(crate) fn run<'a, T: Real>(
        self,
        perceptron: &Perceptron<T>,
        wave: &[Range<usize>],
        inputs: Inputs<'_, T>,
        Scratch { arena, benches }: &'a mut Scratch<T>,
        terms: impl Fn(&Range<usize>, &mut [T]) + Sync,
    ) -> Vec<Values<'a, T>> {
        let (width, latent) = (perceptron.hidden(), perceptron.third.width());
        let mut rooms = Vec::with_capacity(wave.len());
        let mut kept = self.start.map(|start| {
            let (z1, rest) = arena.numbers[start..].split_at_mut(self.n_rows * width);
            let (z2, y) = rest.split_at_mut(self.n_rows * width);
            (split(z1, width, wave).into_iter(), split(z2, width, wave).into_iter(), split(y, latent, wave).into_iter())
        });
        for (range, Bench { block, hidden, x, .. }) in wave.iter().zip(benches) {
            let room = kept.as_mut().and_then(|(z1, z2, y)| Some((z1.next()?, z2.next()?, y.next()?)));
            let (z1, z2, y) = room.unwrap_or_else(|| block.rows(range.len()));
            rooms.push((range, Activations { z1, z2, y }, hidden, x));
        }
        threads::for_each(rooms.iter_mut().collect(), |(range, out, hidden, x)| {
            let (n, depth) = (range.len(), perceptron.first.depth());
            let x = match inputs {
                Inputs::Rows(rows_of_all) => &rows_of_all[rows(range, depth)],
                Inputs::Made(make) => {
                    make(range, x);
                    &x[..n * depth]
                }
            };
            terms(range, out.z1);
            let out = Activations { z1: &mut *out.z1, z2: &mut *out.z2, y: &mut *out.y };
            perceptron.forward(x, depth, n, out, hidden);
        });
        rooms.into_iter().map(|(_, Activations { z1, z2, y }, ..)| Values { z1, z2, y }).collect()
    }

    /// What [`run`](Self::run) gave for a block, to the same bits: as it was kept, or made again.
    pub(crate) fn recall<'a, T: Real>(
        self,
        perceptron: &Perceptron<T>,
        range: &Range<usize>,
        x: &[T],
        (arena, block): (&'a Arena<T>, &'a mut Block<T>),
        hidden: &mut [T],
        terms: impl FnOnce(&mut [T]),
    ) -> Values<'a, T> {
        let (width, latent) = (perceptron.hidden(), perceptron.third.width());
        let Some(start) = self.start else {
            let (z1, z2, y) = block.rows(range.len());
            terms(z1);
            let out = Activations { z1: &mut *z1, z2: &mut *z2, y: &mut *y };
            perceptron.forward(x, perceptron.first.depth(), range.len(), out, hidden);
            return Values { z1, z2, y };
        };
        let (z1, rest) = arena.numbers[start..].split_at(self.n_rows * width);
        let (z2, y) = rest.split_at(self.n_rows * width);
        Values { z1: &z1[rows(range, width)], z2: &z2[rows(range, width)], y: &y[rows(range, latent)] }
    }
}

impl<T> Block<T> {
    /// Room for this many rows.
    fn rows(&mut self, n: usize) -> (&mut [T], &mut [T], &mut [T]) {
        let part = |numbers: usize| numbers / BLOCK * n;
        let [z1, z2, y] = [self.z1.len(), self.z2.len(), self.y.len()].map(part);
        (&mut self.z1[..z1], &mut self.z2[..z2], &mut self.y[..y])
    }
}

impl<T: Real> Normed<T> {
    /// `out += norm(perceptron(x))` for all rows of `x`; what the backward pass needs goes into `kept`.
    pub(crate) fn add(&self, x: &[T], kept: Kept, scratch: &mut Scratch<T>, out: &mut [T]) {
        let (inputs, latent) = (self.perceptron.first.depth(), self.norm.scale.len());
        let terms = |_: &Range<usize>, z1: &mut [T]| repeat(&self.first_bias, z1);
        for wave in waves(x.len() / inputs) {
            let values = kept.run(&self.perceptron, &wave, Inputs::Rows(x), scratch, terms);
            for (range, values) in wave.iter().zip(values) {
                self.norm.add_rows(values.y, &mut out[rows(range, latent)], self.perceptron.second.set());
            }
        }
    }

    /// `∂E/∂x` into `dx` from `∂E/∂out` of [`add`](Self::add), whose `kept` must have been given room; zeros without
    /// transposed weights.
    pub(crate) fn backward(&self, kept: Kept, gradient: &[T], scratch: &mut Scratch<T>, dx: &mut [T]) {
        let Some(transposed) = &self.transposed else { return };
        let (inputs, latent) = (self.perceptron.first.depth(), self.norm.scale.len());
        let Scratch { arena, benches } = scratch;
        for wave in waves(gradient.len() / latent) {
            let parts = split(dx, inputs, &wave).into_iter().zip(&wave).zip(&mut *benches).collect();
            threads::for_each(parts, |((dx, range), bench): ((&mut [T], &Range<usize>), &mut Bench<T>)| {
                let Bench { block, hidden, dz1, dy, .. } = bench;
                let values = kept.recall(&self.perceptron, range, &[], (arena, block), hidden, |_| {});
                let dy = &mut dy[..range.len() * latent];
                let set = self.perceptron.second.set();
                self.norm.backward_rows(values.y, &gradient[rows(range, latent)], dy, set);
                transposed.backward(values.z1, values.z2, dy, range.len(), dz1, hidden);
                let depth = transposed.first.depth();
                transposed.first.multiply_add_strided(dz1, depth, range.len(), dx, inputs);
            });
        }
    }
}

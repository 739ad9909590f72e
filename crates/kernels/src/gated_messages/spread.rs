//! Both passes over the threads of the caller's pool.
//!
//! Rows are computed in parts. What several rows add to one row of a table is laid side by side for some thousand
//! rows at a time; then each thread adds it to the rows that it owns, in the order in which a single thread does. The
//! bits of a result are those of a single thread.

use super::backward::{self, Backward, Terms};
use super::forward::{self, Forward};
use super::{BLOCK, GatedMessages, Gather, Recalled, Room, Rows, Saved};
use crate::simd::{InstructionSet, Kernel, Real, Vector};
use crate::threads::{self, Share};
use std::ops::Range;

/// A thread is given at least so many rows: some 100 µs.
const GRAIN: usize = 8 * BLOCK;
/// Rows whose terms lie side by side: some megabytes, which the last-level cache holds.
const WAVE: usize = 128 * BLOCK;

impl<'a, T> Rows<'a, T> {
    /// Visits some of the rows; a row's message stays with it.
    fn part<R>(&self, range: Range<usize>, visit: impl FnOnce(Rows<'_, T>) -> R) -> R {
        let cut = |gathers: &[Gather<'a>]| -> Vec<Gather<'a>> {
            gathers.iter().map(|gather| Gather { index: &gather.index[range.clone()], ..*gather }).collect()
        };
        let (sources, weights) = (cut(self.sources), cut(self.weights));
        let depth = self.own.len() / self.count.max(1);
        visit(Rows {
            count: range.len(),
            tables: self.tables,
            sources: &sources,
            own: &self.own[range.start * depth..range.end * depth],
            weights: &weights,
            target: self.target.map(|target| &target[range]),
        })
    }
}

/// The waves of so many rows, and the parts of each.
fn waves(count: usize) -> impl Iterator<Item = (Range<usize>, Vec<Range<usize>>)> {
    (0..count).step_by(WAVE).map(move |first| {
        let n = WAVE.min(count - first);
        (first..first + n, threads::ranges(n, BLOCK, GRAIN))
    })
}

impl<T: Real> Forward<'_, T> {
    /// Runs it.
    pub fn run(self, set: InstructionSet) {
        let Self { layer, rows, out, saved } = self;
        let w = layer.width;
        let numbers = rows.count * 2 * w;
        let mut unused = Saved::default();
        let keeps = saved.is_some();
        let saved = saved.unwrap_or(&mut unused);
        if keeps {
            saved.y = vec![T::default(); numbers];
            saved.z = vec![T::default(); if layer.keeps_z() { numbers } else { 0 }];
        }
        let n_threads = threads::worthwhile(rows.count, GRAIN);
        if n_threads == 1 {
            let saved = keeps.then_some(Room { z: &mut saved.z, y: &mut saved.y });
            return T::run(forward::Serial { layer, rows, out, saved }, set);
        }
        let run = |range: Range<usize>, out: &mut [T], saved: Option<Room<'_, T>>| {
            rows.part(range, |rows| {
                T::run(forward::Serial { layer, rows: Rows { target: None, ..rows }, out, saved }, set);
            });
        };
        let mut rest = Room { z: &mut saved.z, y: &mut saved.y };
        let mut room = |n: usize| keeps.then(|| rest.take(n * 2 * w));
        let Some(target) = rows.target else {
            let ranges = threads::ranges(rows.count, BLOCK, GRAIN);
            let parts = threads::split(out, w, &ranges).into_iter().zip(ranges);
            let parts = parts.map(|(out, range)| (room(range.len()), out, range)).collect();
            return threads::for_each(parts, |(room, out, range)| run(range, out, room));
        };
        let mut messages = vec![T::default(); WAVE.min(rows.count) * w];
        let mut shares = threads::deal(out, w, n_threads);
        for (wave, ranges) in waves(rows.count) {
            let messages = &mut messages[..wave.len() * w];
            let parts = threads::split(messages, w, &ranges).into_iter().zip(ranges);
            let parts = parts.map(|(out, range)| (room(range.len()), out, range)).collect();
            threads::for_each(parts, |(room, out, range)| {
                out.fill(T::default());
                run(wave.start + range.start..wave.start + range.end, out, room);
            });
            let index = &target[wave];
            threads::for_each(shares.iter_mut().collect(), |share| {
                T::run(AddRows { share, index, column: 0, rows: messages, stride: w, width: w }, set);
            });
        }
    }
}

impl<T: Real> Backward<'_, '_, T> {
    /// Runs it.
    pub fn run(self, set: InstructionSet) {
        let Self { layer, rows, gradient, saved, tables, own } = self;
        let (w, n_weights) = (layer.width, rows.weights.len());
        let n_threads = threads::worthwhile(rows.count, GRAIN);
        let recalled = saved.map(|saved| Recalled { z: &saved.z, y: &saved.y });
        if n_threads == 1 {
            let terms = Terms::Added(tables);
            return T::run(backward::Serial { layer, rows, gradient, saved: recalled, terms, own }, set);
        }
        let depth = layer.own.as_ref().map_or(0, |own| own.forward.depth());
        let n = WAVE.min(rows.count);
        let mut sources = vec![T::default(); n * 2 * w];
        let mut weights = vec![T::default(); n * n_weights * w];
        let mut owners: Vec<Vec<Share<'_, T>>> = (0..n_threads).map(|_| Vec::new()).collect();
        for (table, of) in tables.iter_mut().zip(rows.tables) {
            let shares = threads::deal(table, of.stride, n_threads);
            owners.iter_mut().zip(shares).for_each(|(owner, share)| owner.push(share));
        }
        let own = &mut own[..rows.count * depth];
        for (wave, ranges) in waves(rows.count) {
            let parts = threads::split(&mut own[wave.start * depth..wave.end * depth], depth, &ranges).into_iter();
            let parts = parts.zip(threads::split(&mut sources[..wave.len() * 2 * w], 2 * w, &ranges));
            let parts = parts.zip(threads::split(&mut weights[..wave.len() * n_weights * w], n_weights * w, &ranges));
            let parts = parts.zip(ranges).collect();
            threads::for_each(parts, |(((own, sources), weights), range): (((&mut [T], _), _), _)| {
                let range = wave.start + range.start..wave.start + range.end;
                let saved = recalled.map(|kept| kept.part(&range, 2 * w));
                // A row of the gradient belongs to a target, or to the row itself.
                let gradient = if rows.target.is_some() { gradient } else { &gradient[range.start * w..] };
                rows.part(range, |rows| {
                    let terms = Terms::Apart { sources, weights };
                    T::run(backward::Serial { layer, rows, gradient, saved, terms, own }, set);
                });
            });
            let terms = AddTerms { layer, rows: &rows, wave: wave.clone(), sources: &sources, weights: &weights };
            threads::for_each(owners.iter_mut().collect(), |shares| terms.run(shares, set));
        }
    }
}

impl<T> Room<'_, T> {
    /// Splits off what so many numbers of each need.
    fn take(&mut self, numbers: usize) -> Self {
        let [z, y] = [&mut self.z, &mut self.y].map(|rest| rest.split_off_mut(..numbers).unwrap_or_default());
        Self { z, y }
    }
}

impl<'a, T> Recalled<'a, T> {
    fn part(&self, range: &Range<usize>, width: usize) -> Self {
        let cut = |rows: &'a [T]| rows.get(range.start * width..range.end * width).unwrap_or_default();
        Self { z: cut(self.z), y: cut(self.y) }
    }
}

/// Terms of the rows of a wave, and where they go.
struct AddTerms<'a, T> {
    layer: &'a GatedMessages<T>,
    rows: &'a Rows<'a, T>,
    wave: Range<usize>,
    sources: &'a [T],
    weights: &'a [T],
}

impl<T: Real> AddTerms<'_, T> {
    /// Adds them to one share of each table: block after block, first weights, then sources, as one thread does.
    fn run(&self, shares: &mut [Share<'_, T>], set: InstructionSet) {
        let (w, n_weights) = (self.layer.width, self.rows.weights.len());
        for first in self.wave.clone().step_by(BLOCK) {
            let block = first..self.wave.end.min(first + BLOCK);
            let at = first - self.wave.start;
            let weights = &self.weights[at * n_weights * w..];
            T::run(
                AddWeights { shares, weights: self.rows.weights, block: block.clone(), rows: weights, width: w },
                set,
            );
            for source in self.rows.sources {
                let (share, index) = (&mut shares[source.table], &source.index[block.clone()]);
                let rows = &self.sources[at * 2 * w..];
                T::run(AddRows { share, index, column: source.offset, rows, stride: 2 * w, width: 2 * w }, set);
            }
        }
    }
}

/// `share[index[r]] += rows[r]` for the rows that belong to the share.
struct AddRows<'a, 'b, T> {
    share: &'a mut Share<'b, T>,
    index: &'a [u32],
    column: usize,
    rows: &'a [T],
    stride: usize,
    width: usize,
}

impl<T: Real> Kernel<T> for AddRows<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { share, index, column, rows, stride, width } = self;
        for (row, index) in rows.chunks(stride).zip(index) {
            if let Some(to) = share.row(*index as usize, column, width) {
                add::<V>(&row[..width], to);
            }
        }
    }
}

/// The same for the weights of a block of rows: `[rows, weights, width]`.
struct AddWeights<'a, 'b, T> {
    shares: &'a mut [Share<'b, T>],
    weights: &'a [Gather<'a>],
    block: Range<usize>,
    rows: &'a [T],
    width: usize,
}

impl<T: Real> Kernel<T> for AddWeights<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { shares, weights, block, rows, width } = self;
        let mut rows = rows.chunks_exact(width);
        for r in block {
            for (weight, row) in weights.iter().zip(&mut rows) {
                if let Some(to) = shares[weight.table].row(weight.index[r] as usize, weight.offset, width) {
                    add::<V>(row, to);
                }
            }
        }
    }
}

#[inline(always)]
fn add<V: Vector>(row: &[V::Scalar], to: &mut [V::Scalar]) {
    let zero = V::Scalar::default();
    for at in (0..to.len()).step_by(V::LANES) {
        V::load_padded(to, at, zero).add(V::load_padded(row, at, zero)).store_padded(to, at);
    }
}

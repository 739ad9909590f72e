//! Both passes over the threads of the caller's pool: some thousand rows at a time, in parts for the threads.
//!
//! Sums keep the order of the rows (see [`sums`](super::sums)), so that the bits of a result are those of one thread.

use super::backward::{self, Backward};
use super::block::{BLOCK, MAX_WEIGHTS};
use super::forward::{self, Forward};
use super::layer::{Gather, Recalled, Rows, SavedPart};
use super::sums::{Later, Sums, add_later, ends, of_table};
use crate::simd::{InstructionSet, Real};
use mlip_threads as threads;
use std::ops::Range;

/// A thread is given at least this many rows, 192: some 80 µs of a pass of CHGNet, whose rows take 0.4 µs each.
const GRAIN: usize = 8 * BLOCK;
/// Rows that are computed before what was laid aside is added, 24,576. A row lays aside at most what it adds: of CHGNet four
/// sources of 128 numbers and two weights of 64, 63 MB a wave in single precision. In crystals it is what crosses the
/// border between two parts; the longer a part, the less.
const WAVE: usize = 1024 * BLOCK;

impl<'a, T> Rows<'a, T> {
    /// Visits some of the rows.
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

/// The parts of each wave of this many rows.
fn waves(count: usize) -> impl Iterator<Item = Vec<Range<usize>>> {
    (0..count).step_by(WAVE).map(move |first| {
        let ranges = threads::ranges(WAVE.min(count - first), BLOCK, GRAIN).into_iter();
        ranges.map(|range| first + range.start..first + range.end).collect()
    })
}

/// A part of the forward pass.
struct Part<'a, 'b, T> {
    out: Sums<'a, T>,
    later: &'b mut Later<T>,
    range: Range<usize>,
    saved: Option<&'b mut SavedPart<T>>,
}

/// For each part what it lays aside.
fn aside<T: Real>(n_parts: usize, later: &mut Vec<Later<T>>) -> &mut [Later<T>] {
    later.resize_with(later.len().max(n_parts), Later::new);
    &mut later[..n_parts]
}

impl<T: Real> Forward<'_, T> {
    /// Runs it.
    pub fn run(self, set: InstructionSet) {
        let Self { layer, rows, mut out, saved } = self;
        assert!(rows.weights.len() <= MAX_WEIGHTS, "a message has at most {MAX_WEIGHTS} weights");
        let w = layer.width;
        let alone = threads::worthwhile(rows.count, GRAIN) == 1;
        let mut rooms = saved.map(|saved| {
            let firsts = if alone { vec![0] } else { waves(rows.count).flatten().map(|range| range.start).collect() };
            let room = |first| SavedPart { first, z: Vec::new(), y: Vec::new() };
            saved.parts = firsts.into_iter().map(room).collect();
            saved.parts.iter_mut()
        });
        let mut room = || rooms.as_mut().and_then(Iterator::next);
        let mut later = Vec::new();
        if alone {
            let (out, later) = (Sums::all(out, w), &mut Later::new());
            return T::run(forward::Serial { layer, rows, out, later, saved: room() }, set);
        }
        let run = |Part { out, later, range, saved }: Part<'_, '_, T>| {
            rows.part(range, |rows| T::run(forward::Serial { layer, rows, out, later, saved }, set));
        };
        for ranges in waves(rows.count) {
            let later = aside(ranges.len(), &mut later);
            let Some(target) = rows.target else {
                let mut parts = Vec::with_capacity(ranges.len());
                for (range, later) in ranges.into_iter().zip(later) {
                    let own = out.split_off_mut(..range.len() * w).unwrap_or_default();
                    parts.push(Part { out: Sums::all(own, w), later, range, saved: room() });
                }
                threads::for_each(parts, run);
                continue;
            };
            let ends = ends(&[target], &ranges, out.len() / w);
            let parts = Sums::split(out, w, &ends).into_iter().zip(&mut *later).zip(ranges);
            let parts = parts.map(|((out, later), range)| Part { out, later, range, saved: room() });
            threads::for_each(parts.collect(), run);
            add_later(&mut [(&mut *out, w)], later, set);
        }
    }
}

impl<T: Real> Backward<'_, '_, T> {
    /// Runs it.
    ///
    /// # Panics
    /// When a table of weights is among the constant ones, for gradients by weights are always added.
    pub fn run(self, set: InstructionSet) {
        let Self { layer, rows, gradient, saved, tables, constant, own } = self;
        assert!(rows.weights.len() <= MAX_WEIGHTS, "a message has at most {MAX_WEIGHTS} weights");
        let of_weights = rows.weights.iter().map(|weight| weight.table).find(|table| constant.contains(table));
        assert!(of_weights.is_none(), "table {of_weights:?} is constant, and weights are picked from it");
        let w = layer.width;
        let strides = rows.tables.iter().map(|table| table.stride);
        let recalled = saved.map(|saved| Recalled { parts: &saved.parts, first: 0 });
        if threads::worthwhile(rows.count, GRAIN) == 1 {
            let sums =
                &mut tables.iter_mut().zip(strides).map(|(table, stride)| Sums::all(table, stride)).collect::<Vec<_>>();
            let later = &mut Later::new();
            return T::run(
                backward::Serial { layer, rows, gradient, saved: recalled, sums, constant, later, own },
                set,
            );
        }
        let depth = layer.own.as_ref().map_or(0, |own| own.forward.depth());
        let mut tables =
            tables.iter_mut().zip(strides).map(|(table, stride)| (&mut **table, stride)).collect::<Vec<_>>();
        let of_table = |table| match constant.contains(&table) {
            true => Vec::new(),
            false => of_table(table, [rows.sources, rows.weights]),
        };
        let gathers = (0..tables.len()).map(of_table).collect::<Vec<_>>();
        let mut own = &mut own[..rows.count * depth];
        let mut later = Vec::new();
        for ranges in waves(rows.count) {
            let mut sums: Vec<Vec<Sums<'_, T>>> = ranges.iter().map(|_| Vec::new()).collect();
            for ((values, stride), gathers) in tables.iter_mut().zip(&gathers) {
                let ends = ends(gathers, &ranges, values.len() / *stride);
                let parts = Sums::split(values, *stride, &ends);
                sums.iter_mut().zip(parts).for_each(|(sums, part)| sums.push(part));
            }
            let later = aside(ranges.len(), &mut later);
            let parts = sums.into_iter().zip(&mut *later).zip(ranges).map(|((sums, later), range)| {
                let own = own.split_off_mut(..range.len() * depth).unwrap_or_default();
                (sums, later, range, own)
            });
            threads::for_each(parts.collect(), |(mut sums, later, range, own): (Vec<_>, _, Range<usize>, &mut [T])| {
                let saved = recalled.map(|kept| Recalled { first: range.start, ..kept });
                // A row of the gradient belongs to a target, or to the row itself.
                let gradient = if rows.target.is_some() { gradient } else { &gradient[range.start * w..] };
                rows.part(range, |rows| {
                    let sums = &mut sums[..];
                    T::run(backward::Serial { layer, rows, gradient, saved, sums, constant, later, own }, set);
                });
            });
            add_later(&mut tables, later, set);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Gate, GatedMessages, Table};
    use super::*;

    #[test]
    #[should_panic(expected = "table Some(1) is constant, and weights are picked from it")]
    fn a_table_of_weights_is_not_taken_for_constant() {
        let layer = GatedMessages { width: 2, own: None, hidden: None, gate: Gate::new(2, None, None) };
        let (sources, weights) = ([1.0; 4], [1.0; 2]);
        let gather = |table| Gather { table, offset: 0, index: &[0] };
        let rows = Rows {
            count: 1,
            tables: &[Table { values: &sources, stride: 4 }, Table { values: &weights, stride: 2 }],
            sources: &[gather(0)],
            own: &[],
            weights: &[gather(1)],
            target: None,
        };
        let (mut of_sources, mut of_weights) = ([0.0; 4], [0.0; 2]);
        let tables = &mut [&mut of_sources[..], &mut of_weights[..]];
        let backward =
            Backward { layer: &layer, rows, gradient: &[1.0; 2], saved: None, tables, constant: &[1], own: &mut [] };
        backward.run(InstructionSet::detect());
    }
}

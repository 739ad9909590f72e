//! Sums over rows that are computed in parts, in the order of the rows.
//!
//! The rows of a table are divided so that no part before a row's owner adds to it: the owner adds at once, and what
//! the parts behind it have to add is laid aside until all are done. In crystals, whose bonds are numbered by the
//! first of their atoms, that is what crosses the border between two parts.

use super::layer::Gather;
use crate::row_vectors::{add, load, store};
use crate::simd::{InstructionSet, Kernel, Real, Vector};
use mlip_threads::{self as threads, Share};
use std::ops::Range;

/// Consecutive rows of a table.
#[derive(Debug)]
pub(super) struct Sums<'a, T> {
    values: &'a mut [T],
    stride: usize,
    rows: Range<usize>,
}

impl<'a, T: Real> Sums<'a, T> {
    /// A whole table.
    pub(super) fn all(values: &'a mut [T], stride: usize) -> Self {
        let rows = 0..values.len() / stride.max(1);
        Self { values, stride, rows }
    }

    /// Cuts a table behind these rows.
    pub(super) fn split(mut values: &'a mut [T], stride: usize, ends: &[usize]) -> Vec<Self> {
        let mut parts = Vec::with_capacity(ends.len());
        let mut first = 0;
        for end in ends {
            let (part, rest) = std::mem::take(&mut values).split_at_mut((end - first) * stride);
            parts.push(Self { values: part, stride, rows: first..*end });
            (values, first) = (rest, *end);
        }
        parts
    }

    /// The numbers of a row from a column on, if it is among these rows.
    #[inline(always)]
    pub(super) fn row(&mut self, row: usize, column: usize, width: usize) -> Option<&mut [T]> {
        if !self.rows.contains(&row) {
            return None;
        }
        let at = (row - self.rows.start) * self.stride + column;
        Some(&mut self.values[at..at + width])
    }

    /// Begins a sum with what is in a row.
    #[inline(always)]
    pub(super) fn begin<V: Vector<Scalar = T>, const N: usize>(
        &mut self,
        row: usize,
        column: usize,
        width: usize,
    ) -> Run<V, N> {
        match self.row(row, column, width) {
            Some(to) => Run { row, sum: Some(load(to)) },
            None => Run { row, sum: None },
        }
    }

    /// Writes a sum to its row.
    #[inline(always)]
    pub(super) fn end<V: Vector<Scalar = T>, const N: usize>(&mut self, run: &Run<V, N>, column: usize, width: usize) {
        if let Some(sum) = run.sum
            && let Some(to) = self.row(run.row, column, width)
        {
            store(sum, to);
        }
    }
}

/// The sum over rows in a row that go to the same place, while it is in registers. Terms are added in the order of the
/// rows to what is there, as if each were added in memory.
pub(super) struct Run<V, const N: usize> {
    row: usize,
    /// None where the row is another part's.
    sum: Option<[V; N]>,
}

impl<V: Vector, const N: usize> Run<V, N> {
    #[inline(always)]
    pub(super) fn is_of(&self, row: usize) -> bool {
        self.row == row
    }

    /// Adds a term, if the row is this part's.
    #[inline(always)]
    pub(super) fn add(&mut self, term: [V; N]) -> bool {
        if let Some(sum) = &mut self.sum {
            *sum = add(*sum, term);
        }
        self.sum.is_some()
    }
}

impl<V, const N: usize> Default for Run<V, N> {
    /// Of no row.
    #[inline(always)]
    fn default() -> Self {
        Self { row: usize::MAX, sum: None }
    }
}

/// Where some numbers are to be added.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) table: usize,
    pub(super) row: usize,
    pub(super) column: usize,
    pub(super) width: usize,
}

/// What is laid aside.
#[derive(Debug)]
pub(super) struct Later<T> {
    places: Vec<Place>,
    values: Vec<T>,
}

impl<T: Real> Later<T> {
    pub(super) fn new() -> Self {
        Self { places: Vec::new(), values: Vec::new() }
    }

    /// Room for the numbers that belong there.
    #[inline(never)]
    pub(super) fn room(&mut self, place: Place) -> &mut [T] {
        self.places.push(place);
        let first = self.values.len();
        self.values.resize(first + place.width, T::default());
        &mut self.values[first..]
    }

    fn clear(&mut self) {
        self.places.clear();
        self.values.clear();
    }
}

/// Ends of the rows that each part owns of a table of `n_rows`: behind the last one that it or a part before it adds
/// to. `gathers`: where parts, ranges of rows, add to the table.
pub(super) fn ends(gathers: &[&[u32]], parts: &[Range<usize>], n_rows: usize) -> Vec<usize> {
    let mut end = 0;
    let mut ends = Vec::with_capacity(parts.len());
    for part in parts {
        for index in gathers {
            end = index[part.clone()].iter().fold(end, |end, row| end.max(*row as usize + 1));
        }
        ends.push(end);
    }
    if let Some(last) = ends.last_mut() {
        *last = n_rows;
    }
    ends
}

/// The indices of those gathers that refer to a table.
pub(super) fn of_table<'a>(table: usize, gathers: [&[Gather<'a>]; 2]) -> Vec<&'a [u32]> {
    gathers.into_iter().flatten().filter(|gather| gather.table == table).map(|gather| gather.index).collect()
}

/// Adds what all parts have laid aside, part after part, and forgets it.
pub(super) fn add_later<T: Real>(tables: &mut [(&mut [T], usize)], later: &mut [Later<T>], set: InstructionSet) {
    let n = later.iter().map(|later| later.places.len()).sum::<usize>();
    let n_owners = threads::worthwhile(n, GRAIN);
    let mut owners: Vec<Vec<Share<'_, T>>> = (0..n_owners).map(|_| Vec::new()).collect();
    for (values, stride) in tables {
        let shares = threads::divide_rows(values, *stride, n_owners);
        owners.iter_mut().zip(shares).for_each(|(owner, share)| owner.push(share));
    }
    threads::for_each(owners, |mut shares| {
        for later in &*later {
            T::run(Add { shares: &mut shares, later }, set);
        }
    });
    later.iter_mut().for_each(Later::clear);
}

/// So much laid aside keeps a thread busy for some 10 µs.
const GRAIN: usize = 256;

/// Adds to the rows of one owner.
struct Add<'a, 'b, T> {
    shares: &'a mut [Share<'b, T>],
    later: &'a Later<T>,
}

impl<T: Real> Kernel<T> for Add<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let zero = T::default();
        let mut rest = self.later.values.as_slice();
        for place in &self.later.places {
            let (values, behind) = rest.split_at(place.width);
            rest = behind;
            let Some(to) = self.shares[place.table].row(place.row, place.column, place.width) else { continue };
            for at in (0..values.len()).step_by(V::LANES) {
                V::load_padded(to, at, zero).add(V::load_padded(values, at, zero)).store_padded(to, at);
            }
        }
    }
}

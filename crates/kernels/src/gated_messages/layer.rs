//! Weights of a layer, the rows that it reads, and what it keeps of them.

use super::block::MAX_WEIGHTS;
use super::gate::Gate;
use crate::linear::Matrix;

/// Constant weights of a layer.
#[derive(Debug, Clone)]
pub struct GatedMessages<T> {
    /// Width w of a message.
    pub width: usize,
    /// `W_own` and its transpose.
    pub own: Option<Both<T>>,
    /// Second layers.
    pub hidden: Option<Hidden<T>>,
    /// Norms.
    pub gate: Gate<T>,
}

/// A matrix for the forward and its transpose for the backward pass.
#[derive(Debug, Clone)]
pub struct Both<T> {
    /// `[depth, width]`
    pub forward: Matrix<T>,
    /// `[width, depth]`
    pub backward: Matrix<T>,
}

/// Second layers of core and gate, `[w, w]` each.
#[derive(Debug, Clone)]
pub struct Hidden<T> {
    /// Of the core.
    pub core: Both<T>,
    /// Of the gate.
    pub gate: Both<T>,
    /// `[2 w]`, core first.
    pub bias: Vec<T>,
}

/// A table of rows.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a, T> {
    /// Row r begins at `r · stride`.
    pub values: &'a [T],
    /// Numbers in a row.
    pub stride: usize,
}

/// Rows picked from a table.
#[derive(Debug, Clone, Copy)]
pub struct Gather<'a> {
    /// Which of the tables.
    pub table: usize,
    /// First column.
    pub offset: usize,
    /// `[rows]`: which row of the table.
    pub index: &'a [u32],
}

/// What a layer reads, row by row.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a, T> {
    /// Number of rows.
    pub count: usize,
    /// All tables that sources and weights refer to.
    pub tables: &'a [Table<'a, T>],
    /// Terms of z: 2 w columns each.
    pub sources: &'a [Gather<'a>],
    /// `[rows, depth]` own features, where the layer has `own`.
    pub own: &'a [T],
    /// Factors of the message: w columns each.
    pub weights: &'a [Gather<'a>],
    /// `[rows]`: where a message goes; `None`: to its own row.
    pub target: Option<&'a [u32]>,
}

/// What the forward pass keeps for the backward pass: a piece of memory for each part of the rows.
///
/// Allocators keep small pieces apart from large arrays, and what is free among one is of no use to the other. Kept in small
/// pieces it would add to the peak of evaluations that keep nothing.
#[derive(Debug, Clone, Default)]
pub struct Saved<T> {
    /// Ascending.
    pub(super) parts: Vec<SavedPart<T>>,
}

/// The same of some rows, `[rows, 2 w]` each.
#[derive(Debug, Clone)]
pub(super) struct SavedPart<T> {
    /// First row.
    pub(super) first: usize,
    /// z, where making it again costs a matrix product.
    pub(super) z: Vec<T>,
    /// y
    pub(super) y: Vec<T>,
}

/// What was kept, for a pass over rows from `first` on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recalled<'a, T> {
    pub(super) parts: &'a [SavedPart<T>],
    pub(super) first: usize,
}

impl<'a, T> Recalled<'a, T> {
    /// z, if it was kept, and y of `n` rows of the pass; `stride`: 2 w.
    pub(super) fn rows(&self, first: usize, n: usize, stride: usize) -> (Option<&'a [T]>, &'a [T]) {
        let row = self.first + first;
        let part = &self.parts[self.parts.partition_point(|part| part.first <= row) - 1];
        let numbers = (row - part.first) * stride..(row - part.first + n) * stride;
        (part.z.get(numbers.clone()), &part.y[numbers])
    }
}

impl<T> GatedMessages<T> {
    /// Whether z is worth keeping beside y.
    pub(super) fn keeps_z(&self) -> bool {
        self.own.is_some() && self.hidden.is_some()
    }

    /// Bytes a row that [`Saved`] takes.
    pub fn saved_bytes_per_row(&self) -> usize {
        2 * self.width * size_of::<T>() * if self.keeps_z() { 2 } else { 1 }
    }
}

impl<'a, T> Rows<'a, T> {
    /// The row of a gather's table for row r, from its first column.
    #[inline(always)]
    pub(super) fn pick(&self, gather: &Gather<'a>, r: usize, columns: usize) -> &'a [T] {
        let table = &self.tables[gather.table];
        &table.values[gather.index[r] as usize * table.stride + gather.offset..][..columns]
    }

    /// The weights of row r, `width` numbers each; there are `self.weights.len()`.
    #[inline(always)]
    pub(super) fn weights_of(&self, r: usize, width: usize) -> [&'a [T]; MAX_WEIGHTS] {
        let mut rows: [&'a [T]; MAX_WEIGHTS] = [&[]; MAX_WEIGHTS];
        for (row, weight) in rows.iter_mut().zip(self.weights) {
            *row = self.pick(weight, r, width);
        }
        rows
    }

    #[inline(always)]
    pub(super) fn target(&self, r: usize) -> usize {
        self.target.map_or(r, |target| target[r] as usize)
    }
}

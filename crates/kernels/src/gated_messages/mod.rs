//! Messages of a gated MLP over gathered rows, summed into their targets.
//!
//! Row r of a layer is
//!
//! ```text
//! z_r = Σ_s table_s[index_s[r]] + own[r] · W_own           [2 w]: core and gate
//! y_r = z_r, or silu(z_r) · W_hidden + b_hidden            [2 w]
//! m_r = silu(norm(y_core)) · sigmoid(norm(y_gate)) · Π_t weight_t[index_t[r]]      [w]
//! out[target[r]] += m_r
//! ```
//!
//! The first layer of such an MLP acts on a concatenation of features of atoms, bonds and angles.
//! A linear map of a concatenation is the sum of the maps of its parts, so the parts that belong to
//! atoms and bonds are mapped once an atom and bond (the tables), not once a row. Core and gate lie
//! side by side, and rows stream through in blocks that stay in the cache: nothing of size
//! `rows × 2 w` is written unless the caller keeps it for the backward pass.

mod backward;
mod forward;
mod spread;
mod sums;

pub use backward::Backward;
pub use forward::Forward;

use crate::gate::Gate;
use crate::linear::Matrix;

/// Rows in flight at once: a multiple of every tile's height; 48 × 128 numbers fit into the second-level cache.
const BLOCK: usize = 48;

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

/// What the forward pass keeps for the backward pass.
#[derive(Debug, Clone, Default)]
pub struct Saved<T> {
    /// z, where making it again costs a matrix product.
    z: Vec<T>,
    /// y
    y: Vec<T>,
}

/// The same of some rows, while it is made.
#[derive(Debug)]
struct Room<'a, T> {
    z: &'a mut [T],
    y: &'a mut [T],
}

/// The same of some rows, as it was made.
#[derive(Debug, Clone, Copy)]
struct Recalled<'a, T> {
    z: &'a [T],
    y: &'a [T],
}

impl<T> GatedMessages<T> {
    /// Whether z is worth keeping beside y.
    fn keeps_z(&self) -> bool {
        self.own.is_some() && self.hidden.is_some()
    }

    /// Bytes a row that [`Saved`] takes.
    pub fn saved_bytes_a_row(&self) -> usize {
        2 * self.width * size_of::<T>() * if self.keeps_z() { 2 } else { 1 }
    }
}

impl<'a, T> Rows<'a, T> {
    /// The row of a gather's table for row r, from its first column.
    #[inline(always)]
    fn pick(&self, gather: &Gather<'a>, r: usize, columns: usize) -> &'a [T] {
        let table = &self.tables[gather.table];
        &table.values[gather.index[r] as usize * table.stride + gather.offset..][..columns]
    }

    #[inline(always)]
    fn target(&self, r: usize) -> usize {
        self.target.map_or(r, |target| target[r] as usize)
    }
}

#[cfg(test)]
mod tests;

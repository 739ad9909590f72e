//! Products of rows in groups, each group with a matrix of its own.

use super::products::{Product, SIDE, expect_len, expect_sides, narrow};
use super::queue::Queue;
use crate::error::GpuError;
use crate::memory::Slice;
use crate::products::Products;

/// Rows of a tile at most.
pub(crate) const TILE_ROWS: usize = SIDE;

/// Neighboring columns of rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    /// Numbers of a row.
    pub(crate) pitch: usize,
    pub(crate) from: usize,
}

/// Matrices, one for each group, among others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrices<'a> {
    /// `[groups, stride]`, packed as single ones are; limbs: all high ones, then all low ones.
    pub(crate) packed: Slice<'a, f32>,
    /// Numbers of a group's matrices, and where this one begins among them.
    pub(crate) stride: usize,
    pub(crate) offset: usize,
    pub(crate) width: usize,
    pub(crate) depth: usize,
    pub(crate) scale: f32,
}

/// A product of rows in groups.
pub(crate) struct Grouped<'a> {
    /// An operand, `[rows, left.pitch]`.
    pub(crate) left: Slice<'a, f32>,
    pub(crate) left_columns: Columns,
    pub(crate) matrices: Matrices<'a>,
    /// `[width]`, or none.
    pub(crate) bias: Slice<'a, f32>,
    /// `[rows, pitch]`
    pub(crate) sums: Slice<'a, f32>,
    pub(crate) columns: Columns,
    /// `[tiles, 4]`: first row, end, group, nothing; end 0 where there is none. They are not looked at here.
    pub(crate) tiles: Slice<'a, u32>,
    pub(crate) rows: usize,
}

impl Queue {
    /// `sums = left matrix + bias`, group by group.
    pub(crate) fn grouped_product(&self, p: &Grouped<'_>) -> Result<(), GpuError> {
        let Matrices { packed, stride, offset, width, depth, scale } = p.matrices;
        expect_sides(width, depth)?;
        expect_len("numbers of the left operand", p.left.len(), p.rows * p.left_columns.pitch)?;
        expect_len("numbers of sums", p.sums.len(), p.rows * p.columns.pitch)?;
        let fits =
            |what: &'static str, from: usize, n: usize, all: usize| match from + n <= all && from.is_multiple_of(8) {
                true => Ok(()),
                false => Err(GpuError::shape(what, format!("columns of {all}"), format!("{n} from {from}"))),
            };
        fits("columns of the left operand", p.left_columns.from, depth, p.left_columns.pitch)?;
        fits("columns of sums", p.columns.from, width, p.columns.pitch)?;
        fits("a matrix among others", offset, width * depth, stride)?;
        if !p.bias.is_empty() {
            expect_len("numbers of a bias", p.bias.len(), width)?;
        }
        if p.rows == 0 {
            return Ok(());
        }
        let number_bytes = if self.products() == Products::F32 { 4 } else { 2 };
        let product = Product {
            left: p.left.address() + (p.left_columns.from * number_bytes) as u64,
            left_plane: p.left.len() as u64,
            right: packed.address() + (offset * number_bytes) as u64,
            right_plane: packed.len() as u64,
            bias: p.bias.address(),
            sums: p.sums.address() + (p.columns.from * 4) as u64,
            tiles: p.tiles.address(),
            right_stride: stride as u64,
            rows: narrow("rows", p.rows)?,
            width: narrow("columns", width)?,
            depth: narrow("depth", depth)?,
            scale,
            left_pitch: narrow("columns", p.left_columns.pitch)?,
            pitch: narrow("columns", p.columns.pitch)?,
            ..Product::default()
        };
        let kernel = if p.bias.is_empty() { &self.kernels.grouped_plain } else { &self.kernels.grouped_rows };
        self.start(kernel, [width.div_ceil(SIDE), p.tiles.len() / 4], &product)
    }
}

//! Products of rows with constant matrices.

#![expect(unsafe_code, reason = "layouts of kernels' parameters are promised")]

use super::packing::Matrix;
use super::queue::{Arguments, Queue};
use crate::error::GpuError;
use crate::memory::Slice;

/// Numbers along either side of a block.
pub(super) const SIDE: usize = 128;

/// What is done with the sums x, `[rows, width]`, of a product.
#[derive(Debug, Clone, Copy)]
pub enum Finish<'a> {
    /// `sums = x + bias; out = silu(sums)`; sums may be [`Slice::NONE`].
    Hidden {
        /// `[width]`
        bias: Slice<'a, f32>,
        /// `[rows, width]`
        sums: Slice<'a, f32>,
        /// Operand `[rows, width]`
        out: Slice<'a, f32>,
    },
    /// `sums = x + table[first[row]][..width] + table[second[row]][width..]; out = silu(sums)`
    Edges {
        /// `[atoms, 2 width]`
        table: Slice<'a, f32>,
        /// `[rows]`
        first: Slice<'a, u32>,
        /// `[rows]`
        second: Slice<'a, u32>,
        /// `[rows, width]`, or none
        sums: Slice<'a, f32>,
        /// Operand `[rows, width]`
        out: Slice<'a, f32>,
    },
    /// `sums = x + bias`
    Rows {
        /// `[width]`
        bias: Slice<'a, f32>,
        /// `[rows, width]`
        sums: Slice<'a, f32>,
    },
    /// `out = x silu'(sums)`
    Slope {
        /// `[rows, width]`
        sums: Slice<'a, f32>,
        /// Operand `[rows, width]`
        out: Slice<'a, f32>,
    },
    /// `sums += x`
    Add {
        /// `[rows, width]`
        sums: Slice<'a, f32>,
    },
    /// `sums = x`
    Plain {
        /// `[rows, width]`
        sums: Slice<'a, f32>,
    },
}

/// `Product` of kernels/product.cuh.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Product {
    pub(super) left: u64,
    pub(super) left_plane: u64,
    pub(super) right: u64,
    pub(super) right_plane: u64,
    pub(super) bias: u64,
    pub(super) table: u64,
    pub(super) first: u64,
    pub(super) second: u64,
    pub(super) sums: u64,
    pub(super) out: u64,
    pub(super) out_plane: u64,
    pub(super) tiles: u64,
    pub(super) right_stride: u64,
    pub(super) rows: u32,
    pub(super) width: u32,
    pub(super) depth: u32,
    pub(super) scale: f32,
    pub(super) left_pitch: u32,
    pub(super) pitch: u32,
}
// SAFETY: the same fields in the same order.
unsafe impl Arguments for Product {}

/// Refuses another number of numbers.
pub(super) fn expect_len(what: &'static str, found: usize, expected: usize) -> Result<(), GpuError> {
    if found == expected { Ok(()) } else { Err(GpuError::shape(what, expected, found)) }
}

/// Refuses sides of a matrix that kernels do not compute.
pub(super) fn expect_sides(width: usize, depth: usize) -> Result<(), GpuError> {
    if !width.is_multiple_of(8) || !depth.is_multiple_of(8) || width == 0 || depth == 0 {
        return Err(GpuError::shape("sides of a matrix", "multiples of 8", format!("{width} x {depth}")));
    }
    Ok(())
}

/// A number of rows or columns as kernels count.
pub(super) fn narrow(what: &'static str, n: usize) -> Result<u32, GpuError> {
    u32::try_from(n).map_err(|_| GpuError::shape(what, "at most 4294967295", n))
}

impl Queue {
    /// `left`, an operand `[rows, right.depth]`, times `right`.
    ///
    /// Indices of [`Finish::Edges`] must be those of rows of its table; they are not looked at here.
    ///
    /// # Errors
    /// When sizes do not agree, or the device is lost.
    pub fn product(
        &self,
        left: Slice<'_, f32>,
        right: Matrix<'_>,
        rows: usize,
        finish: Finish<'_>,
    ) -> Result<(), GpuError> {
        let Matrix { packed, width, depth, scale } = right;
        expect_sides(width, depth)?;
        expect_len("numbers of a matrix", packed.len(), width * depth)?;
        expect_len("numbers of the left operand", left.len(), rows * depth)?;
        let all = rows * width;
        let mut product = Product {
            left: left.address(),
            left_plane: left.len() as u64,
            right: packed.address(),
            right_plane: packed.len() as u64,
            rows: narrow("rows", rows)?,
            width: narrow("columns", width)?,
            depth: narrow("depth", depth)?,
            scale,
            left_pitch: narrow("depth", depth)?,
            pitch: narrow("columns", width)?,
            ..Product::default()
        };
        let kernel = match finish {
            Finish::Hidden { bias, .. } | Finish::Rows { bias, .. } => {
                expect_len("numbers of a bias", bias.len(), width)?;
                product.bias = bias.address();
                if matches!(finish, Finish::Rows { .. }) { &self.kernels.rows } else { &self.kernels.hidden }
            }
            Finish::Edges { table, first, second, .. } => {
                expect_len("first atoms", first.len(), rows)?;
                expect_len("second atoms", second.len(), rows)?;
                if !table.len().is_multiple_of(2 * width) {
                    return Err(GpuError::shape("numbers of a table", format!("rows of {}", 2 * width), table.len()));
                }
                (product.table, product.first, product.second) = (table.address(), first.address(), second.address());
                &self.kernels.edges
            }
            Finish::Slope { .. } => &self.kernels.slope,
            Finish::Add { .. } => &self.kernels.add,
            Finish::Plain { .. } => &self.kernels.plain,
        };
        let may_be_left_out = matches!(finish, Finish::Hidden { .. } | Finish::Edges { .. });
        let (Finish::Hidden { sums, .. }
        | Finish::Edges { sums, .. }
        | Finish::Rows { sums, .. }
        | Finish::Slope { sums, .. }
        | Finish::Add { sums }
        | Finish::Plain { sums }) = finish;
        if !(may_be_left_out && sums.is_empty()) {
            expect_len("numbers of sums", sums.len(), all)?;
        }
        product.sums = if sums.is_empty() { 0 } else { sums.address() };
        if let Finish::Hidden { out, .. } | Finish::Edges { out, .. } | Finish::Slope { out, .. } = finish {
            expect_len("numbers of the result", out.len(), all)?;
            (product.out, product.out_plane) = (out.address(), out.len() as u64);
        }
        self.start(kernel, [width.div_ceil(SIDE), rows.div_ceil(SIDE)], &product)
    }
}

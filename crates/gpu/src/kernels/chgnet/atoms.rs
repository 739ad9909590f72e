//! Rows by number, norms, and what is read off atoms.

#![expect(unsafe_code, reason = "layouts of kernels' parameters are promised")]

use super::load::{ROW_THREADS, WIDE};
use crate::error::GpuError;
use crate::kernels::arguments::arguments;
use crate::kernels::products::{expect_len, narrow};
use crate::kernels::queue::Queue;
use crate::memory::Slice;

/// A layer norm of rows.
pub(crate) struct Norm<'a> {
    /// `[rows, 64]`
    pub(crate) x: Slice<'a, f32>,
    /// `[2, 64]`: scale, offset
    pub(crate) norm: Slice<'a, f32>,
    /// Columns that there are.
    pub(crate) width: usize,
    /// Gradients by the result, or none.
    pub(crate) by: Slice<'a, f32>,
    /// The result; with gradients, those by x.
    pub(crate) out: Slice<'a, f32>,
}

arguments!(TakeArguments { table: u64, index: u64, plus: u64, out: u64, rows: u32 });
arguments!(PutArguments { rows_of: u64, index: u64, table: u64, rows: u32 });
arguments!(NormArguments { x: u64, norm: u64, by: u64, out: u64, rows: u32, width: u32, inverse_width: f32 });
arguments!(DotArguments { x: u64, weights: u64, out: u64, sums: u64, by_sums: u64, bias: f64, rows: u32 });

fn rows_of(what: &'static str, slice: Slice<'_, f32>) -> Result<usize, GpuError> {
    let rows = slice.len() / WIDE;
    expect_len(what, slice.len(), rows * WIDE)?;
    Ok(rows)
}

impl Queue {
    /// `out[row] = table[index[row]] + plus[row]`; without an index row by row, without `plus` nothing is added. Indices are
    /// not looked at here.
    pub(crate) fn chgnet_take(
        &self,
        table: Slice<'_, f32>,
        index: Slice<'_, u32>,
        plus: Slice<'_, f32>,
        out: Slice<'_, f32>,
    ) -> Result<(), GpuError> {
        let rows = rows_of("rows that are taken", out)?;
        if rows == 0 {
            return Ok(());
        }
        expect_len("rows that are taken", rows, if index.is_empty() { table.len() / WIDE } else { index.len() })?;
        if !plus.is_empty() {
            expect_len("rows that are added", plus.len(), out.len())?;
        }
        let arguments = TakeArguments {
            table: table.address(),
            index: index.address(),
            plus: plus.address(),
            out: out.address(),
            rows: narrow("rows", rows)?,
        };
        self.start(&self.chgnet.take, Self::threads(ROW_THREADS * rows), &arguments)
    }

    /// `table[index[row]] = rows[row]`. Indices are not looked at here.
    pub(crate) fn chgnet_put(
        &self,
        rows: Slice<'_, f32>,
        index: Slice<'_, u32>,
        table: Slice<'_, f32>,
    ) -> Result<(), GpuError> {
        let n = rows_of("rows that are put", rows)?;
        expect_len("rows that are put", n, index.len())?;
        let arguments = PutArguments {
            rows_of: rows.address(),
            index: index.address(),
            table: table.address(),
            rows: narrow("rows", n)?,
        };
        self.start(&self.chgnet.put, Self::threads(ROW_THREADS * n), &arguments)
    }

    /// Layer norms, or gradients of them.
    pub(crate) fn chgnet_norm(&self, p: &Norm<'_>) -> Result<(), GpuError> {
        let rows = rows_of("rows of a norm", p.x)?;
        expect_len("normalized rows", p.out.len(), p.x.len())?;
        expect_len("numbers of a norm", p.norm.len(), 2 * WIDE)?;
        if !p.by.is_empty() {
            expect_len("gradients by normalized rows", p.by.len(), p.x.len())?;
        }
        let arguments = NormArguments {
            x: p.x.address(),
            norm: p.norm.address(),
            by: p.by.address(),
            out: p.out.address(),
            rows: narrow("rows", rows)?,
            width: narrow("columns", p.width)?,
            inverse_width: 1.0 / p.width as f32,
        };
        self.start(&self.chgnet.norm, Self::threads(ROW_THREADS * rows), &arguments)
    }

    /// `out = bias + x weights`, in double precision; where `x = silu(sums)`, gradients by `sums` too.
    pub(crate) fn chgnet_dot(
        &self,
        x: Slice<'_, f32>,
        (weights, bias): (Slice<'_, f64>, f64),
        out: Slice<'_, f64>,
        [sums, by_sums]: [Slice<'_, f32>; 2],
    ) -> Result<(), GpuError> {
        let rows = rows_of("rows of a readout", x)?;
        expect_len("weights of a readout", weights.len(), WIDE)?;
        expect_len("numbers of a readout", out.len(), rows)?;
        expect_len("gradients of a readout", by_sums.len(), sums.len())?;
        if !sums.is_empty() {
            expect_len("rows of a readout", sums.len(), x.len())?;
        }
        let arguments = DotArguments {
            x: x.address(),
            weights: weights.address(),
            out: out.address(),
            sums: sums.address(),
            by_sums: by_sums.address(),
            bias,
            rows: narrow("rows", rows)?,
        };
        self.start(&self.chgnet.dot, Self::threads(ROW_THREADS * rows), &arguments)
    }
}

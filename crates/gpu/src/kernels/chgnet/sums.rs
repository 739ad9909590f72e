//! Sums of rows of edges or angles.

#![expect(unsafe_code, reason = "layouts of kernels' parameters are promised")]

use super::load::{ROW_THREADS, WIDE};
use crate::error::GpuError;
use crate::kernels::arguments::arguments;
use crate::kernels::products::{expect_len, narrow};
use crate::kernels::queue::Queue;
use crate::memory::Slice;

/// Sums of rows of 64.
pub(crate) struct Sums<'a> {
    /// `[n + 1]`: bounds of what belongs to a sum. They are not looked at here.
    pub(crate) starts: Slice<'a, u32>,
    /// Rows in the order of sums; none where they are in it.
    pub(crate) list: Slice<'a, u32>,
    /// `[.., 64]`
    pub(crate) rows: Slice<'a, f32>,
    /// `[n, 64]`: their product is added; or none.
    pub(crate) products: [Slice<'a, f32>; 2],
    /// `[n, 64]`
    pub(crate) sums: Slice<'a, f32>,
    /// Whether to add to what is there.
    pub(crate) add: bool,
    /// `[n, 64]`: weights, and where sums times these go; or none.
    pub(crate) scaled: [Slice<'a, f32>; 2],
}

/// Sums of rows of 128.
pub(crate) struct WideSums<'a> {
    /// As above.
    pub(crate) starts: Slice<'a, u32>,
    pub(crate) list: Slice<'a, u32>,
    /// `[.., 128]`
    pub(crate) rows: Slice<'a, f32>,
    /// `[n, stride]`: written from column `offset` on.
    pub(crate) sums: Slice<'a, f32>,
    pub(crate) stride: usize,
    pub(crate) offset: usize,
    /// Whether to sum the other edges of the pairs of those in the list.
    pub(crate) turned: bool,
}

arguments!(SumArguments {
    starts: u64,
    list: u64,
    rows: u64,
    left: u64,
    right: u64,
    sums: u64,
    weights: u64,
    scaled: u64,
    n: u32,
    add: u32,
});
arguments!(WideSumArguments {
    starts: u64,
    list: u64,
    rows: u64,
    sums: u64,
    n: u32,
    stride: u32,
    offset: u32,
    turned: u32,
});

/// As many rows as the list names.
fn expect_listed(list: Slice<'_, u32>, rows: Slice<'_, f32>, columns: usize) -> Result<(), GpuError> {
    if list.is_empty() { Ok(()) } else { expect_len("rows that are summed", rows.len(), list.len() * columns) }
}

impl Queue {
    /// Sums of rows of 64.
    pub(crate) fn chgnet_sums(&self, p: &Sums<'_>) -> Result<(), GpuError> {
        let n = p.starts.len().saturating_sub(1);
        expect_listed(p.list, p.rows, WIDE)?;
        expect_len("sums", p.sums.len(), n * WIDE)?;
        for part in p.products.iter().chain(&p.scaled).filter(|part| !part.is_empty()) {
            expect_len("numbers beside sums", part.len(), n * WIDE)?;
        }
        let arguments = SumArguments {
            starts: p.starts.address(),
            list: p.list.address(),
            rows: p.rows.address(),
            left: p.products[0].address(),
            right: p.products[1].address(),
            sums: p.sums.address(),
            weights: p.scaled[0].address(),
            scaled: p.scaled[1].address(),
            n: narrow("sums", n)?,
            add: p.add.into(),
        };
        self.start(&self.chgnet.sums, Self::threads(ROW_THREADS * n), &arguments)
    }

    /// Sums of rows of 128.
    pub(crate) fn chgnet_wide_sums(&self, p: &WideSums<'_>) -> Result<(), GpuError> {
        let n = p.starts.len().saturating_sub(1);
        expect_listed(p.list, p.rows, 2 * WIDE)?;
        expect_len("sums", p.sums.len(), n * p.stride)?;
        if p.offset + 2 * WIDE > p.stride {
            return Err(GpuError::shape("columns of sums", format!("at least {}", p.offset + 2 * WIDE), p.stride));
        }
        let arguments = WideSumArguments {
            starts: p.starts.address(),
            list: p.list.address(),
            rows: p.rows.address(),
            sums: p.sums.address(),
            n: narrow("sums", n)?,
            stride: narrow("columns", p.stride)?,
            offset: narrow("columns", p.offset)?,
            turned: p.turned.into(),
        };
        self.start(&self.chgnet.wide_sums, Self::warps(n), &arguments)
    }
}

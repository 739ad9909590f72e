//! Sums over the edges of atoms.

#![expect(unsafe_code, reason = "layouts of kernels' parameters are promised")]

use super::arguments::{arguments, row_width};
use super::products::{expect_len, narrow};
use super::queue::Queue;
use crate::error::GpuError;
use crate::memory::Slice;

/// Whose sums.
pub(crate) enum SumsOf<'a> {
    /// Of messages: `[edges, width]` before the norm, its inverse, its scale, gates, and the features of atoms.
    Messages {
        y: Slice<'a, f32>,
        inverse: Slice<'a, f32>,
        scale: Slice<'a, f32>,
        gates: Slice<'a, f32>,
        atoms: Slice<'a, f32>,
    },
    /// Of an operand `[edges, width]`.
    Rows(Slice<'a, f32>),
}

/// Sums over the edges of atoms.
pub(crate) struct Sums<'a> {
    pub(crate) of: SumsOf<'a>,
    /// `[atoms + 1]`
    pub(crate) sent: Slice<'a, u32>,
    /// `[atoms + 1]`
    pub(crate) received: Slice<'a, u32>,
    /// `[edges]`
    pub(crate) by_receiver: Slice<'a, u32>,
    pub(crate) width: usize,
    /// `[atoms, 3 width]` of messages, `[atoms, 2 width]` of rows.
    pub(crate) operand: Slice<'a, f32>,
}

arguments!(SumsArguments {
    y: u64,
    y_plane: u64,
    inverse: u64,
    scale: u64,
    gates: u64,
    atoms: u64,
    sent: u64,
    received: u64,
    by_receiver: u64,
    operand: u64,
    plane: u64,
    n_atoms: u32,
    width: u32,
});
arguments!(AddPartArguments { joined: u64, x: u64, rows: u32, width: u32 });

impl Queue {
    /// Sums over edges, by receiver and by sender.
    pub(crate) fn sums(&self, p: &Sums<'_>) -> Result<(), GpuError> {
        let (width, n_edges, n_atoms) = (p.width, p.by_receiver.len(), p.sent.len().saturating_sub(1));
        expect_len("bounds of atoms", p.received.len(), p.sent.len())?;
        let mut arguments = SumsArguments {
            sent: p.sent.address(),
            received: p.received.address(),
            by_receiver: p.by_receiver.address(),
            operand: p.operand.address(),
            plane: p.operand.len() as u64,
            n_atoms: narrow("atoms", n_atoms)?,
            width: narrow("columns", width)?,
            ..SumsArguments::default()
        };
        let (parts, kernel) = match &p.of {
            SumsOf::Messages { y, inverse, scale, gates, atoms } => {
                expect_len("numbers of messages", y.len(), n_edges * width)?;
                expect_len("inverse norms", inverse.len(), n_edges)?;
                expect_len("gates", gates.len(), 4 * n_edges)?;
                expect_len("numbers of a scale", scale.len(), width)?;
                expect_len("features of atoms", atoms.len(), n_atoms * width)?;
                (arguments.y, arguments.inverse, arguments.scale) = (y.address(), inverse.address(), scale.address());
                (arguments.gates, arguments.atoms) = (gates.address(), atoms.address());
                (3, &self.kernels.sum_messages)
            }
            SumsOf::Rows(y) => {
                expect_len("numbers of rows", y.len(), n_edges * width)?;
                (arguments.y, arguments.y_plane) = (y.address(), y.len() as u64);
                (2, &self.kernels.sum_rows)
            }
        };
        expect_len("numbers of sums", p.operand.len(), parts * n_atoms * width)?;
        self.start(kernel, Self::warps(n_atoms * parts * width.div_ceil(128)), &arguments)
    }

    /// `x += joined[:, ..width]` of `[rows, 3 width]`.
    pub(crate) fn add_part(&self, joined: Slice<'_, f32>, x: Slice<'_, f32>, width: usize) -> Result<(), GpuError> {
        let rows = x.len() / width.max(1);
        expect_len("numbers of joined rows", joined.len(), 3 * x.len())?;
        let (joined, x) = (joined.address(), x.address());
        let arguments = AddPartArguments { joined, x, rows: narrow("rows", rows)?, width: row_width(width)? };
        self.start(&self.kernels.add_part, Self::warps(rows), &arguments)
    }
}

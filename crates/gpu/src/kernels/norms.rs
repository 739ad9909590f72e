//! Atoms as the encoder has them, and the ends of perceptrons.

#![expect(unsafe_code, reason = "layouts of kernels' parameters are promised")]

use super::arguments::{arguments, row_width};
use super::products::{expect_len, narrow};
use super::queue::Queue;
use crate::error::GpuError;
use crate::memory::Slice;

/// Atoms as the encoder has them.
pub(crate) struct Embed<'a> {
    /// `[elements, width]`
    pub(crate) table: Slice<'a, f32>,
    /// `[rows]`: rows of the table.
    pub(crate) elements: Slice<'a, u32>,
    /// `[rows, width]`
    pub(crate) atoms: Slice<'a, f32>,
    /// The same as an operand.
    pub(crate) operand: Slice<'a, f32>,
}

/// A norm and the rows in front of it.
pub(crate) struct Norm<'a> {
    /// `[rows, width]`
    pub(crate) y: Slice<'a, f32>,
    /// `[width]`
    pub(crate) scale: Slice<'a, f32>,
    /// Below the root.
    pub(crate) epsilon: f32,
    /// `[rows, width]`: features, or the gradient by the norm's result.
    pub(crate) x: Slice<'a, f32>,
    /// `[rows, width]`
    pub(crate) operand: Slice<'a, f32>,
}

arguments!(EmbedArguments { table: u64, elements: u64, atoms: u64, operand: u64, plane: u64, rows: u32, width: u32 });
arguments!(NormArguments {
    y: u64,
    scale: u64,
    x: u64,
    operand: u64,
    plane: u64,
    epsilon: f32,
    rows: u32,
    width: u32,
    fresh: u32,
});

impl Queue {
    pub(crate) fn embed(&self, p: Embed<'_>) -> Result<(), GpuError> {
        let rows = p.elements.len();
        let width = p.atoms.len() / rows.max(1);
        expect_len("features of atoms", p.atoms.len(), rows * width)?;
        expect_len("operand of atoms", p.operand.len(), p.atoms.len())?;
        let arguments = EmbedArguments {
            table: p.table.address(),
            elements: p.elements.address(),
            atoms: p.atoms.address(),
            operand: p.operand.address(),
            plane: p.operand.len() as u64,
            rows: narrow("atoms", rows)?,
            width: row_width(width)?,
        };
        self.start(&self.kernels.embed, Self::warps(rows), &arguments)
    }

    fn norm(&self, p: &Norm<'_>, fresh: bool) -> Result<(NormArguments, usize), GpuError> {
        let width = p.scale.len();
        let rows = p.y.len() / width.max(1);
        for found in [p.y.len(), p.x.len(), p.operand.len()] {
            expect_len("numbers in front of a norm", found, rows * width)?;
        }
        let arguments = NormArguments {
            y: p.y.address(),
            scale: p.scale.address(),
            x: p.x.address(),
            operand: p.operand.address(),
            plane: p.operand.len() as u64,
            epsilon: p.epsilon,
            rows: narrow("rows", rows)?,
            width: row_width(width)?,
            fresh: fresh.into(),
        };
        Ok((arguments, rows))
    }

    /// `x = norm(y)` where fresh, else `x += norm(y)`; the operand becomes x.
    pub(crate) fn norm_add(&self, p: &Norm<'_>, fresh: bool) -> Result<(), GpuError> {
        let (arguments, rows) = self.norm(p, fresh)?;
        self.start(&self.kernels.norm_add, Self::warps(rows), &arguments)
    }

    /// The operand becomes the gradient by y, from that by the norm's result, x.
    pub(crate) fn norm_backward(&self, p: &Norm<'_>) -> Result<(), GpuError> {
        let (arguments, rows) = self.norm(p, false)?;
        self.start(&self.kernels.norm_backward, Self::warps(rows), &arguments)
    }
}

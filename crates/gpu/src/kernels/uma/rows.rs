//! Layer norms with SiLU, and gates.

#![expect(unsafe_code, reason = "layouts of kernels' parameters are promised")]

use super::load::COMPONENTS;
use crate::error::GpuError;
use crate::kernels::arguments::{arguments, row_width};
use crate::kernels::products::{expect_len, narrow};
use crate::kernels::queue::Queue;
use crate::memory::Slice;

/// What the elements of an edge's ends add.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// `[elements, 2 width]`: as a source, as a target.
    pub(crate) table: Slice<'a, f32>,
    /// `[atoms]`. Indices are not looked at here.
    pub(crate) elements: Slice<'a, u32>,
    /// `[edges]`
    pub(crate) source: Slice<'a, u32>,
    pub(crate) target: Slice<'a, u32>,
}

/// `silu(norm(sums))`, or gradients of it.
pub(crate) struct Normal<'a> {
    /// `[rows, width]`: terms are added to it.
    pub(crate) sums: Slice<'a, f32>,
    pub(crate) terms: Option<Terms<'a>>,
    /// `[2, width]`
    pub(crate) norm: Slice<'a, f32>,
    /// Gradients by the result, f32; none forward.
    pub(crate) by: Slice<'a, f32>,
    /// An operand: the result, or gradients by sums.
    pub(crate) out: Slice<'a, f32>,
    pub(crate) width: usize,
}

/// Gates of atoms, or gradients of them.
pub(crate) struct AtomGate<'a> {
    /// `[atoms, 9 width]`, degree by degree.
    pub(crate) items: Slice<'a, f32>,
    /// `[atoms, 2 width]`: before the silu in front of the gates' sigmoid.
    pub(crate) before: Slice<'a, f32>,
    /// Gradients by the result, f32; none forward.
    pub(crate) by: Slice<'a, f32>,
    /// An operand: the result, or gradients by items.
    pub(crate) out: Slice<'a, f32>,
    /// An operand: gradients by `before`; none forward.
    pub(crate) by_before: Slice<'a, f32>,
    pub(crate) width: usize,
}

arguments!(NormalArguments {
    sums: u64,
    table: u64,
    elements: u64,
    source: u64,
    target: u64,
    norm: u64,
    by: u64,
    out: u64,
    plane: u64,
    rows: u32,
    width: u32,
    inverse_width: f32,
});
arguments!(GateArguments {
    items: u64,
    before: u64,
    by: u64,
    out: u64,
    plane: u64,
    by_before: u64,
    before_plane: u64,
    rows: u32,
    width: u32,
});

impl Queue {
    /// Layer norms with SiLU, or gradients where there are some by the result.
    pub(crate) fn uma_normal(&self, p: &Normal<'_>) -> Result<(), GpuError> {
        let rows = p.sums.len() / p.width.max(1);
        expect_len("numbers of normalized rows", p.sums.len(), rows * p.width)?;
        expect_len("numbers of a norm", p.norm.len(), 2 * p.width)?;
        expect_len("numbers of the result", p.out.len(), p.sums.len())?;
        let mut arguments = NormalArguments {
            sums: p.sums.address(),
            norm: p.norm.address(),
            by: p.by.address(),
            out: p.out.address(),
            plane: p.out.len() as u64,
            rows: narrow("rows", rows)?,
            width: row_width(p.width)?,
            inverse_width: 1.0 / p.width as f32,
            ..NormalArguments::default()
        };
        if let Some(Terms { table, elements, source, target }) = p.terms {
            expect_len("sources of edges", source.len(), rows)?;
            expect_len("targets of edges", target.len(), rows)?;
            (arguments.table, arguments.elements) = (table.address(), elements.address());
            (arguments.source, arguments.target) = (source.address(), target.address());
        }
        if rows == 0 {
            return Ok(());
        }
        if p.by.is_empty() {
            return self.start(&self.uma.normal, Self::warps(rows), &arguments);
        }
        expect_len("gradients by normalized rows", p.by.len(), p.sums.len())?;
        self.start(&self.uma.normal_backward, Self::warps(rows), &arguments)
    }

    /// Gates of edges: `items`, `[edges, 2 + 9, width]`, to an operand `[edges, 9, width]`; or, with gradients by that in
    /// `by`, to an operand of gradients by items.
    pub(crate) fn uma_gate(
        &self,
        items: Slice<'_, f32>,
        by: Slice<'_, f32>,
        out: Slice<'_, f32>,
        width: usize,
    ) -> Result<(), GpuError> {
        let rows = items.len() / ((2 + COMPONENTS) * width.max(1));
        expect_len("items of gates", items.len(), rows * (2 + COMPONENTS) * width)?;
        let gated = rows * COMPONENTS * width;
        expect_len("results of gates", out.len(), if by.is_empty() { gated } else { items.len() })?;
        let arguments = GateArguments {
            items: items.address(),
            by: by.address(),
            out: out.address(),
            plane: out.len() as u64,
            rows: narrow("edges", rows)?,
            width: row_width(width)?,
            ..GateArguments::default()
        };
        if by.is_empty() {
            return self.start(&self.uma.gate, Self::threads(rows * width / 4), &arguments);
        }
        expect_len("gradients by results of gates", by.len(), gated)?;
        self.start(&self.uma.gate_backward, Self::threads(rows * width / 4), &arguments)
    }

    /// Gates of atoms, or gradients where there are some by the result.
    pub(crate) fn uma_atom_gate(&self, p: &AtomGate<'_>) -> Result<(), GpuError> {
        let rows = p.items.len() / (COMPONENTS * p.width.max(1));
        expect_len("items of gates", p.items.len(), rows * COMPONENTS * p.width)?;
        expect_len("results of gates", p.out.len(), p.items.len())?;
        expect_len("sums of gates", p.before.len(), 2 * rows * p.width)?;
        let arguments = GateArguments {
            items: p.items.address(),
            before: p.before.address(),
            by: p.by.address(),
            out: p.out.address(),
            plane: p.out.len() as u64,
            by_before: p.by_before.address(),
            before_plane: p.by_before.len() as u64,
            rows: narrow("atoms", rows)?,
            width: row_width(p.width)?,
        };
        if p.by.is_empty() {
            return self.start(&self.uma.atom_gate, Self::threads(rows * p.width / 4), &arguments);
        }
        expect_len("gradients by results of gates", p.by.len(), p.items.len())?;
        expect_len("gradients by sums of gates", p.by_before.len(), p.before.len())?;
        self.start(&self.uma.atom_gate_backward, Self::threads(rows * p.width / 4), &arguments)
    }
}

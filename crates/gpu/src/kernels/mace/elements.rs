//! Maps of elements, and energies of atoms.

#![expect(unsafe_code, reason = "layouts of kernels' parameters are promised")]

use super::shapes::channels;
use crate::error::GpuError;
use crate::kernels::arguments::arguments;
use crate::kernels::products::{expect_len, narrow};
use crate::kernels::queue::Queue;
use crate::memory::Slice;

/// Rows of atoms times the matrices of their elements.
pub(crate) struct Elements<'a> {
    /// `[elements, channels, channels]`: from, to
    pub(crate) weights: Slice<'a, f32>,
    /// `[atoms]`
    pub(crate) elements: Slice<'a, u32>,
    /// Rows of an atom: 1, 3, 5 or 7.
    pub(crate) rows: usize,
    pub(crate) channels: usize,
    /// `[atoms, rows, channels]`
    pub(crate) x: Slice<'a, f32>,
    /// `[atoms, rows, channels]`
    pub(crate) out: Slice<'a, f32>,
    /// Whether to add to `out`.
    pub(crate) add: bool,
}

/// Energies of atoms from their scalars.
pub(crate) struct Readout<'a> {
    /// `[atoms, channels]`
    pub(crate) features: Slice<'a, f32>,
    pub(crate) channels: usize,
    /// `[channels]`, or `[channels, hidden]`.
    pub(crate) first: Slice<'a, f64>,
    /// `[hidden]`; none without a hidden layer.
    pub(crate) second: Slice<'a, f64>,
    /// `[atoms]`: added to; or none.
    pub(crate) energies: Slice<'a, f64>,
    /// `[atoms, channels]`: added to; or none.
    pub(crate) by_features: Slice<'a, f32>,
}

arguments!(EmbedArguments { table: u64, elements: u64, out: u64, atoms: u32, width: u32 });
arguments!(ElementsArguments {
    weights: u64,
    elements: u64,
    x: u64,
    out: u64,
    atoms: u32,
    rows: u32,
    channels: u32,
    add: u32,
});
arguments!(ReadoutArguments {
    features: u64,
    first: u64,
    second: u64,
    energies: u64,
    by_features: u64,
    atoms: u32,
    channels: u32,
    hidden: u32,
});

impl Queue {
    /// `out[atom] = table[element]`, rows of `width`.
    pub(crate) fn mace_embed(
        &self,
        table: Slice<'_, f32>,
        elements: Slice<'_, u32>,
        out: Slice<'_, f32>,
        width: usize,
    ) -> Result<(), GpuError> {
        expect_len("embedded atoms", out.len(), elements.len() * width)?;
        let arguments = EmbedArguments {
            table: table.address(),
            elements: elements.address(),
            out: out.address(),
            atoms: narrow("atoms", elements.len())?,
            width: narrow("columns", width)?,
        };
        self.start(&self.mace.embed, Self::threads(out.len()), &arguments)
    }

    /// Rows of atoms times the matrices of their elements.
    pub(crate) fn mace_elements(&self, p: &Elements<'_>) -> Result<(), GpuError> {
        let n_atoms = p.elements.len();
        if ![1, 3, 5, 7].contains(&p.rows) {
            return Err(GpuError::shape("rows of an atom", "1, 3, 5 or 7", p.rows));
        }
        expect_len("rows of atoms", p.x.len(), n_atoms * p.rows * p.channels)?;
        expect_len("rows of atoms", p.out.len(), p.x.len())?;
        let arguments = ElementsArguments {
            weights: p.weights.address(),
            elements: p.elements.address(),
            x: p.x.address(),
            out: p.out.address(),
            atoms: narrow("atoms", n_atoms)?,
            rows: narrow("rows", p.rows)?,
            channels: channels(p.channels)?,
            add: p.add.into(),
        };
        self.start(&self.mace.elements, [n_atoms.div_ceil(2), 1], &arguments)
    }

    /// Adds the energies of one layer, and their gradients.
    pub(crate) fn mace_readout(&self, p: &Readout<'_>) -> Result<(), GpuError> {
        let (n_atoms, hidden) = (p.features.len() / p.channels.max(1), p.second.len());
        if !p.energies.is_empty() {
            expect_len("energies of atoms", p.energies.len(), n_atoms)?;
        }
        expect_len("weights of a readout", p.first.len(), p.channels * hidden.max(1))?;
        if !p.by_features.is_empty() {
            expect_len("gradients by scalars", p.by_features.len(), p.features.len())?;
        }
        let arguments = ReadoutArguments {
            features: p.features.address(),
            first: p.first.address(),
            second: p.second.address(),
            energies: p.energies.address(),
            by_features: p.by_features.address(),
            atoms: narrow("atoms", n_atoms)?,
            channels: channels(p.channels)?,
            hidden: narrow("columns", hidden)?,
        };
        self.start(&self.mace.readout, Self::warps(n_atoms), &arguments)
    }
}

//! The head of energies.

#![expect(unsafe_code, reason = "layouts of kernels' parameters are promised")]

use super::arguments::arguments;
use super::products::{expect_len, narrow};
use super::queue::Queue;
use crate::error::GpuError;
use crate::memory::Slice;

/// The head of energies.
pub(crate) struct Head<'a> {
    /// `[atoms, width]`
    pub(crate) atoms: Slice<'a, f32>,
    /// `[structures + 1]`
    pub(crate) starts: Slice<'a, u32>,
    /// `[width, hidden]`
    pub(crate) first_transposed: Slice<'a, f64>,
    /// `[hidden, width]`
    pub(crate) first: Slice<'a, f64>,
    /// `[hidden]`
    pub(crate) first_bias: Slice<'a, f64>,
    /// `[hidden]`
    pub(crate) second: Slice<'a, f64>,
    pub(crate) second_bias: f64,
    pub(crate) deviation: f64,
    /// `[structures]`
    pub(crate) energies: Slice<'a, f64>,
    /// `[atoms, width]`, or none: scaled gradients.
    pub(crate) by_atoms: Slice<'a, f32>,
    /// `[atoms]`: what they are multiplied with, a power of two for each structure.
    pub(crate) scales: Slice<'a, f32>,
}

arguments!(HeadArguments {
    atoms: u64,
    starts: u64,
    first_transposed: u64,
    first: u64,
    first_bias: u64,
    second: u64,
    energies: u64,
    by_atoms: u64,
    scales: u64,
    second_bias: f64,
    deviation: f64,
    width: u32,
    hidden: u32,
});

impl Queue {
    /// Shared memory that [`head`](Self::head) needs.
    pub(crate) fn head_bytes(width: usize, hidden: usize) -> u32 {
        ((width + 2 * hidden) * size_of::<f64>()) as u32
    }

    /// Energies of structures before they are scaled, and the gradient of the scaled ones by the features of atoms.
    pub(crate) fn head(&self, p: &Head<'_>) -> Result<(), GpuError> {
        let n_structures = p.energies.len();
        let hidden = p.first_bias.len();
        let width = p.first.len() / hidden.max(1);
        expect_len("bounds of structures", p.starts.len(), n_structures + 1)?;
        expect_len("weights of a head", p.first.len(), hidden * width)?;
        expect_len("weights of a head", p.first_transposed.len(), hidden * width)?;
        expect_len("weights of a head", p.second.len(), hidden)?;
        if !p.by_atoms.is_empty() {
            expect_len("gradients by atoms", p.by_atoms.len(), p.atoms.len())?;
            expect_len("scales of gradients", p.scales.len() * width, p.atoms.len())?;
        }
        let arguments = HeadArguments {
            atoms: p.atoms.address(),
            starts: p.starts.address(),
            first_transposed: p.first_transposed.address(),
            first: p.first.address(),
            first_bias: p.first_bias.address(),
            second: p.second.address(),
            energies: p.energies.address(),
            by_atoms: if p.by_atoms.is_empty() { 0 } else { p.by_atoms.address() },
            scales: p.scales.address(),
            second_bias: p.second_bias,
            deviation: p.deviation,
            width: narrow("columns", width)?,
            hidden: narrow("hidden numbers", hidden)?,
        };
        self.start(&self.kernels.head, [n_structures, 1], &arguments)
    }
}

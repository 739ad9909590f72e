//! Symmetric contractions.

#![expect(unsafe_code, reason = "layouts of kernels' parameters are promised")]

use super::load::{BACKWARD_ATOMS, FORWARD_ATOMS};
use super::shapes::{Blocks, channels, expect_blocks};
use crate::error::GpuError;
use crate::kernels::arguments::arguments;
use crate::kernels::products::{expect_len, narrow};
use crate::kernels::queue::Queue;
use crate::memory::Slice;

/// Polynomials of the messages of atoms.
#[derive(Clone, Copy)]
pub(crate) struct Product<'a> {
    /// `[atoms]`
    pub(crate) elements: Slice<'a, u32>,
    pub(crate) channels: usize,
    /// Largest l of what goes in.
    pub(crate) inputs_lmax: usize,
    /// Largest l of what comes out.
    pub(crate) outputs_lmax: usize,
    /// As kernels/mace.h reads it.
    pub(crate) program: Slice<'a, u32>,
    pub(crate) n_terms: usize,
    /// `[elements, terms, channels]`; of one element where all have the same.
    pub(crate) terms: Slice<'a, f32>,
    pub(crate) alike: bool,
    /// `[atoms, 2l + 1, channels]`
    pub(crate) inputs: Blocks<'a>,
    /// `[atoms, 2l + 1, channels]`; backward, gradients by them.
    pub(crate) outputs: Blocks<'a>,
}

arguments!(ProductArguments {
    inputs: [u64; 4],
    outputs: [u64; 4],
    by_inputs: [u64; 4],
    elements: u64,
    program: u64,
    terms: u64,
    n_terms: u32,
    alike: u32,
    atoms: u32,
    channels: u32,
    inputs_lmax: u32,
    outputs_lmax: u32,
});

impl Product<'_> {
    fn arguments(&self) -> Result<ProductArguments, GpuError> {
        let n_atoms = self.elements.len();
        if !self.terms.len().is_multiple_of((self.n_terms * self.channels).max(1)) {
            return Err(GpuError::shape("coefficients", "as many for each element", self.terms.len()));
        }
        if self.alike {
            expect_len("coefficients", self.terms.len(), self.n_terms * self.channels)?;
        }
        Ok(ProductArguments {
            inputs: expect_blocks("messages", &self.inputs, n_atoms, self.inputs_lmax, |_| self.channels)?,
            outputs: expect_blocks("products", &self.outputs, n_atoms, self.outputs_lmax, |_| self.channels)?,
            by_inputs: [0; 4],
            elements: self.elements.address(),
            program: self.program.address(),
            terms: self.terms.address(),
            n_terms: narrow("terms", self.n_terms)?,
            alike: self.alike.into(),
            atoms: narrow("atoms", n_atoms)?,
            channels: channels(self.channels)?,
            inputs_lmax: narrow("l", self.inputs_lmax)?,
            outputs_lmax: narrow("l", self.outputs_lmax)?,
        })
    }
}

impl Queue {
    /// Polynomials of all atoms.
    pub(crate) fn mace_product(&self, p: &Product<'_>) -> Result<(), GpuError> {
        self.start(&self.mace.product, [p.elements.len().div_ceil(FORWARD_ATOMS as usize), 1], &p.arguments()?)
    }

    /// Gradients by what went in.
    pub(crate) fn mace_product_backward(&self, p: &Product<'_>, by_inputs: &Blocks<'_>) -> Result<(), GpuError> {
        let n_atoms = p.elements.len();
        let by_inputs = expect_blocks("gradients by messages", by_inputs, n_atoms, p.inputs_lmax, |_| p.channels)?;
        let arguments = ProductArguments { by_inputs, ..p.arguments()? };
        self.start(&self.mace.product_backward, [n_atoms.div_ceil(BACKWARD_ATOMS as usize), 1], &arguments)
    }
}

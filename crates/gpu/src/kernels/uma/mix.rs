//! Mixtures of experts.

#![expect(unsafe_code, reason = "layouts of kernels' parameters are promised")]

use super::load::MOST_EXPERTS;
use crate::error::GpuError;
use crate::kernels::arguments::arguments;
use crate::kernels::products::{expect_len, narrow};
use crate::kernels::queue::Queue;
use crate::memory::Slice;

/// Compositions and the tile of a block (kernels/uma_mix.cuh).
const COMPOSITIONS: usize = 16;
const SIDE: usize = 32;

/// One matrix of all compositions of a batch.
pub(crate) struct Mix<'a> {
    /// `[experts, outputs, inputs]` as files have them, bytes.
    pub(crate) experts: Slice<'a, u8>,
    pub(crate) n_experts: usize,
    pub(crate) outputs: usize,
    pub(crate) inputs: usize,
    /// Whether it is that of an order above 0, A over B.
    pub(crate) is_complex: bool,
    /// `[structures, experts]`, of which the first `n` are there.
    pub(crate) coefficients: Slice<'a, f32>,
    /// `[1]`
    pub(crate) n: Slice<'a, u32>,
    /// `[structures, stride]`; limbs: all high ones, then all low ones.
    pub(crate) out: Slice<'a, f32>,
    pub(crate) stride: usize,
    pub(crate) offset: usize,
    /// Whether rows of the matrix are inputs.
    pub(crate) transposed: bool,
    /// Numbers are multiplied with it.
    pub(crate) factor: f32,
}

arguments!(MixArguments {
    experts: u64,
    coefficients: u64,
    n: u64,
    out: u64,
    plane: u64,
    stride: u64,
    offset: u64,
    n_experts: u32,
    outputs: u32,
    inputs: u32,
    is_complex: u32,
    factor: f32,
});

impl Queue {
    /// Mixes experts.
    pub(crate) fn uma_mix(&self, p: &Mix<'_>) -> Result<(), GpuError> {
        let numbers = p.outputs * p.inputs;
        if p.n_experts > MOST_EXPERTS {
            return Err(GpuError::shape("experts", format!("at most {MOST_EXPERTS}"), p.n_experts));
        }
        if !p.inputs.is_multiple_of(8) || !p.outputs.is_multiple_of(if p.is_complex { 16 } else { 8 }) {
            return Err(GpuError::shape("sides of experts", "multiples of 8", format!("{} x {}", p.outputs, p.inputs)));
        }
        expect_len("bytes of experts", p.experts.len(), 4 * p.n_experts * numbers)?;
        let structures = p.coefficients.len() / p.n_experts.max(1);
        expect_len("coefficients", p.coefficients.len(), structures * p.n_experts)?;
        expect_len("how many compositions", p.n.len(), 1)?;
        expect_len("numbers of matrices", p.out.len(), structures * p.stride)?;
        let size = if p.is_complex { 2 * numbers } else { numbers };
        if p.offset + size > p.stride {
            return Err(GpuError::shape("a matrix among others", format!("within {}", p.stride), p.offset + size));
        }
        let arguments = MixArguments {
            experts: p.experts.address(),
            coefficients: p.coefficients.address(),
            n: p.n.address(),
            out: p.out.address(),
            plane: p.out.len() as u64,
            stride: p.stride as u64,
            offset: p.offset as u64,
            n_experts: narrow("experts", p.n_experts)?,
            outputs: narrow("outputs", p.outputs)?,
            inputs: narrow("inputs", p.inputs)?,
            is_complex: p.is_complex.into(),
            factor: p.factor,
        };
        let kernel = &self.uma.mix[usize::from(p.transposed)];
        let tiles = p.outputs.div_ceil(SIDE) * p.inputs.div_ceil(SIDE);
        self.start(kernel, [structures.div_ceil(COMPOSITIONS), tiles], &arguments)
    }
}

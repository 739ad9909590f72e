//! Mixtures of experts.

#![expect(unsafe_code, reason = "layouts of kernels' parameters are promised")]

use super::load::MOST_EXPERTS;
use crate::error::GpuError;
use crate::kernels::arguments::arguments;
use crate::kernels::products::{expect_len, narrow};
use crate::kernels::queue::Queue;
use crate::memory::Slice;
use crate::products::Products;

/// On plain cores: compositions and the tile of a block (kernels/uma_mix.cuh).
const COMPOSITIONS: usize = 16;
const SIDE: usize = 32;
/// On matrix units: compositions of a block, experts of an instruction, neighbors of a row that a warp mixes at a time, and how
/// many of these a block has (kernels/uma_mix_limbs.cuh).
const LIMB_COMPOSITIONS: usize = 32;
const DEEP: usize = 16;
const RUN: usize = 32;
const RUNS: usize = 4 * 8;

/// Sides of the experts of one matrix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExpertSides {
    pub(crate) n_experts: usize,
    pub(crate) outputs: usize,
    pub(crate) inputs: usize,
}

impl ExpertSides {
    /// Numbers of all experts as files have them.
    pub(crate) fn numbers(self) -> usize {
        self.n_experts * self.outputs * self.inputs
    }

    /// Words of all experts in limbs: one for the high or low limbs of two experts.
    pub(crate) fn words(self) -> usize {
        self.n_experts.next_multiple_of(DEEP) * self.outputs * self.inputs
    }

    fn check(self) -> Result<(), GpuError> {
        let Self { n_experts, outputs, inputs } = self;
        if n_experts > MOST_EXPERTS {
            return Err(GpuError::shape("experts", format!("at most {MOST_EXPERTS}"), n_experts));
        }
        if !inputs.is_multiple_of(8) || !outputs.is_multiple_of(8) {
            return Err(GpuError::shape("sides of experts", "multiples of 8", format!("{outputs} x {inputs}")));
        }
        Ok(())
    }
}

/// Experts on the device.
#[derive(Clone, Copy)]
pub(crate) enum Experts<'a> {
    /// `[experts, outputs, inputs]` in f32, as files have them.
    Plain(Slice<'a, f32>),
    /// As [`Queue::uma_pack_experts`] writes them for matrices of this orientation.
    Limbs(Slice<'a, u32>),
}

/// One matrix of all compositions of a batch.
pub(crate) struct Mix<'a> {
    pub(crate) experts: Experts<'a>,
    pub(crate) sides: ExpertSides,
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
    transposed: u32,
});

arguments!(PackArguments {
    experts: u64,
    out: u64,
    n_experts: u32,
    outputs: u32,
    inputs: u32,
    transposed: u32,
    factor: f32,
});

impl Queue {
    /// Writes experts as matrix units read them, multiplied with a factor; rows are outputs or, transposed, inputs.
    pub(crate) fn uma_pack_experts(
        &self,
        experts: Slice<'_, f32>,
        sides: ExpertSides,
        transposed: bool,
        factor: f32,
        out: Slice<'_, u32>,
    ) -> Result<(), GpuError> {
        sides.check()?;
        expect_len("numbers of experts", experts.len(), sides.numbers())?;
        expect_len("words of experts", out.len(), sides.words())?;
        let arguments = PackArguments {
            experts: experts.address(),
            out: out.address(),
            n_experts: narrow("experts", sides.n_experts)?,
            outputs: narrow("outputs", sides.outputs)?,
            inputs: narrow("inputs", sides.inputs)?,
            transposed: transposed.into(),
            factor,
        };
        let kernel = self.uma.pack_experts.as_ref().ok_or_else(|| self.other_experts())?;
        // The kernel counts them in 32 bits; a thread has the words of a pair of experts.
        narrow("words of experts", sides.words())?;
        self.start(kernel, Self::threads(sides.words() / 2), &arguments)
    }

    fn other_experts(&self) -> GpuError {
        GpuError::shape("experts", format!("those of {}", self.products().name()), "others")
    }

    /// Mixes experts.
    pub(crate) fn uma_mix(&self, p: &Mix<'_>) -> Result<(), GpuError> {
        let ExpertSides { n_experts, outputs, inputs } = p.sides;
        p.sides.check()?;
        if p.is_complex && !outputs.is_multiple_of(16) {
            return Err(GpuError::shape("outputs of experts of an order above 0", "a multiple of 16", outputs));
        }
        let structures = p.coefficients.len() / n_experts.max(1);
        expect_len("coefficients", p.coefficients.len(), structures * n_experts)?;
        expect_len("how many compositions", p.n.len(), 1)?;
        expect_len("numbers of matrices", p.out.len(), structures * p.stride)?;
        let size = if p.is_complex { 2 * outputs * inputs } else { outputs * inputs };
        if p.offset + size > p.stride {
            return Err(GpuError::shape("a matrix among others", format!("within {}", p.stride), p.offset + size));
        }
        let (experts, grid) = match (p.experts, self.products()) {
            (Experts::Plain(experts), Products::F32) => {
                expect_len("numbers of experts", experts.len(), p.sides.numbers())?;
                let tiles = outputs.div_ceil(SIDE) * inputs.div_ceil(SIDE);
                (experts.address(), [structures.div_ceil(COMPOSITIONS), tiles])
            }
            (Experts::Limbs(experts), Products::F16x3) => {
                expect_len("words of experts", experts.len(), p.sides.words())?;
                let (rows, width) = if p.transposed { (inputs, outputs) } else { (outputs, inputs) };
                let runs = rows * width.div_ceil(RUN);
                (experts.address(), [structures.div_ceil(LIMB_COMPOSITIONS), runs.div_ceil(RUNS)])
            }
            _ => return Err(self.other_experts()),
        };
        let arguments = MixArguments {
            experts,
            coefficients: p.coefficients.address(),
            n: p.n.address(),
            out: p.out.address(),
            plane: p.out.len() as u64,
            stride: p.stride as u64,
            offset: p.offset as u64,
            n_experts: narrow("experts", n_experts)?,
            outputs: narrow("outputs", outputs)?,
            inputs: narrow("inputs", inputs)?,
            is_complex: p.is_complex.into(),
            transposed: p.transposed.into(),
        };
        self.start(&self.uma.mix, grid, &arguments)
    }
}

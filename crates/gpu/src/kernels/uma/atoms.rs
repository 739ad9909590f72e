//! Norms of atoms' features, and what is done with whole structures.

#![expect(unsafe_code, reason = "layouts of kernels' parameters are promised")]

use super::load::COMPONENTS;
use crate::error::GpuError;
use crate::kernels::arguments::arguments;
use crate::kernels::products::{expect_len, narrow};
use crate::kernels::queue::Queue;
use crate::memory::Slice;

/// A norm of features `[atoms, 9 channels]`, degree by degree.
pub(crate) struct Norm<'a> {
    pub(crate) x: Slice<'a, f32>,
    /// `[4, channels]`: scales of degrees, offset of degree 0.
    pub(crate) norm: Slice<'a, f32>,
    /// `[structures, channels]`: added to degree 0; or none.
    pub(crate) system: Slice<'a, f32>,
    /// `[atoms]`. They are not looked at here.
    pub(crate) structure: Slice<'a, u32>,
    pub(crate) channels: usize,
}

/// Channels whose sums over a structure are held at a value.
#[derive(Clone, Copy)]
pub(crate) struct Balance<'a> {
    /// `[structures + 1]`. They are not looked at here.
    pub(crate) starts: Slice<'a, u32>,
    /// `[balanced]`
    pub(crate) balanced: Slice<'a, u32>,
    /// `[structures, balanced]`, or none for zero.
    pub(crate) sums: Slice<'a, f64>,
    pub(crate) channels: usize,
}

arguments!(NormArguments {
    x: u64,
    norm: u64,
    system: u64,
    structure: u64,
    out: u64,
    by: u64,
    atoms: u32,
    channels: u32,
    inverse_channels: f32,
});
arguments!(ShiftArguments { x: u64, out: u64, bias: u64, atoms: u32, channels: u32 });
arguments!(BalanceArguments {
    x: u64,
    starts: u64,
    balanced: u64,
    sums: u64,
    structures: u32,
    n_balanced: u32,
    channels: u32,
});
arguments!(PackArguments { x: u64, out: u64, plane: u64, n: u64 });
arguments!(ScaleArguments { by: u64, starts: u64, scales: u64, structures: u32, channels: u32 });

impl Norm<'_> {
    fn arguments(&self, out: Slice<'_, f32>) -> Result<(usize, NormArguments), GpuError> {
        let atoms = self.structure.len();
        expect_len("features of atoms", self.x.len(), atoms * COMPONENTS * self.channels)?;
        expect_len("normalized features", out.len(), self.x.len())?;
        expect_len("numbers of a norm", self.norm.len(), 4 * self.channels)?;
        let arguments = NormArguments {
            x: self.x.address(),
            norm: self.norm.address(),
            system: self.system.address(),
            structure: self.structure.address(),
            out: out.address(),
            by: 0,
            atoms: narrow("atoms", atoms)?,
            channels: narrow("channels", self.channels)?,
            inverse_channels: 1.0 / self.channels as f32,
        };
        Ok((atoms, arguments))
    }
}

impl Queue {
    /// Normal features, f32 or operands, one for each degree.
    pub(crate) fn uma_norm(&self, p: &Norm<'_>, out: Slice<'_, f32>, is_operand: bool) -> Result<(), GpuError> {
        let (atoms, arguments) = p.arguments(out)?;
        let kernel = if is_operand { &self.uma.norm } else { &self.uma.norm_plain };
        self.start(kernel, Self::warps(atoms), &arguments)
    }

    /// Adds to `by_x` what comes from gradients by normal features.
    pub(crate) fn uma_norm_backward(
        &self,
        p: &Norm<'_>,
        by: Slice<'_, f32>,
        by_x: Slice<'_, f32>,
    ) -> Result<(), GpuError> {
        let (atoms, arguments) = p.arguments(by_x)?;
        expect_len("gradients by normalized features", by.len(), by_x.len())?;
        let arguments = NormArguments { by: by.address(), ..arguments };
        self.start(&self.uma.norm_backward, Self::warps(atoms), &arguments)
    }

    /// `out = x`, and a bias more in degree 0.
    pub(crate) fn uma_add_bias(
        &self,
        x: Slice<'_, f32>,
        bias: Slice<'_, f32>,
        out: Slice<'_, f32>,
    ) -> Result<(), GpuError> {
        let (channels, atoms) = (bias.len(), x.len() / (COMPONENTS * bias.len().max(1)));
        expect_len("features of atoms", x.len(), atoms * COMPONENTS * channels)?;
        expect_len("features of atoms", out.len(), x.len())?;
        let arguments = ShiftArguments {
            x: x.address(),
            out: out.address(),
            bias: bias.address(),
            atoms: narrow("atoms", atoms)?,
            channels: narrow("channels", channels)?,
        };
        self.start(&self.uma.add_bias, Self::threads(x.len() / 4), &arguments)
    }

    /// Shifts channels of degree 0 of `x`.
    pub(crate) fn uma_balance(&self, p: &Balance<'_>, x: Slice<'_, f32>) -> Result<(), GpuError> {
        let (structures, n_balanced) = (p.starts.len().saturating_sub(1), p.balanced.len());
        if n_balanced == 0 {
            return Ok(());
        }
        if !p.sums.is_empty() {
            expect_len("sums of channels", p.sums.len(), structures * n_balanced)?;
        }
        let arguments = BalanceArguments {
            x: x.address(),
            starts: p.starts.address(),
            balanced: p.balanced.address(),
            sums: p.sums.address(),
            structures: narrow("structures", structures)?,
            n_balanced: narrow("channels", n_balanced)?,
            channels: narrow("channels", p.channels)?,
        };
        self.start(&self.uma.balance, Self::warps(structures * n_balanced), &arguments)
    }

    /// Numbers as an operand.
    pub(crate) fn uma_pack(&self, x: Slice<'_, f32>, out: Slice<'_, f32>) -> Result<(), GpuError> {
        expect_len("numbers of an operand", out.len(), x.len())?;
        let n = x.len() as u64;
        let arguments = PackArguments { x: x.address(), out: out.address(), plane: n, n };
        self.start(&self.uma.pack, Self::threads(x.len() / 4), &arguments)
    }

    /// Multiplies gradients by degree 0, `[atoms, channels]`, with a power of two for each structure.
    pub(crate) fn uma_scale(
        &self,
        by: Slice<'_, f32>,
        starts: Slice<'_, u32>,
        scales: Slice<'_, f32>,
        channels: usize,
    ) -> Result<(), GpuError> {
        expect_len("bounds of structures", starts.len(), scales.len() + 1)?;
        let arguments = ScaleArguments {
            by: by.address(),
            starts: starts.address(),
            scales: scales.address(),
            structures: narrow("structures", scales.len())?,
            channels: narrow("channels", channels)?,
        };
        self.start(&self.uma.scale, Self::warps(scales.len()), &arguments)
    }
}

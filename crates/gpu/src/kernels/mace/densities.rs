//! Learnt densities of neighbors, by which sums are divided.

#![expect(unsafe_code, reason = "layouts of kernels' parameters are promised")]

use super::messages::Edges;
use super::shapes::{Blocks, channels, expect_blocks};
use crate::error::GpuError;
use crate::kernels::arguments::arguments;
use crate::kernels::products::{expect_len, narrow};
use crate::kernels::queue::Queue;
use crate::memory::Slice;

/// Densities of one layer.
#[derive(Clone, Copy)]
pub(crate) struct Density<'a> {
    pub(crate) edges: Edges<'a>,
    /// `[pairs, 2]`
    pub(crate) densities: Slice<'a, f64>,
    /// `[atoms]`: 1 / (sum + 1)
    pub(crate) factors: Slice<'a, f64>,
}

/// The gradient by densities.
pub(crate) struct DensityGradient<'a> {
    pub(crate) density: Density<'a>,
    pub(crate) lmax: usize,
    pub(crate) channels: usize,
    /// `[atoms, 2l + 1, channels]`: what factors were multiplied with.
    pub(crate) mixed: Blocks<'a>,
    /// Gradients by it; multiplied with the factors.
    pub(crate) by_mixed: Blocks<'a>,
    /// `[atoms]`: by the sums of densities.
    pub(crate) by_sums: Slice<'a, f64>,
}

arguments!(DensityArguments {
    starts: u64,
    edges: u64,
    densities: u64,
    factors: u64,
    mixed: [u64; 4],
    by_mixed: [u64; 4],
    by_sums: u64,
    atoms: u32,
    lmax: u32,
    channels: u32,
});

impl Density<'_> {
    fn arguments(&self) -> Result<DensityArguments, GpuError> {
        expect_len("densities", self.densities.len(), self.edges.edges.len())?;
        expect_len("factors", self.factors.len(), self.edges.n_atoms())?;
        Ok(DensityArguments {
            starts: self.edges.starts.address(),
            edges: self.edges.edges.address(),
            densities: self.densities.address(),
            factors: self.factors.address(),
            atoms: narrow("atoms", self.edges.n_atoms())?,
            ..DensityArguments::default()
        })
    }
}

impl Queue {
    /// Factors of atoms from the densities of their edges.
    pub(crate) fn mace_density(&self, p: Density<'_>) -> Result<(), GpuError> {
        self.start(&self.mace.density, Self::threads(p.edges.n_atoms()), &p.arguments()?)
    }

    /// Gradients by sums of densities.
    pub(crate) fn mace_density_backward(&self, p: &DensityGradient<'_>) -> Result<(), GpuError> {
        let n_atoms = p.density.edges.n_atoms();
        expect_len("gradients by densities", p.by_sums.len(), n_atoms)?;
        let arguments = DensityArguments {
            mixed: expect_blocks("sums", &p.mixed, n_atoms, p.lmax, |_| p.channels)?,
            by_mixed: expect_blocks("gradients by sums", &p.by_mixed, n_atoms, p.lmax, |_| p.channels)?,
            by_sums: p.by_sums.address(),
            lmax: narrow("l", p.lmax)?,
            channels: channels(p.channels)?,
            ..p.density.arguments()?
        };
        self.start(&self.mace.density_backward, Self::warps(n_atoms), &arguments)
    }
}

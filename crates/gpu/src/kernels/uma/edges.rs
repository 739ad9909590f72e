//! Rotations, Gaussians and envelopes of edges, and the gradient by vectors.

#![expect(unsafe_code, reason = "layouts of kernels' parameters are promised")]

use super::load::{GRADIENTS, WIGNER};
use crate::error::GpuError;
use crate::kernels::arguments::arguments;
use crate::kernels::products::{expect_len, narrow};
use crate::kernels::queue::Queue;
use crate::memory::Slice;

/// Gaussians of distances: `exp(coefficient (r - k step)^2)`.
#[derive(Clone, Copy)]
pub(crate) struct Gaussians {
    /// Å
    pub(crate) step: f64,
    /// Å^-2
    pub(crate) coefficient: f64,
    pub(crate) n: usize,
    /// With the zeros behind them.
    pub(crate) n_basis: usize,
}

/// The gradient by vectors.
pub(crate) struct Vectors<'a> {
    /// `[edges]`, Å
    pub(crate) vectors: Slice<'a, [f64; 3]>,
    /// `[edges, n_basis]`
    pub(crate) by_basis: Slice<'a, f32>,
    /// `[edges, 7]`
    pub(crate) gradients: Slice<'a, f64>,
    /// `[edges]`. Indices are not looked at here.
    pub(crate) target: Slice<'a, u32>,
    /// `[atoms]`
    pub(crate) structure: Slice<'a, u32>,
    /// `[structures]`
    pub(crate) scales: Slice<'a, f32>,
    /// `[edges]`
    pub(crate) by_vectors: Slice<'a, [f64; 3]>,
}

arguments!(EdgeArguments { vectors: u64, rotations: u64, envelope: u64, reach: f64, edges: u32 });
arguments!(GaussianArguments {
    vectors: u64,
    basis: u64,
    plane: u64,
    step: f64,
    coefficient: f64,
    edges: u32,
    n: u32,
    n_basis: u32,
});
arguments!(VectorArguments {
    vectors: u64,
    by_basis: u64,
    gradients: u64,
    target: u64,
    structure: u64,
    scales: u64,
    by_vectors: u64,
    step: f64,
    coefficient: f64,
    reach: f64,
    edges: u32,
    n: u32,
    n_basis: u32,
});

impl Queue {
    /// Rotations `[edges, 36]` and envelopes `[edges]`; `reach` in Å.
    pub(crate) fn uma_edges(
        &self,
        vectors: Slice<'_, [f64; 3]>,
        reach: f64,
        rotations: Slice<'_, f32>,
        envelope: Slice<'_, f32>,
    ) -> Result<(), GpuError> {
        expect_len("rotations of edges", rotations.len(), vectors.len() * WIGNER)?;
        expect_len("envelopes of edges", envelope.len(), vectors.len())?;
        let arguments = EdgeArguments {
            vectors: vectors.address(),
            rotations: rotations.address(),
            envelope: envelope.address(),
            reach,
            edges: narrow("edges", vectors.len())?,
        };
        self.start(&self.uma.edges, Self::threads(vectors.len()), &arguments)
    }

    /// Gaussians as an operand, `[edges, n_basis]`.
    pub(crate) fn uma_gaussians(
        &self,
        vectors: Slice<'_, [f64; 3]>,
        gaussians: Gaussians,
        basis: Slice<'_, f32>,
    ) -> Result<(), GpuError> {
        let Gaussians { step, coefficient, n, n_basis } = gaussians;
        expect_len("Gaussians of edges", basis.len(), vectors.len() * n_basis)?;
        let arguments = GaussianArguments {
            vectors: vectors.address(),
            basis: basis.address(),
            plane: basis.len() as u64,
            step,
            coefficient,
            edges: narrow("edges", vectors.len())?,
            n: narrow("Gaussians", n)?,
            n_basis: narrow("Gaussians", n_basis)?,
        };
        self.start(&self.uma.gaussians, Self::threads(basis.len() / 4), &arguments)
    }

    /// The gradient by vectors; `reach` in Å.
    pub(crate) fn uma_vectors(&self, p: &Vectors<'_>, gaussians: Gaussians, reach: f64) -> Result<(), GpuError> {
        let (n_edges, Gaussians { step, coefficient, n, n_basis }) = (p.vectors.len(), gaussians);
        expect_len("gradients by Gaussians", p.by_basis.len(), n_edges * n_basis)?;
        expect_len("gradients of edges", p.gradients.len(), n_edges * GRADIENTS)?;
        expect_len("targets of edges", p.target.len(), n_edges)?;
        expect_len("gradients by vectors", p.by_vectors.len(), n_edges)?;
        let arguments = VectorArguments {
            vectors: p.vectors.address(),
            by_basis: p.by_basis.address(),
            gradients: p.gradients.address(),
            target: p.target.address(),
            structure: p.structure.address(),
            scales: p.scales.address(),
            by_vectors: p.by_vectors.address(),
            step,
            coefficient,
            reach,
            edges: narrow("edges", n_edges)?,
            n: narrow("Gaussians", n)?,
            n_basis: narrow("Gaussians", n_basis)?,
        };
        self.start(&self.uma.vectors, Self::threads(n_edges), &arguments)
    }
}

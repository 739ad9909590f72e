//! The first features of atoms.

#![expect(unsafe_code, reason = "layouts of kernels' parameters are promised")]

use super::load::{COMPONENTS, GRADIENTS, WIGNER};
use crate::error::GpuError;
use crate::kernels::arguments::arguments;
use crate::kernels::products::{expect_len, narrow};
use crate::kernels::queue::Queue;
use crate::memory::Slice;

/// What the first features are made of. Indices are not looked at here.
pub(crate) struct Degree<'a> {
    /// `[edges, 36]`
    pub(crate) rotations: Slice<'a, f32>,
    /// `[edges]`
    pub(crate) envelope: Slice<'a, f32>,
    /// `[atoms + 1]`: edges by target.
    pub(crate) starts: Slice<'a, u32>,
    /// `[edges]`
    pub(crate) target: Slice<'a, u32>,
    /// `[edges, 3, channels]`: rows of order 0.
    pub(crate) radial: Slice<'a, f32>,
    /// `[elements, channels]` and `[atoms]`
    pub(crate) embedding: Slice<'a, f32>,
    pub(crate) elements: Slice<'a, u32>,
    /// `[structures, channels]` and `[atoms]`
    pub(crate) system: Slice<'a, f32>,
    pub(crate) structure: Slice<'a, u32>,
    /// `[atoms, 9 channels]`, degree by degree: features, or gradients by them.
    pub(crate) x: Slice<'a, f32>,
    pub(crate) channels: usize,
}

arguments!(DegreeArguments {
    rotations: u64,
    envelope: u64,
    starts: u64,
    target: u64,
    radial: u64,
    embedding: u64,
    elements: u64,
    system: u64,
    structure: u64,
    x: u64,
    by_radial: u64,
    plane: u64,
    gradients: u64,
    edges: u32,
    atoms: u32,
    channels: u32,
});

impl Degree<'_> {
    fn arguments(&self) -> Result<(usize, usize, DegreeArguments), GpuError> {
        let (n_edges, atoms, channels) = (self.envelope.len(), self.elements.len(), self.channels);
        expect_len("rotations of edges", self.rotations.len(), n_edges * WIGNER)?;
        expect_len("targets of edges", self.target.len(), n_edges)?;
        expect_len("rows of edges", self.radial.len(), n_edges * 3 * channels)?;
        expect_len("bounds of atoms", self.starts.len(), atoms + 1)?;
        expect_len("structures of atoms", self.structure.len(), atoms)?;
        expect_len("features of atoms", self.x.len(), atoms * COMPONENTS * channels)?;
        let arguments = DegreeArguments {
            rotations: self.rotations.address(),
            envelope: self.envelope.address(),
            starts: self.starts.address(),
            target: self.target.address(),
            radial: self.radial.address(),
            embedding: self.embedding.address(),
            elements: self.elements.address(),
            system: self.system.address(),
            structure: self.structure.address(),
            x: self.x.address(),
            edges: narrow("edges", n_edges)?,
            atoms: narrow("atoms", atoms)?,
            channels: narrow("channels", channels)?,
            ..DegreeArguments::default()
        };
        Ok((n_edges, atoms, arguments))
    }
}

impl Queue {
    /// The first features.
    pub(crate) fn uma_degree(&self, p: &Degree<'_>) -> Result<(), GpuError> {
        let (_, atoms, arguments) = p.arguments()?;
        self.start(&self.uma.degree, Self::warps(atoms), &arguments)
    }

    /// From gradients by the first features: those by rows of edges, an operand, by envelopes, and by turns of the frames.
    pub(crate) fn uma_degree_backward(
        &self,
        p: &Degree<'_>,
        by_radial: Slice<'_, f32>,
        gradients: Slice<'_, f64>,
    ) -> Result<(), GpuError> {
        let (n_edges, _, arguments) = p.arguments()?;
        expect_len("gradients by rows of edges", by_radial.len(), p.radial.len())?;
        expect_len("gradients of edges", gradients.len(), n_edges * GRADIENTS)?;
        let (plane, gradients) = (by_radial.len() as u64, gradients.address());
        let arguments = DegreeArguments { by_radial: by_radial.address(), plane, gradients, ..arguments };
        self.start(&self.uma.degree_backward, Self::warps(n_edges), &arguments)
    }
}

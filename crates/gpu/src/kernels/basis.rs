//! Features of vectors.

#![expect(unsafe_code, reason = "layouts of kernels' parameters are promised")]

use super::arguments::arguments;
use super::products::{expect_len, narrow};
use super::queue::Queue;
use crate::error::GpuError;
use crate::memory::Slice;

/// Features of vectors.
pub(crate) struct Basis<'a> {
    /// `[edges]`
    pub(crate) vectors: Slice<'a, [f64; 3]>,
    /// `[n_radial]`
    pub(crate) frequencies: Slice<'a, f64>,
    pub(crate) prefactor: f64,
    /// Å
    pub(crate) reach: f64,
}

arguments!(BasisArguments {
    vectors: u64,
    frequencies: u64,
    features: u64,
    plane: u64,
    cutoff: u64,
    by_cutoff: u64,
    slopes: u64,
    sender: u64,
    scales: u64,
    prefactor: f64,
    reach: f64,
    rows: u32,
    n_radial: u32,
});

impl Queue {
    fn basis(&self, p: &Basis<'_>, features: Slice<'_, f32>) -> Result<BasisArguments, GpuError> {
        let (rows, n_radial) = (p.vectors.len(), p.frequencies.len());
        expect_len("features of edges", features.len(), rows * 16 * n_radial)?;
        Ok(BasisArguments {
            vectors: p.vectors.address(),
            frequencies: p.frequencies.address(),
            features: features.address(),
            plane: features.len() as u64,
            prefactor: p.prefactor,
            reach: p.reach,
            rows: narrow("edges", rows)?,
            n_radial: narrow("radial functions", n_radial)?,
            ..BasisArguments::default()
        })
    }

    /// Features, an operand `[edges, 16 n_radial]`, and cutoffs `[edges]`.
    pub(crate) fn basis_forward(
        &self,
        p: &Basis<'_>,
        features: Slice<'_, f32>,
        cutoff: Slice<'_, f32>,
    ) -> Result<(), GpuError> {
        expect_len("cutoffs", cutoff.len(), p.vectors.len())?;
        let arguments = BasisArguments { cutoff: cutoff.address(), ..self.basis(p, features)? };
        self.start(&self.kernels.basis_forward, Self::warps(p.vectors.len()), &arguments)
    }

    /// Gradients by vectors from those by features, f32, and by cutoffs; without the scales of the atoms that send.
    pub(crate) fn basis_backward(
        &self,
        p: &Basis<'_>,
        by_features: Slice<'_, f32>,
        by_cutoff: Slice<'_, f64>,
        (sender, scales): (Slice<'_, u32>, Slice<'_, f32>),
        slopes: Slice<'_, [f64; 3]>,
    ) -> Result<(), GpuError> {
        expect_len("senders", sender.len(), p.vectors.len())?;
        expect_len("gradients by cutoffs", by_cutoff.len(), p.vectors.len())?;
        expect_len("gradients by vectors", slopes.len(), p.vectors.len())?;
        let arguments = BasisArguments {
            by_cutoff: by_cutoff.address(),
            slopes: slopes.address(),
            sender: sender.address(),
            scales: scales.address(),
            ..self.basis(p, by_features)?
        };
        self.start(&self.kernels.basis_backward, Self::warps(p.vectors.len()), &arguments)
    }
}

//! The first features of atoms beyond degree 0: what lies around them, from distances and elements alone.

use super::edgewise::{BLOCK, EdgeGradients, Edges, Rows, blocks};
use super::radial::{Radial, RadialScratch};
use mlip_kernels::simd::{InstructionSet, Kernel, Real};
use mlip_kernels::spherical::{RotateBack, RotateInto, Torques, WeighRows};
use std::ops::Range;

/// Messages are divided by this, the root of an average number of neighbors. Upstream has it in its code.
const RESCALE: f64 = 5.0;

/// `x_target += envelope / 5 · Dᵀ radial`, for the rows of order 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct EdgeDegree<'a, T> {
    /// Of order 0 alone.
    pub(super) rows: &'a Rows<T>,
    pub(super) radial: &'a Radial<T>,
    pub(super) channels: usize,
    pub(super) edge_channels: usize,
    pub(super) set: InstructionSet,
}

impl<T: Real> EdgeDegree<'_, T> {
    fn run(&self, kernel: impl Kernel<T, Output = ()>) {
        T::run(kernel, self.set);
    }

    /// Envelopes over the rescaling.
    fn weights(&self, edges: &Edges<T>, range: Range<usize>) -> Vec<T> {
        edges.envelope[range].iter().map(|x| T::real(x.wide() / RESCALE)).collect()
    }

    fn size(&self) -> usize {
        self.rows.n_factors() * self.channels
    }

    pub(super) fn forward(&self, edges: &Edges<T>, x: &mut [T]) {
        let layout = &self.rows.layout;
        let len = layout.wigner_len();
        let mut scratch = RadialScratch::new(BLOCK, self.edge_channels);
        let mut radial = vec![T::default(); BLOCK * self.size()];
        let mut excess = vec![T::default(); x.len()];
        for range in blocks(edges.graph.n_edges()) {
            let radial = &mut radial[..range.len() * self.size()];
            self.radial.forward(edges.graph, &edges.basis, range.clone(), &mut scratch, radial);
            self.run(RotateBack {
                layout,
                wigner: &edges.wigner[range.start * len..range.end * len],
                index: &edges.graph.target[range.clone()],
                factors: &self.weights(edges, range),
                from: radial,
                rows: layout.n_rows(),
                stride: self.channels,
                offset: 0,
                channels: self.channels,
                features: x,
                excess: &mut excess,
            });
        }
    }

    /// Adds to the gradients of the edges what comes from `by_x`, `∂E/∂x`.
    pub(super) fn backward(&self, edges: &Edges<T>, by_x: &[T], gradients: &mut EdgeGradients<T>) {
        let layout = &self.rows.layout;
        let (len, extended) = (layout.wigner_len(), layout.n_extended());
        let mut scratch = RadialScratch::new(BLOCK, self.edge_channels);
        let mut radial = vec![T::default(); BLOCK * self.size()];
        let mut by_radial = radial.clone();
        let mut turned = vec![T::default(); BLOCK * extended * self.channels];
        for range in blocks(edges.graph.n_edges()) {
            let n = range.len();
            let (radial, by_radial) = (&mut radial[..n * self.size()], &mut by_radial[..n * self.size()]);
            let turned = &mut turned[..n * extended * self.channels];
            self.radial.forward(edges.graph, &edges.basis, range.clone(), &mut scratch, radial);
            self.run(RotateInto {
                layout,
                wigner: &edges.wigner[range.start * len..range.end * len],
                index: &edges.graph.target[range.clone()],
                features: by_x,
                channels: self.channels,
                out: turned,
                rows: extended,
                stride: self.channels,
                offset: 0,
            });
            let weights = self.weights(edges, range.clone());
            self.run(Torques {
                generators: &self.rows.generators,
                p: radial,
                p_rows: layout.n_rows(),
                q: turned,
                q_rows: extended,
                width: self.channels,
                factors: &weights,
                out: &mut gradients.torque[range.clone()],
            });
            let mut by_weights = vec![0.0; n];
            self.run(WeighRows {
                weights: &weights,
                size: self.size(),
                p: radial,
                q: turned,
                stride: extended * self.channels,
                out: by_radial,
                by_weights: &mut by_weights,
            });
            let by_envelope = &mut gradients.envelope[range.clone()];
            by_envelope.iter_mut().zip(by_weights).for_each(|(sum, by)| *sum += by / RESCALE);
            self.radial.backward(range, &mut scratch, by_radial, &mut gradients.basis);
        }
    }
}

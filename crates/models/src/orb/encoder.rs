//! The encoder of edges.

use super::activations::{Bench, Inputs, Kept, Scratch, rows, split, waves};
use super::basis::{EdgeBasis, cutoff};
use super::graph::Graph;
use super::shape::N_HARMONICS;
use super::weights::NetworkWeights;
use mlip_atoms::{Deadline, PredictError};
use mlip_kernels::perceptron::repeat;
use mlip_kernels::simd::Real;
use mlip_threads as threads;
use std::ops::Range;

/// Turns vectors into features of edges, block by block: the basis is never in memory as a whole.
pub(crate) struct Encoder<'a, T> {
    pub(crate) weights: &'a NetworkWeights<T>,
    pub(crate) graph: &'a Graph,
}

impl<T: Real> Encoder<'_, T> {
    fn basis(&self) -> EdgeBasis<'_> {
        EdgeBasis { frequencies: &self.weights.frequencies, prefactor: self.weights.prefactor }
    }

    fn n_features(&self) -> usize {
        N_HARMONICS * self.weights.frequencies.len()
    }

    fn features(&self, range: &Range<usize>, x: &mut [T]) {
        for (pair, x) in self.graph.pairs[range.clone()].iter().zip(x.chunks_exact_mut(self.n_features())) {
            self.basis().features(pair.vector, pair.distance, x);
        }
    }

    /// `[n_edges]` cutoff factors.
    pub(crate) fn cutoffs(&self) -> Vec<T> {
        self.graph.pairs.iter().map(|pair| T::real(cutoff(pair.distance).0)).collect()
    }

    /// `[n_edges, latent]`
    pub(crate) fn forward(
        &self,
        kept: Kept,
        scratch: &mut Scratch<T>,
        deadline: &Deadline,
    ) -> Result<Vec<T>, PredictError> {
        let (weights, latent) = (&self.weights.encoder, self.weights.encoder.norm.scale.len());
        let mut out = vec![T::default(); self.graph.n_edges() * latent];
        let make = |range: &Range<usize>, x: &mut [T]| self.features(range, x);
        let terms = |_: &Range<usize>, z1: &mut [T]| repeat(&weights.first_bias, z1);
        for wave in waves(self.graph.n_edges()) {
            deadline.check()?;
            let values = kept.run(&weights.perceptron, &wave, Inputs::Made(&make), scratch, terms);
            for (range, values) in wave.iter().zip(values) {
                weights.norm.add_rows(values.y, &mut out[rows(range, latent)], weights.perceptron.second.set());
            }
        }
        Ok(out)
    }

    /// `∂E/∂vectors` from the gradients of the features and of the cutoff factors.
    pub(crate) fn backward(
        &self,
        kept: Kept,
        gradient: &[T],
        by_cutoff: &[f64],
        scratch: &mut Scratch<T>,
        deadline: &Deadline,
    ) -> Result<Vec<[f64; 3]>, PredictError> {
        let weights = &self.weights.encoder;
        let (latent, n_features) = (weights.norm.scale.len(), self.n_features());
        let Some(transposed) = &weights.transposed else { return Ok(Vec::new()) };
        let mut out = vec![[0.0; 3]; self.graph.n_edges()];
        let Scratch { arena, benches } = scratch;
        for wave in waves(self.graph.n_edges()) {
            deadline.check()?;
            let parts = wave.iter().zip(split(&mut out, 1, &wave).into_iter().zip(&mut *benches)).collect();
            threads::for_each(parts, |(range, (out, bench)): (&Range<usize>, (_, &mut Bench<T>))| {
                let n = range.len();
                let Bench { block, hidden, x, dx, dz1, dy } = bench;
                self.features(range, x);
                let terms = |z1: &mut [T]| repeat(&weights.first_bias, z1);
                let values = kept.recall(&weights.perceptron, range, x, (arena, block), hidden, terms);
                let (dy, dx) = (&mut dy[..n * latent], &mut dx[..n * n_features]);
                let set = weights.perceptron.second.set();
                weights.norm.backward_rows(values.y, &gradient[rows(range, latent)], dy, set);
                transposed.backward(values.z1, values.z2, dy, n, dz1, hidden);
                dx.fill(T::default());
                transposed.first.multiply_add_strided(dz1, transposed.first.depth(), n, dx, n_features);
                let edges = self.graph.pairs[range.clone()].iter().zip(&by_cutoff[range.clone()]);
                for ((pair, by_cutoff), (dx, out)) in edges.zip(dx.chunks_exact(n_features).zip(out)) {
                    *out = self.basis().gradient(pair.vector, pair.distance, dx);
                    let factor = by_cutoff * cutoff(pair.distance).1 / pair.distance;
                    for (slope, component) in out.iter_mut().zip(pair.vector) {
                        *slope += factor * component;
                    }
                }
            });
        }
        Ok(out)
    }
}

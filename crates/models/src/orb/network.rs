//! The network in one precision: from vectors of edges to features of atoms, and back to gradients.

use super::activations::{Arena, Kept, Scratch};
use super::encoder::Encoder;
use super::graph::Graph;
use super::interaction::{Features, Interaction, Keep, LayerKept};
use super::shape::{N_HARMONICS, Shape};
use super::weights::NetworkWeights;
use mlip_atoms::{Deadline, PredictError};
use mlip_kernels::simd::Real;

/// Weights, and what was read off them.
#[derive(Debug)]
pub(crate) struct Network<T> {
    pub(crate) weights: NetworkWeights<T>,
    pub(crate) shape: Shape,
}

/// How much of a forward pass is kept for the backward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Whether there is a backward pass.
    pub(crate) gradient: bool,
    /// So many of the perceptrons over edges keep their activations, the last first: encoder and layers.
    pub(crate) kept: usize,
}

/// A forward pass.
pub(crate) struct Pass<T> {
    /// `[n_atoms, latent]`
    pub(crate) atoms: Vec<T>,
    encoder: Kept,
    layers: Vec<LayerKept<T>>,
    cutoff: Vec<T>,
}

impl<T: Real> Network<T> {
    /// Bytes that one perceptron over edges keeps a row.
    pub(crate) fn kept_bytes_an_edge(shape: &Shape) -> usize {
        Kept::numbers_a_row(shape.hidden, shape.latent) * size_of::<T>()
    }

    /// Room for an evaluation.
    pub(crate) fn scratch(&self) -> Scratch<T> {
        let Shape { latent, hidden, n_radial, .. } = self.shape;
        Scratch::new(hidden, latent, n_radial * N_HARMONICS)
    }

    /// Keeps as much as fits.
    pub(crate) fn plan(shape: &Shape, n_edges: usize, gradient: bool, limit_bytes: usize) -> Plan {
        let one = n_edges * Self::kept_bytes_an_edge(shape);
        let kept = limit_bytes.checked_div(one).unwrap_or(usize::MAX).min(shape.n_layers + 1);
        Plan { gradient, kept: if gradient { kept } else { 0 } }
    }

    fn interaction<'a>(&'a self, index: usize, graph: &'a Graph, cutoff: &'a [T]) -> Interaction<'a, T> {
        Interaction { weights: &self.weights.layers[index], graph, cutoff }
    }

    /// Computes the features of atoms.
    pub(crate) fn forward(
        &self,
        graph: &Graph,
        plan: Plan,
        scratch: &mut Scratch<T>,
        deadline: &Deadline,
    ) -> Result<Pass<T>, PredictError> {
        let Shape { latent, hidden, n_layers, .. } = self.shape;
        let encoder = Encoder { weights: &self.weights, graph };
        let n_rows = plan.kept * graph.n_edges() + if plan.gradient { n_layers * graph.n_atoms() } else { 0 };
        scratch.arena = Arena::with_room(n_rows * Kept::numbers_a_row(hidden, latent));
        let encoder_kept = match plan.kept > n_layers {
            true => scratch.arena.keep(graph.n_edges(), hidden, latent),
            false => Kept::NOTHING,
        };
        let row = |element: &u8| &self.weights.atoms[usize::from(*element) * latent..][..latent];
        let mut features = Features {
            atoms: graph.elements.iter().flat_map(row).copied().collect(),
            edges: encoder.forward(encoder_kept, scratch, deadline)?,
        };
        let cutoff = encoder.cutoffs();
        let mut layers = Vec::with_capacity(n_layers);
        for index in 0..n_layers {
            let keep = match (plan.gradient, index + plan.kept >= n_layers) {
                (false, _) => Keep::Nothing,
                (true, false) => Keep::Input,
                (true, true) => Keep::Activations,
            };
            let layer = self.interaction(index, graph, &cutoff);
            let kept = layer.forward(&mut features, keep, scratch, deadline)?;
            if plan.gradient {
                layers.push(kept);
            }
        }
        Ok(Pass { atoms: features.atoms, encoder: encoder_kept, layers, cutoff })
    }

    /// `[n_edges]` `∂E/∂vector` from `∂E/∂atoms`.
    pub(crate) fn backward(
        &self,
        graph: &Graph,
        pass: Pass<T>,
        by_atoms: Vec<T>,
        scratch: &mut Scratch<T>,
        deadline: &Deadline,
    ) -> Result<Vec<[f64; 3]>, PredictError> {
        let Pass { encoder, layers, cutoff, .. } = pass;
        let edges = vec![T::default(); graph.n_edges() * self.shape.latent];
        let mut gradients = Features { atoms: by_atoms, edges };
        let mut by_cutoff = vec![0.0; graph.n_edges()];
        for (index, kept) in layers.into_iter().enumerate().rev() {
            let layer = self.interaction(index, graph, &cutoff);
            layer.backward(&kept, &mut gradients, &mut by_cutoff, scratch, deadline)?;
        }
        let stage = Encoder { weights: &self.weights, graph };
        stage.backward(encoder, &gradients.edges, &by_cutoff, scratch, deadline)
    }
}

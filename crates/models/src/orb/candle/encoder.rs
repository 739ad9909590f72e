//! First features of atoms and edges.

use super::basis::EdgeBasis;
use super::perceptron::NormedPerceptron;
use crate::orb::shape::{N_EMBEDDED, N_HARMONICS, Shape};
use candle_core::{Module, Result, Tensor};
use candle_nn::{Embedding, VarBuilder, embedding};

/// Embeds elements and vectors.
#[derive(Debug)]
pub(super) struct Encoder {
    elements: Embedding,
    basis: EdgeBasis,
    atoms: NormedPerceptron,
    edges: NormedPerceptron,
}

impl Encoder {
    /// Of `model`: `atom_emb`, `rbf_transform`, `_encoder`.
    pub(super) fn new(shape: &Shape, vb: &VarBuilder<'_>) -> Result<Self> {
        let Shape { latent, hidden, n_radial, .. } = *shape;
        let encoder = vb.pp("_encoder");
        Ok(Self {
            elements: embedding(N_EMBEDDED, latent, vb.pp("atom_emb").pp("embeddings"))?,
            basis: EdgeBasis::new(shape, &vb.pp("rbf_transform"))?,
            atoms: NormedPerceptron::new([latent, hidden, latent], &encoder.pp("_node_fn"))?,
            edges: NormedPerceptron::new([n_radial * N_HARMONICS, hidden, latent], &encoder.pp("_edge_fn"))?,
        })
    }

    /// `[n_atoms, latent]` from `[n_atoms]` atomic numbers.
    pub(super) fn atoms(&self, elements: &Tensor) -> Result<Tensor> {
        self.atoms.forward(&self.elements.forward(elements)?)
    }

    /// `[n_edges, 1]` cutoff factors and `[n_edges, latent]` features from `[n_edges, 3]` vectors, Å.
    pub(super) fn edges(&self, vectors: &Tensor) -> Result<(Tensor, Tensor)> {
        let (cutoff, features) = self.basis.forward(vectors)?;
        Ok((cutoff, self.edges.forward(&features)?))
    }
}

//! A layer: messages along edges, weighted by attention at either end.

use super::perceptron::NormedPerceptron;
use crate::orb::shape::Shape;
use candle_core::{Module, Result, Tensor};
use candle_nn::ops::sigmoid;
use candle_nn::{Linear, VarBuilder, linear};

/// One of `gnn_stacks`.
#[derive(Debug)]
pub(super) struct Interaction {
    edge_mlp: NormedPerceptron,
    node_mlp: NormedPerceptron,
    send_attention: Linear,
    receive_attention: Linear,
    /// Of OrbMol: from charge and spin.
    condition: Option<Linear>,
}

/// Edges of a batch: their ends, cutoff factors and features.
pub(super) struct Edges {
    /// `[n_edges]`
    pub(super) sender: Tensor,
    /// `[n_edges]`
    pub(super) receiver: Tensor,
    /// `[n_edges, 1]`
    pub(super) cutoff: Tensor,
    /// `[n_edges, latent]`
    pub(super) features: Tensor,
}

impl Interaction {
    pub(super) fn new(shape: &Shape, vb: &VarBuilder<'_>) -> Result<Self> {
        let Shape { latent, hidden, .. } = *shape;
        Ok(Self {
            edge_mlp: NormedPerceptron::new([3 * latent, hidden, latent], &vb.pp("_edge_mlp"))?,
            node_mlp: NormedPerceptron::new([3 * latent, hidden, latent], &vb.pp("_node_mlp"))?,
            send_attention: linear(latent, 1, vb.pp("_send_attn"))?,
            receive_attention: linear(latent, 1, vb.pp("_receive_attn"))?,
            condition: shape.conditioned.then(|| linear(latent, latent, vb.pp("_cond_node_proj"))).transpose()?,
        })
    }

    /// New features of atoms, `[n_atoms, latent]`; those of edges are changed. Atoms without any edge in the batch get
    /// sums of nothing. `condition`: charge and spin of each atom's structure, `[n_atoms, latent]`.
    pub(super) fn forward(
        &self,
        atoms: &Tensor,
        condition: Option<&Tensor>,
        edges: Option<&mut Edges>,
    ) -> Result<Tensor> {
        let atoms = &match (&self.condition, condition) {
            (Some(map), Some(condition)) => (atoms + map.forward(condition)?)?,
            _ => atoms.clone(),
        };
        let (mut sent, mut received) = (atoms.zeros_like()?, atoms.zeros_like()?);
        if let Some(Edges { sender, receiver, cutoff, features }) = edges {
            let gate = |map: &Linear| sigmoid(&map.forward(features)?)? * &*cutoff;
            let (send, receive) = (gate(&self.send_attention)?, gate(&self.receive_attention)?);
            let ends = [atoms.index_select(sender, 0)?, atoms.index_select(receiver, 0)?];
            let message = self.edge_mlp.forward(&Tensor::cat(&[&*features, &ends[0], &ends[1]], 1)?)?;
            sent = sent.index_add(sender, &message.broadcast_mul(&send)?, 0)?;
            received = received.index_add(receiver, &message.broadcast_mul(&receive)?, 0)?;
            *features = (&*features + message)?;
        }
        atoms + self.node_mlp.forward(&Tensor::cat(&[atoms, &received, &sent], 1)?)?
    }
}

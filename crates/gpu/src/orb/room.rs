//! What a pass keeps and works on, in one piece of memory of the device.

use super::weights::Shape;
use crate::memory::{Layout, Part};
use crate::network::Size;

/// Hidden rows before their activations, and the result before the norm.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept {
    /// `[rows, hidden]`; empty where there will be no backward pass, as the next.
    pub(super) z1: Part<f32>,
    /// `[rows, hidden]`
    pub(super) z2: Part<f32>,
    /// `[rows, latent]`
    pub(super) y: Part<f32>,
}

/// What is kept of an interaction layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeptLayer {
    pub(super) edges: Kept,
    /// `[edges, 4]`
    pub(super) gates: Part<f32>,
    /// `[edges]`
    pub(super) inverse: Part<f32>,
    pub(super) atoms: Kept,
}

/// Everything a pass needs beside weights, input and output.
pub(super) struct Room {
    pub(super) encoder: Kept,
    pub(super) layers: Vec<KeptLayer>,
    /// `[edges, n_features]`: an operand; then gradients by it, in f32.
    pub(super) features: Part<f32>,
    /// `[edges]`
    pub(super) cutoff: Part<f32>,
    /// `[edges]`
    pub(super) by_cutoff: Part<f64>,
    /// `[edges, latent]`: features, then gradients by them.
    pub(super) edges: Part<f32>,
    /// `[edges, latent]`, an operand.
    pub(super) edges_operand: Part<f32>,
    /// `[edges, hidden]`, operands.
    pub(super) hidden: [Part<f32>; 2],
    /// `[atoms, latent]`, an operand: features, then gradients.
    pub(super) atoms_operand: Part<f32>,
    /// `[atoms, latent]`
    pub(super) by_atoms: Part<f32>,
    /// `[atoms]`: what gradients are multiplied with.
    pub(super) scales: Part<f32>,
    /// `[atoms, 2 hidden]`: terms of senders and receivers; then an operand, gradients by them.
    pub(super) table: Part<f32>,
    /// `[atoms, 3 latent]`: an operand, (atom, received, sent); then gradients by it, in f32.
    pub(super) joined: Part<f32>,
    /// `[atoms, hidden]`, operands.
    pub(super) atoms_hidden: [Part<f32>; 2],
    pub(super) bytes: u64,
}

impl Room {
    pub(super) fn plan(shape: Shape, size: Size, gradient: bool) -> Self {
        let Shape { latent, hidden, n_features, n_layers, .. } = shape;
        let Size { n_atoms, n_edges, .. } = size;
        let mut layout = Layout::default();
        let keep = |layout: &mut Layout, rows: usize| {
            let kept = if gradient { rows } else { 0 };
            Kept { z1: layout.place(kept * hidden), z2: layout.place(kept * hidden), y: layout.place(rows * latent) }
        };
        let layer = |layout: &mut Layout| KeptLayer {
            edges: keep(layout, n_edges),
            gates: layout.place(4 * n_edges),
            inverse: layout.place(n_edges),
            atoms: keep(layout, n_atoms),
        };
        // Without a backward pass all layers, and the encoder, use the same memory.
        let first = layer(&mut layout);
        let mut layers = vec![first; n_layers];
        let mut encoder = first.edges;
        if gradient {
            for other in &mut layers[1..] {
                *other = layer(&mut layout);
            }
            encoder = keep(&mut layout, n_edges);
        }
        let slopes = |rows: usize| if gradient { rows } else { 0 };
        Self {
            encoder,
            layers,
            features: layout.place(n_edges * n_features),
            cutoff: layout.place(n_edges),
            by_cutoff: layout.place(slopes(n_edges)),
            edges: layout.place(n_edges * latent),
            edges_operand: layout.place(n_edges * latent),
            hidden: [(); 2].map(|()| layout.place(n_edges * hidden)),
            atoms_operand: layout.place(n_atoms * latent),
            by_atoms: layout.place(slopes(n_atoms) * latent),
            scales: layout.place(slopes(n_atoms)),
            table: layout.place(n_atoms * 2 * hidden),
            joined: layout.place(n_atoms * 3 * latent),
            atoms_hidden: [(); 2].map(|()| layout.place(n_atoms * hidden)),
            bytes: layout.bytes(),
        }
    }
}

//! An interaction layer: messages of edges, then new features of atoms.
//!
//! ```text
//! z = W_e e + (W_s h + b)[sender] + (W_r h)[receiver]      m = norm(W3 silu(W2 silu(z) + b2) + b3)
//! sent, received = sums of m over edges, gated             e += m
//! h += norm(perceptron(h, received, sent))
//! ```
//!
//! The parts of the first layer that act on atoms are computed once an atom, not once an edge.

use super::activations::{Bench, Inputs, Kept, Scratch, rows, split, waves};
use super::graph::Graph;
use super::weights::LayerWeights;
use mlip_atoms::{Deadline, PredictError};
use mlip_kernels::attended_messages::{Block, Deliver, DeliverBackward, GatherPair, ScatterPair};
use mlip_kernels::perceptron::repeat;
use mlip_kernels::simd::{InstructionSet, Real};
use mlip_threads as threads;
use std::ops::Range;

pub(crate) struct Interaction<'a, T> {
    pub(crate) weights: &'a LayerWeights<T>,
    pub(crate) graph: &'a Graph,
    /// `[n_edges]`
    pub(crate) cutoff: &'a [T],
}

/// What the backward pass needs of a layer.
#[derive(Debug)]
pub(crate) struct LayerKept<T> {
    edges: Kept,
    /// `[n_edges, latent]` before the layer, where `edges` is to be made again.
    before: Vec<T>,
    /// `[n_atoms, latent]` before the layer, for the same purpose.
    atoms_before: Vec<T>,
    /// `[n_edges, 2]`
    gates: Vec<T>,
    atoms: Kept,
}

/// What to keep of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// There will be no backward pass.
    Nothing,
    /// Its input alone; the rest is computed twice.
    Input,
    /// All activations.
    Activations,
}

/// Features, or their gradients.
#[derive(Debug)]
pub(crate) struct Features<T> {
    /// `[n_atoms, latent]`
    pub(crate) atoms: Vec<T>,
    /// `[n_edges, latent]`
    pub(crate) edges: Vec<T>,
}

impl<T: Real> Interaction<'_, T> {
    fn latent(&self) -> usize {
        self.weights.project.depth()
    }

    fn hidden(&self) -> usize {
        self.weights.edges.hidden()
    }

    fn set(&self) -> InstructionSet {
        self.weights.project.set()
    }

    /// `[n_atoms, 2 hidden]`: what atoms add to the first layer as senders and as receivers.
    fn project(&self, atoms: &[T]) -> Vec<T> {
        let mut table = vec![T::default(); self.graph.n_atoms() * self.weights.project_bias.len()];
        repeat(&self.weights.project_bias, &mut table);
        self.weights.project.multiply_add_all(atoms, &mut table);
        table
    }

    fn gather(&self, table: &[T], range: &Range<usize>, out: &mut [T]) {
        let (sender, receiver) = (&self.graph.sender[range.clone()], &self.graph.receiver[range.clone()]);
        T::run(GatherPair { table, sender, receiver, width: self.hidden(), out }, self.set());
    }

    fn block<'a>(&'a self, range: &Range<usize>, y: &'a [T]) -> Block<'a, T> {
        Block {
            sender: &self.graph.sender[range.clone()],
            receiver: &self.graph.receiver[range.clone()],
            cutoff: &self.cutoff[range.clone()],
            y,
        }
    }

    /// Updates atoms and edges.
    pub(crate) fn forward(
        &self,
        features: &mut Features<T>,
        keep: Keep,
        scratch: &mut Scratch<T>,
        deadline: &Deadline,
    ) -> Result<LayerKept<T>, PredictError> {
        let (latent, hidden) = (self.latent(), self.hidden());
        let (n_atoms, n_edges) = (self.graph.n_atoms(), self.graph.n_edges());
        let copy = |wanted: bool, from: &[T]| if wanted { from.to_vec() } else { Vec::new() };
        let mut room = |wanted: bool, rows: usize| match wanted {
            true => scratch.arena.keep(rows, hidden, latent),
            false => Kept::NOTHING,
        };
        let mut kept = LayerKept {
            edges: room(keep == Keep::Activations, n_edges),
            before: copy(keep == Keep::Input, &features.edges),
            atoms_before: copy(keep == Keep::Input, &features.atoms),
            gates: vec![T::default(); 2 * n_edges],
            atoms: room(keep != Keep::Nothing, n_atoms),
        };
        let table = self.project(&features.atoms);
        // Rows of (atom, received, sent): what the perceptron of atoms reads.
        let mut joined = vec![T::default(); n_atoms * 3 * latent];
        for (joined, atom) in joined.chunks_exact_mut(3 * latent).zip(features.atoms.chunks_exact(latent)) {
            joined[..latent].copy_from_slice(atom);
        }
        let terms = |range: &Range<usize>, z1: &mut [T]| self.gather(&table, range, z1);
        for wave in waves(n_edges) {
            deadline.check()?;
            let inputs = Inputs::Rows(&features.edges);
            let values = kept.edges.run(&self.weights.edges, &wave, inputs, scratch, terms);
            // Sums over edges, in their order.
            for (range, values) in wave.iter().zip(values) {
                let deliver = Deliver {
                    attention: &self.weights.attention,
                    block: self.block(range, values.y),
                    edges: &mut features.edges[rows(range, latent)],
                    gates: &mut kept.gates[2 * range.start..2 * range.end],
                    sums: &mut joined,
                    stride: 3 * latent,
                    received: latent,
                    sent: 2 * latent,
                };
                T::run(deliver, self.set());
            }
        }
        deadline.check()?;
        self.weights.atoms.add(&joined, kept.atoms, scratch, &mut features.atoms);
        Ok(kept)
    }

    /// Turns the gradients of the features behind the layer into those before it; adds those of the cutoff factors.
    pub(crate) fn backward(
        &self,
        kept: &LayerKept<T>,
        gradients: &mut Features<T>,
        by_cutoff: &mut [f64],
        scratch: &mut Scratch<T>,
        deadline: &Deadline,
    ) -> Result<(), PredictError> {
        let Some(transposed) = &self.weights.edges_transposed else { return Ok(()) };
        let (latent, width) = (self.latent(), self.hidden());
        let n_atoms = self.graph.n_atoms();
        let mut joined = vec![T::default(); n_atoms * 3 * latent];
        self.weights.atoms.backward(kept.atoms, &gradients.atoms, scratch, &mut joined);
        let again = match kept.before.is_empty() {
            true => Vec::new(),
            false => self.project(&kept.atoms_before),
        };
        let table_of = self.weights.project_transposed.as_ref();
        let mut table = vec![T::default(); if table_of.is_some() { n_atoms * 2 * width } else { 0 }];
        let Scratch { arena, benches } = scratch;
        for wave in waves(self.graph.n_edges()) {
            deadline.check()?;
            let edges = split(&mut gradients.edges, latent, &wave).into_iter();
            let parts = edges.zip(split(by_cutoff, 1, &wave)).zip(&wave).zip(&mut *benches).collect();
            threads::for_each(parts, |(((edges, cutoff), range), bench): (((&mut [T], _), &Range<usize>), _)| {
                let n = range.len();
                let Bench { block, hidden, dz1, dy, .. } = bench;
                let own = kept.before.get(rows(range, latent)).unwrap_or_default();
                let terms = |z1: &mut [T]| self.gather(&again, range, z1);
                let values = kept.edges.recall(&self.weights.edges, range, own, (arena, block), hidden, terms);
                let dy = &mut dy[..n * latent];
                let deliver = DeliverBackward {
                    attention: &self.weights.attention,
                    block: self.block(range, values.y),
                    gates: &kept.gates[2 * range.start..2 * range.end],
                    sums: &joined,
                    stride: 3 * latent,
                    received: latent,
                    sent: 2 * latent,
                    edges: &mut *edges,
                    dy: &mut *dy,
                    cutoff,
                };
                T::run(deliver, self.set());
                transposed.backward(values.z1, values.z2, dy, n, dz1, hidden);
                transposed.first.multiply_add_strided(dz1, width, n, edges, latent);
            });
            if table_of.is_some() {
                // Sums over edges, in their order.
                for (range, bench) in wave.iter().zip(&*benches) {
                    let (sender, receiver) = (&self.graph.sender[range.clone()], &self.graph.receiver[range.clone()]);
                    T::run(ScatterPair { table: &mut table, sender, receiver, width, rows: &bench.dz1 }, self.set());
                }
            }
        }
        for (gradient, joined) in gradients.atoms.chunks_exact_mut(latent).zip(joined.chunks_exact(3 * latent)) {
            for (gradient, joined) in gradient.iter_mut().zip(joined) {
                *gradient += *joined;
            }
        }
        if let Some(matrix) = table_of {
            matrix.multiply_add_all(&table, &mut gradients.atoms);
        }
        Ok(())
    }
}

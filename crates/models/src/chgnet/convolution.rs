//! The three layers: messages between atoms, between bonds, and to angles.
//!
//! Each updates its features in place; the backward pass turns the gradients by the updated features
//! into those by the features before, in place too.

use super::graph::Graph;
use super::packed::Layer;
use mlip_kernels::gated_messages::{Backward, Forward, Gather, Rows, Saved, Table};
use mlip_kernels::simd::Real;
use mlip_kernels::threads;

/// Features as they pass through the layers, or gradients by them.
#[derive(Debug, Clone, Default)]
pub(super) struct Features<T> {
    /// `[n_atoms, d]`
    pub(super) atoms: Vec<T>,
    /// `[n_pairs, 3 d]`: features, weights of the atom graph, weights of the bond graph. The weights
    /// never change, so a layer finds all it needs of bonds in one table.
    pub(super) bonds: Vec<T>,
    /// `[n_angles, d]`
    pub(super) angles: Vec<T>,
}

/// What a layer updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Update {
    Atoms,
    Bonds,
    Angles,
}

/// Whether a backward pass will come, and what the forward pass keeps for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// No gradient is wanted.
    Nothing,
    /// The input of the messages, which are made again. For structures whose messages would not fit.
    Input,
    /// All that is costly to make again.
    Messages,
}

/// One layer over one graph.
pub(super) struct Convolution<'a, T> {
    pub(super) update: Update,
    pub(super) layer: &'a Layer<T>,
    pub(super) graph: &'a Graph,
}

/// What the forward pass leaves for the backward pass.
pub(super) struct Kept<T> {
    projections: Projections<T>,
    /// Angle features before the layer, where it changed them and messages are to be made again from them.
    angles: Option<Vec<T>>,
    messages: Option<Saved<T>>,
}

/// First linear map of atoms and of bonds.
struct Projections<T> {
    nodes: Vec<T>,
    bonds: Vec<T>,
}

/// A thread is given at least this many rows to copy or this many angles to measure: some 10 µs.
pub(super) const ROWS_PER_THREAD: usize = 1024;

const NODES: usize = 0;
const BONDS: usize = 1;
const WEIGHTS: usize = 2;
/// The nodes again, as neighbors: their gradients come in another order than those of centers.
const NEIGHBORS: usize = 3;

impl<T: Real> Convolution<'_, T> {
    fn width(&self) -> usize {
        self.layer.messages.width
    }

    fn project(&self, atoms: &[T], bonds: &[T]) -> Projections<T> {
        let (d, layer) = (self.width(), self.layer);
        let mut nodes = layer.node_bias.repeat(self.graph.n_atoms());
        layer.nodes.forward.multiply_add_all(atoms, &mut nodes);
        let width = layer.bonds.forward.width();
        let projected = match self.update {
            Update::Atoms => {
                let n_pairs = self.graph.pairs.len();
                let mut out = vec![T::default(); n_pairs * width];
                layer.bonds.forward.multiply_add_spread(bonds, 3 * d, n_pairs, &mut out, width);
                out
            }
            _ => {
                let short = self.short_features(bonds);
                let mut out = vec![T::default(); self.graph.bonds.len() * width];
                layer.bonds.forward.multiply_add_all(&short, &mut out);
                out
            }
        };
        Projections { nodes, bonds: projected }
    }

    /// Features of the bonds of the bond graph, `[n_bonds, d]`.
    fn short_features(&self, bonds: &[T]) -> Vec<T> {
        let d = self.width();
        let mut short = vec![T::default(); self.graph.bonds.len() * d];
        threads::for_each_rows(&mut short, d, ROWS_PER_THREAD, |first, short| {
            for (pair, row) in self.graph.bonds[first..].iter().zip(short.chunks_exact_mut(d)) {
                row.copy_from_slice(&bonds[*pair as usize * 3 * d..][..d]);
            }
        });
        short
    }

    fn with_rows<R>(
        &self,
        projections: &Projections<T>,
        bonds: &[T],
        angles: &[T],
        visit: impl FnOnce(Rows<'_, T>) -> R,
    ) -> R {
        let (d, graph) = (self.width(), self.graph);
        let tables = [
            Table { values: projections.nodes.as_slice(), stride: self.layer.nodes.forward.width() },
            Table { values: projections.bonds.as_slice(), stride: self.layer.bonds.forward.width() },
            Table { values: bonds, stride: 3 * d },
            Table { values: projections.nodes.as_slice(), stride: self.layer.nodes.forward.width() },
        ];
        let gather = |table, offset, index| Gather { table, offset, index };
        let (edges, angle) = (&graph.edges, &graph.angles);
        if self.update == Update::Atoms {
            return visit(Rows {
                count: graph.n_edges(),
                tables: &tables,
                sources: &[
                    gather(NODES, 0, &edges.center),
                    gather(BONDS, 0, &edges.pair),
                    gather(NEIGHBORS, 2 * d, &edges.neighbor),
                ],
                own: &[],
                weights: &[gather(WEIGHTS, d, &edges.pair)],
                target: Some(&edges.center),
            });
        }
        let sources =
            [gather(BONDS, 0, &angle.bond[0]), gather(BONDS, 2 * d, &angle.bond[1]), gather(NODES, 0, &angle.center)];
        let weights = [gather(WEIGHTS, 2 * d, &angle.pair[0]), gather(WEIGHTS, 2 * d, &angle.pair[1])];
        let of_bonds = self.update == Update::Bonds;
        visit(Rows {
            count: graph.n_angles(),
            tables: &tables,
            sources: &sources,
            own: angles,
            weights: if of_bonds { &weights } else { &[] },
            target: of_bonds.then_some(&angle.bond[0]),
        })
    }

    pub(super) fn forward(&self, features: &mut Features<T>, keep: Keep) -> Option<Kept<T>> {
        let (d, layer) = (self.width(), self.layer);
        let projections = self.project(&features.atoms, &features.bonds);
        let mut angles = None;
        let mut saved = Saved::default();
        let mut sums = match self.update {
            Update::Atoms => vec![T::default(); features.atoms.len()],
            Update::Bonds => vec![T::default(); self.graph.bonds.len() * d],
            Update::Angles => features.angles.clone(),
        };
        self.with_rows(&projections, &features.bonds, &features.angles, |rows| {
            let saved = (keep == Keep::Messages).then_some(&mut saved);
            let set = layer.nodes.forward.set();
            Forward { layer: &layer.messages, rows, out: &mut sums, saved }.run(set);
        });
        match (self.update, &layer.out) {
            (Update::Atoms, Some(out)) => out.forward.multiply_add_all(&sums, &mut features.atoms),
            (Update::Bonds, Some(out)) => {
                let mut change = vec![T::default(); sums.len()];
                out.forward.multiply_add_all(&sums, &mut change);
                add_rows(&mut features.bonds, 3 * d, &self.graph.bonds, &change, d);
            }
            _ => {
                let before = std::mem::replace(&mut features.angles, sums);
                angles = (keep == Keep::Input).then_some(before);
            }
        }
        if let Some(bias) = &layer.out_bias {
            // To all bonds, also those without angles.
            match self.update {
                Update::Atoms => add_to_each(&mut features.atoms, d, bias),
                Update::Bonds => add_to_each(&mut features.bonds, 3 * d, bias),
                Update::Angles => {}
            }
        }
        let messages = (keep == Keep::Messages).then_some(saved);
        (keep != Keep::Nothing).then_some(Kept { projections, angles, messages })
    }

    /// `bonds`: those of the forward pass; their weights, which no layer changes, are read. `angles`: those after the
    /// layer, and then those before it, where that matters.
    pub(super) fn backward(&self, kept: Kept<T>, bonds: &[T], angles: &mut Vec<T>, gradients: &mut Features<T>) {
        if let Some(before) = kept.angles {
            *angles = before;
        }
        let (d, layer, graph) = (self.width(), self.layer, self.graph);
        let zeros = |n: usize| vec![T::default(); n];
        // The update adds to what was there: its gradient passes on, and goes into the messages too.
        let upstream = match self.update {
            Update::Atoms => &gradients.atoms,
            Update::Bonds => &self.short_features(&gradients.bonds),
            Update::Angles => &gradients.angles,
        };
        let sums = match &layer.out {
            Some(out) => {
                let mut sums = zeros(upstream.len());
                out.backward.multiply_add_all(upstream, &mut sums);
                sums
            }
            None => upstream.clone(),
        };
        let mut nodes = zeros(kept.projections.nodes.len());
        let mut neighbors = zeros(if self.update == Update::Atoms { nodes.len() } else { 0 });
        let mut projected = zeros(kept.projections.bonds.len());
        self.with_rows(&kept.projections, bonds, angles, |rows| {
            let backward = Backward {
                layer: &layer.messages,
                rows,
                gradient: &sums,
                saved: kept.messages.as_ref(),
                tables: &mut [&mut nodes, &mut projected, &mut gradients.bonds, &mut neighbors],
                own: &mut gradients.angles,
            };
            backward.run(layer.nodes.forward.set());
        });
        let width = layer.nodes.forward.width();
        for (node, neighbor) in nodes.chunks_exact_mut(width).zip(neighbors.chunks_exact(width)) {
            node[2 * d..].copy_from_slice(&neighbor[2 * d..]);
        }
        layer.nodes.backward.multiply_add_all(&nodes, &mut gradients.atoms);
        if self.update == Update::Atoms {
            let width = layer.bonds.forward.width();
            let rows = graph.pairs.len();
            layer.bonds.backward.multiply_add_spread(&projected, width, rows, &mut gradients.bonds, 3 * d);
        } else {
            let mut short = zeros(graph.bonds.len() * d);
            layer.bonds.backward.multiply_add_all(&projected, &mut short);
            add_rows(&mut gradients.bonds, 3 * d, &graph.bonds, &short, d);
        }
    }
}

/// `to[r · stride ..] += row`
fn add_to_each<T: Real>(to: &mut [T], stride: usize, row: &[T]) {
    for to in to.chunks_exact_mut(stride) {
        for (to, from) in to.iter_mut().zip(row) {
            *to += *from;
        }
    }
}

/// `to[index[r] · stride ..] += rows[r]`
fn add_rows<T: Real>(to: &mut [T], stride: usize, index: &[u32], rows: &[T], width: usize) {
    for (at, row) in index.iter().zip(rows.chunks_exact(width)) {
        for (to, from) in to[*at as usize * stride..][..width].iter_mut().zip(row) {
            *to += *from;
        }
    }
}

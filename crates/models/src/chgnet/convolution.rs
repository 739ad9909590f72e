//! The three layers: messages between atoms, between bonds, and to angles.
//!
//! Each updates its features in place; the backward pass turns the gradients by the updated features
//! into those by the features before, in place too.

use super::basis::{BondInputs, add_rows, product, rows_of};
use super::graph::Graph;
use super::packed::{BasisWeights, Layer};
use mlip_kernels::gated_messages::{Backward, Both, Forward, Gather, Rows, Saved, Table};
use mlip_kernels::simd::Real;

/// What no layer changes, or gradients by it.
#[derive(Debug, Clone, Default)]
pub(super) struct Inputs<T> {
    /// Of pairs and bonds.
    pub(super) pairs: BondInputs<T>,
    /// `[n_distinct, n_angular]`: basis functions of the distinct angles.
    pub(super) angles: Vec<T>,
}

/// Features as they pass through the layers, or gradients by them.
#[derive(Debug, Clone, Default)]
pub(super) struct Features<T> {
    /// `[n_atoms, d]`
    pub(super) atoms: Vec<T>,
    /// `[n_bonds, d]`. Pairs beyond the cutoff of bonds keep their first features.
    pub(super) bonds: Vec<T>,
    /// `[n_angles, d]`, from the first layer on that changes them; before, they are linear in the basis functions.
    pub(super) angles: Vec<T>,
    /// `[d]`: what layers have added to the features of all pairs, if they do.
    pub(super) shift: Option<Vec<T>>,
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
    /// Whether no layer has changed anything yet.
    pub(super) first: bool,
    pub(super) layer: &'a Layer<T>,
    pub(super) basis: &'a BasisWeights<T>,
    pub(super) graph: &'a Graph,
}

/// What the forward pass leaves for the backward pass.
pub(super) struct Kept<T> {
    projections: Projections<T>,
    /// Angle features before the layer, where it changed them and messages are to be made again from them.
    angles: Option<Vec<T>>,
    messages: Option<Saved<T>>,
}

/// First linear map of atoms, of bonds (of pairs in layers between atoms), and of distinct angles where it acts on
/// basis functions.
#[derive(Default)]
struct Projections<T> {
    nodes: Vec<T>,
    bonds: Vec<T>,
    angles: Vec<T>,
}

const NODES: usize = 0;
const BONDS: usize = 1;
const WEIGHTS: usize = 2;
/// Distinct angles; in layers between atoms the nodes again, as neighbors: their gradients come in another order than
/// those of centers.
const OTHERS: usize = 3;

impl<T: Real> Convolution<'_, T> {
    fn width(&self) -> usize {
        self.layer.messages.width
    }

    /// The map from basis functions of angles, where no layer has changed these yet.
    fn of_angle_basis(&self) -> Option<&Both<T>> {
        self.layer.basis.as_ref().filter(|_| self.update != Update::Atoms)
    }

    /// Whether layers before this one, between atoms, may have changed features of bonds.
    fn bonds_have_changed(&self) -> bool {
        self.update == Update::Atoms && !self.first && self.graph.n_angles() > 0
    }

    fn project(&self, inputs: &Inputs<T>, features: &Features<T>) -> Projections<T> {
        let layer = self.layer;
        let mut nodes = layer.node_bias.repeat(self.graph.n_atoms());
        layer.nodes.forward.multiply_add_all(&features.atoms, &mut nodes);
        let bonds = match &layer.basis {
            Some(basis) if self.update == Update::Atoms => {
                let n_pairs = self.graph.pairs.len();
                let mut pairs = match &features.shift {
                    Some(shift) => product(&layer.bonds.forward, shift).repeat(n_pairs),
                    None => vec![T::default(); n_pairs * basis.forward.width()],
                };
                basis.forward.multiply_add_all(&inputs.pairs.radial, &mut pairs);
                if self.bonds_have_changed() {
                    let changed = product(&layer.bonds.forward, &features.bonds);
                    let width = layer.bonds.forward.width();
                    for (pair, row) in self.graph.bonds.iter().zip(changed.chunks_exact(width)) {
                        pairs[*pair as usize * width..][..width].copy_from_slice(row);
                    }
                }
                pairs
            }
            _ => product(&layer.bonds.forward, &features.bonds),
        };
        let angles = self.of_angle_basis().map(|basis| product(&basis.forward, &inputs.angles)).unwrap_or_default();
        Projections { nodes, bonds, angles }
    }

    fn with_rows<R>(
        &self,
        projections: &Projections<T>,
        inputs: &BondInputs<T>,
        angles: &[T],
        visit: impl FnOnce(Rows<'_, T>) -> R,
    ) -> R {
        let (d, graph) = (self.width(), self.graph);
        let gather = |table, offset, index| Gather { table, offset, index };
        let table = |values, stride| Table { values, stride };
        let nodes = table(&projections.nodes[..], self.layer.nodes.forward.width());
        let bonds = table(&projections.bonds[..], self.layer.bonds.forward.width());
        let (edges, angle) = (&graph.edges, &graph.angles);
        if self.update == Update::Atoms {
            return visit(Rows {
                count: graph.n_edges(),
                tables: &[nodes, bonds, table(&inputs.weights, d), nodes],
                sources: &[
                    gather(NODES, 0, &edges.center),
                    gather(BONDS, 0, &edges.pair),
                    gather(OTHERS, 2 * d, &edges.neighbor),
                ],
                own: &[],
                weights: &[gather(WEIGHTS, 0, &edges.pair)],
                target: Some(&edges.center),
            });
        }
        let sources = [
            gather(BONDS, 0, &angle.bond[0]),
            gather(BONDS, 2 * d, &angle.bond[1]),
            gather(NODES, 0, &angle.center),
            gather(OTHERS, 0, &angle.distinct),
        ];
        let weights = [gather(WEIGHTS, 0, &angle.bond[0]), gather(WEIGHTS, 0, &angle.bond[1])];
        let of_bonds = self.update == Update::Bonds;
        let of_basis = self.of_angle_basis().is_some();
        visit(Rows {
            count: graph.n_angles(),
            tables: &[nodes, bonds, table(&inputs.bond_weights, d), table(&projections.angles, 2 * d)],
            sources: if of_basis { &sources } else { &sources[..3] },
            own: if of_basis { &[] } else { angles },
            weights: if of_bonds { &weights } else { &[] },
            target: of_bonds.then_some(&angle.bond[0]),
        })
    }

    /// Features of angles before any layer has changed them.
    fn first_angles(&self, inputs: &Inputs<T>) -> Vec<T> {
        rows_of(&self.graph.angles.distinct, &product(&self.basis.angle.forward, &inputs.angles), self.width())
    }

    pub(super) fn forward(&self, inputs: &Inputs<T>, features: &mut Features<T>, keep: Keep) -> Option<Kept<T>> {
        let (d, layer) = (self.width(), self.layer);
        let projections = self.project(inputs, features);
        let mut angles = None;
        let mut saved = Saved::default();
        let mut sums = match self.update {
            Update::Atoms => vec![T::default(); features.atoms.len()],
            Update::Bonds => vec![T::default(); features.bonds.len()],
            Update::Angles if self.of_angle_basis().is_some() => self.first_angles(inputs),
            Update::Angles => features.angles.clone(),
        };
        self.with_rows(&projections, &inputs.pairs, &features.angles, |rows| {
            let saved = (keep == Keep::Messages).then_some(&mut saved);
            let set = layer.nodes.forward.set();
            Forward { layer: &layer.messages, rows, out: &mut sums, saved }.run(set);
        });
        match (self.update, &layer.out) {
            (Update::Atoms, Some(out)) => out.forward.multiply_add_all(&sums, &mut features.atoms),
            (Update::Bonds, Some(out)) => out.forward.multiply_add_all(&sums, &mut features.bonds),
            _ => {
                let before = std::mem::replace(&mut features.angles, sums);
                angles = (keep == Keep::Input && self.of_angle_basis().is_none()).then_some(before);
            }
        }
        if let Some(bias) = &layer.out_bias {
            match self.update {
                Update::Atoms => add_to_each(&mut features.atoms, bias),
                Update::Bonds => {
                    add_to_each(&mut features.bonds, bias);
                    // To all pairs, also those that are no bonds.
                    add_to_each(features.shift.get_or_insert_with(|| vec![T::default(); d]), bias);
                }
                Update::Angles => {}
            }
        }
        let messages = (keep == Keep::Messages).then_some(saved);
        // Without second layers what is kept of messages is all that is read again.
        let read_again = messages.is_none() || layer.messages.hidden.is_some();
        let projections = if read_again { projections } else { Projections::default() };
        (keep != Keep::Nothing).then_some(Kept { projections, angles, messages })
    }

    /// `angles`: those after the layer, and then those before it, where that matters. `of_inputs`: gradients by these.
    pub(super) fn backward(
        &self,
        kept: Kept<T>,
        inputs: &Inputs<T>,
        angles: &mut Vec<T>,
        gradients: &mut Features<T>,
        of_inputs: &mut Inputs<T>,
    ) {
        if let Some(before) = kept.angles {
            *angles = before;
        }
        let (d, layer, graph) = (self.width(), self.layer, self.graph);
        let zeros = |n: usize| vec![T::default(); n];
        // The update adds to what was there: its gradient passes on, and goes into the messages too.
        let sums = match (self.update, &layer.out) {
            (Update::Atoms, Some(out)) => product(&out.backward, &gradients.atoms),
            (Update::Bonds, Some(out)) => product(&out.backward, &gradients.bonds),
            _ if self.of_angle_basis().is_some() => std::mem::take(&mut gradients.angles),
            _ => gradients.angles.clone(),
        };
        if self.update == Update::Angles && self.of_angle_basis().is_some() {
            let mut first = zeros(graph.angles.representative.len() * d);
            add_rows(&mut first, &graph.angles.distinct, &sums, d);
            self.basis.angle.backward.multiply_add_all(&first, &mut of_inputs.angles);
        }
        let of_atoms = self.update == Update::Atoms;
        let (n_bonds, n_distinct) = (graph.bonds.len(), graph.angles.representative.len());
        let mut nodes = zeros(graph.n_atoms() * layer.nodes.forward.width());
        let of_basis = if self.of_angle_basis().is_some() { n_distinct * 2 * d } else { 0 };
        let mut others = zeros(if of_atoms { nodes.len() } else { of_basis });
        let mut projected = zeros(if of_atoms { graph.pairs.len() } else { n_bonds } * layer.bonds.forward.width());
        let weights = if of_atoms { &mut of_inputs.pairs.weights } else { &mut of_inputs.pairs.bond_weights };
        self.with_rows(&kept.projections, &inputs.pairs, angles, |rows| {
            let backward = Backward {
                layer: &layer.messages,
                rows,
                gradient: &sums,
                saved: kept.messages.as_ref(),
                tables: &mut [&mut nodes, &mut projected, weights, &mut others],
                // Before the first layer atoms are embeddings.
                constant: if self.first { &[NODES, OTHERS] } else { &[] },
                own: &mut gradients.angles,
            };
            backward.run(layer.nodes.forward.set());
        });
        if of_atoms && !self.first {
            let width = layer.nodes.forward.width();
            for (node, neighbor) in nodes.chunks_exact_mut(width).zip(others.chunks_exact(width)) {
                node[2 * d..].copy_from_slice(&neighbor[2 * d..]);
            }
        }
        if !self.first {
            layer.nodes.backward.multiply_add_all(&nodes, &mut gradients.atoms);
        }
        if self.bonds_have_changed() {
            let width = layer.bonds.forward.width();
            let changed = rows_of(&graph.bonds, &projected, width);
            layer.bonds.backward.multiply_add_all(&changed, &mut gradients.bonds);
            for pair in &graph.bonds {
                projected[*pair as usize * width..][..width].fill(T::default());
            }
        }
        match &layer.basis {
            Some(basis) if of_atoms => basis.backward.multiply_add_all(&projected, &mut of_inputs.pairs.radial),
            Some(basis) => {
                basis.backward.multiply_add_all(&others, &mut of_inputs.angles);
                layer.bonds.backward.multiply_add_all(&projected, &mut gradients.bonds);
            }
            None => layer.bonds.backward.multiply_add_all(&projected, &mut gradients.bonds),
        }
    }
}

/// Adds a row to each.
fn add_to_each<T: Real>(to: &mut [T], row: &[T]) {
    for to in to.chunks_exact_mut(row.len()) {
        for (to, from) in to.iter_mut().zip(row) {
            *to += *from;
        }
    }
}

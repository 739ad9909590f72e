//! Weights packed for the kernels of one instruction set and precision.

use super::parameters::{Gated, Norm, Parameters};
use mlip_kernels::gate::{Gate, LayerNorm};
use mlip_kernels::gated_messages::{Both, GatedMessages, Hidden};
use mlip_kernels::linear::Matrix;
use mlip_kernels::simd::{InstructionSet, Real};

/// All weights of the network but the embeddings of atoms.
#[derive(Debug)]
pub(crate) struct Packed<T> {
    pub(crate) basis: BasisWeights<T>,
    pub(crate) atom_convolutions: Vec<Layer<T>>,
    pub(crate) bond_convolutions: Vec<Layer<T>>,
    pub(crate) angle_updates: Vec<Layer<T>>,
    pub(crate) readout: ReadoutWeights<T>,
}

#[derive(Debug)]
pub(crate) struct BasisWeights<T> {
    pub(crate) atom_graph_frequencies: Vec<T>,
    pub(crate) bond_graph_frequencies: Vec<T>,
    /// `[n_radial, 2 d]`: bond embedding and weights of the atom graph.
    pub(crate) atom_graph: Both<T>,
    /// `[n_radial, d]`: weights of the bond graph.
    pub(crate) bond_graph: Both<T>,
    pub(crate) angle_frequencies: Vec<T>,
    /// `[n_angular, d]`
    pub(crate) angle: Both<T>,
}

/// A layer whose first linear map is split over its concatenation.
#[derive(Debug)]
pub(crate) struct Layer<T> {
    /// Part that acts on atoms, with the bias: `[d, 4 d]` (center, neighbor) or `[d, 2 d]` (center of an angle).
    pub(crate) nodes: Both<T>,
    /// As wide as `nodes`.
    pub(crate) node_bias: Vec<T>,
    /// Part that acts on bonds: `[d, 2 d]`, or `[d, 4 d]` (first, second).
    pub(crate) bonds: Both<T>,
    pub(crate) messages: GatedMessages<T>,
    /// `[d, d]` behind the sum.
    pub(crate) out: Option<Both<T>>,
    /// `[d]`, added behind that map to all rows; only CHGNet 0.2.0 has it.
    pub(crate) out_bias: Option<Vec<T>>,
}

#[derive(Debug)]
pub(crate) struct ReadoutWeights<T> {
    /// None in CHGNet 0.2.0.
    pub(crate) norm: Option<LayerNorm<T>>,
    pub(crate) layers: Vec<(Both<T>, Vec<T>)>,
}

fn narrow<T: Real>(values: &[f64]) -> Vec<T> {
    values.iter().map(|value| T::real(*value)).collect()
}

fn norm<T: Real>(norm: &Option<Norm>) -> Option<LayerNorm<T>> {
    norm.as_ref().map(|norm| LayerNorm { scale: narrow(&norm.scale), offset: narrow(&norm.offset) })
}

/// Packs the map `[depth] → [width]` whose weight from input k to output c is `element(c, k)`.
fn both<T: Real>(depth: usize, width: usize, set: InstructionSet, element: impl Fn(usize, usize) -> f64) -> Both<T> {
    Both {
        forward: Matrix::pack(depth, width, set, |k, c| T::real(element(c, k))),
        backward: Matrix::pack(width, depth, set, |c, k| T::real(element(c, k))),
    }
}

/// Where in the concatenation a part begins, in units of the width d.
#[derive(Clone, Copy)]
struct Part(usize);

impl<T: Real> Layer<T> {
    /// `nodes` and `bonds`: the parts of the concatenation that they act on, one or two each.
    fn pack(weights: &Gated, d: usize, nodes: &[Part], bonds: &[Part], own: Option<Part>, set: InstructionSet) -> Self {
        let (core, gate) = (&weights.core[0], &weights.gate[0]);
        // Output columns: for each part, core and gate side by side.
        let parts = |parts: &[Part]| {
            both(d, parts.len() * 2 * d, set, |c, k| {
                let branch = if (c / d).is_multiple_of(2) { core } else { gate };
                branch.weight[(c % d) * branch.inputs + parts[c / (2 * d)].0 * d + k]
            })
        };
        let mut node_bias = vec![T::default(); nodes.len() * 2 * d];
        for (to, from) in node_bias.iter_mut().zip(core.bias.iter().chain(&gate.bias)) {
            *to = T::real(*from);
        }
        let hidden = weights.core.get(1).zip(weights.gate.get(1)).map(|(core, gate)| Hidden {
            core: both(d, d, set, |c, k| core.weight[c * d + k]),
            gate: both(d, d, set, |c, k| gate.weight[c * d + k]),
            bias: core.bias.iter().chain(&gate.bias).map(|b| T::real(*b)).collect(),
        });
        Self {
            nodes: parts(nodes),
            node_bias,
            bonds: parts(bonds),
            messages: GatedMessages {
                width: d,
                own: own.map(|part| parts(&[part])),
                hidden,
                gate: Gate { core: norm(&weights.core_norm), gate: norm(&weights.gate_norm) },
            },
            out: weights.out.as_ref().map(|out| both(d, d, set, |c, k| out[c * d + k])),
            out_bias: weights.out_bias.as_deref().map(narrow),
        }
    }
}

impl<T: Real> Packed<T> {
    pub(crate) fn pack(parameters: &Parameters, set: InstructionSet) -> Self {
        let p = parameters;
        let (d, n_radial, n_angular) = (p.config.width(), p.config.num_radial, p.config.num_angular);
        let basis = BasisWeights {
            atom_graph_frequencies: narrow(&p.atom_graph_frequencies),
            bond_graph_frequencies: narrow(&p.bond_graph_frequencies),
            atom_graph: both(n_radial, 2 * d, set, |c, k| {
                let weight = if c < d { &p.bond_embedding } else { &p.atom_graph_weights };
                weight[(c % d) * n_radial + k]
            }),
            bond_graph: both(n_radial, d, set, |c, k| p.bond_graph_weights[c * n_radial + k]),
            angle_frequencies: narrow(&p.angle_frequencies),
            angle: both(n_angular, d, set, |c, k| p.angle_embedding[c * n_angular + k]),
        };
        // Concatenations: (center, bond, neighbor), and (first bond, second bond, angle, center).
        let of_atoms = |weights| Layer::pack(weights, d, &[Part(0), Part(2)], &[Part(1)], None, set);
        let of_angles = |weights| Layer::pack(weights, d, &[Part(3)], &[Part(0), Part(1)], Some(Part(2)), set);
        Self {
            basis,
            atom_convolutions: p.atom_convolutions.iter().map(of_atoms).collect(),
            bond_convolutions: p.bond_convolutions.iter().map(of_angles).collect(),
            angle_updates: p.angle_updates.iter().map(of_angles).collect(),
            readout: ReadoutWeights {
                norm: norm(&p.readout_norm),
                layers: p
                    .readout
                    .iter()
                    .map(|layer| {
                        let matrix = both(layer.inputs, layer.outputs, set, |c, k| layer.weight[c * layer.inputs + k]);
                        (matrix, narrow(&layer.bias))
                    })
                    .collect(),
            },
        }
    }

    /// Bytes in memory, nearly all of them in matrices.
    pub(crate) fn bytes(&self) -> u64 {
        let both = |b: &Both<T>| b.forward.bytes() + b.backward.bytes();
        let layers = self.atom_convolutions.iter().chain(&self.bond_convolutions).chain(&self.angle_updates);
        let of_layers = layers.map(|layer| {
            let hidden = layer.messages.hidden.as_ref().map_or(0, |h| both(&h.core) + both(&h.gate));
            let rest = layer.messages.own.iter().chain(&layer.out).map(both).sum::<u64>();
            both(&layer.nodes) + both(&layer.bonds) + hidden + rest
        });
        let of_basis = [&self.basis.atom_graph, &self.basis.bond_graph, &self.basis.angle].map(both);
        let of_readout = self.readout.layers.iter().map(|(matrix, _)| both(matrix));
        of_layers.sum::<u64>() + of_basis.iter().sum::<u64>() + of_readout.sum::<u64>()
    }
}

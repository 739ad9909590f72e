//! Weights packed for the kernels of one instruction set and precision.

use super::parameters::{Gated, Norm, Parameters};
use mlip_kernels::gated_messages::{Both, Gate, GatedMessages, Hidden, centered};
use mlip_kernels::layer_norm::LayerNorm;
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

/// Basis functions are filled up to whole vectors with some of frequency zero, which meet weights of zero.
#[derive(Debug)]
pub(crate) struct BasisWeights<T> {
    pub(crate) atom_graph_frequencies: Vec<T>,
    pub(crate) bond_graph_frequencies: Vec<T>,
    /// `[n_radial, d]`: bond embedding.
    pub(crate) embedding: Both<T>,
    /// `[n_radial, d]`: weights of the atom graph.
    pub(crate) atom_graph: Both<T>,
    /// `[n_radial, d]`: weights of the bond graph.
    pub(crate) bond_graph: Both<T>,
    /// The last ones are zero: their cosine is the constant term.
    pub(crate) angle_frequencies: Vec<T>,
    /// `[2 n_frequencies, d]`: sines, then cosines.
    pub(crate) angle: Both<T>,
}

/// Basis functions are as many as a multiple of this.
const BASIS_UNIT: usize = 16;

/// A map `[inputs] → [outputs]`, row-major `[outputs, inputs]`, in double precision.
struct Map {
    inputs: usize,
    weight: Vec<f64>,
}

impl Map {
    /// Of basis functions, filled up with zeros.
    fn of_radial(weight: &[f64], n_radial: usize) -> Self {
        let inputs = n_radial.next_multiple_of(BASIS_UNIT);
        let filled = |row: &[f64]| row.iter().copied().chain(vec![0.0; inputs - n_radial]).collect::<Vec<_>>();
        Self { inputs, weight: weight.chunks_exact(n_radial).flat_map(filled).collect() }
    }

    /// Of upstream's `[constant, sines, cosines]`, for sines and cosines of these frequencies.
    fn of_angles(weight: &[f64], n_angular: usize, n_frequencies: usize) -> Self {
        let n = (n_angular - 1) / 2;
        let mut filled = Vec::with_capacity(weight.len() / n_angular * 2 * n_frequencies);
        for row in weight.chunks_exact(n_angular) {
            let mut to = vec![0.0; 2 * n_frequencies];
            to[..n].copy_from_slice(&row[1..1 + n]);
            to[n_frequencies..n_frequencies + n].copy_from_slice(&row[1 + n..]);
            to[2 * n_frequencies - 1] = row[0] * std::f64::consts::FRAC_1_SQRT_2;
            filled.extend(to);
        }
        Self { inputs: 2 * n_frequencies, weight: filled }
    }

    fn pack<T: Real>(&self, set: InstructionSet) -> Both<T> {
        both(self.inputs, self.weight.len() / self.inputs, set, |c, k| self.weight[c * self.inputs + k])
    }

    /// This map, and then that part of the first layer: core and gate side by side.
    fn then(&self, weights: &Gated, part: Part, d: usize) -> Self {
        let mut weight = Vec::with_capacity(2 * d * self.inputs);
        for branch in [&weights.core[0], &weights.gate[0]] {
            for c in 0..d {
                let row = &branch.weight[c * branch.inputs + part.0 * d..][..d];
                let of_input =
                    |k: usize| row.iter().enumerate().map(|(m, x)| x * self.weight[m * self.inputs + k]).sum();
                weight.extend((0..self.inputs).map(of_input).collect::<Vec<f64>>());
            }
        }
        Self { inputs: self.inputs, weight }
    }
}

/// Filled up with zeros, `spare` of them at least.
fn frequencies<T: Real>(values: &[f64], spare: usize) -> Vec<T> {
    let mut filled = narrow(values);
    filled.resize((values.len() + spare).next_multiple_of(BASIS_UNIT), T::default());
    filled
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
    /// `[n_basis, 2 d]`, straight from basis functions: of pairs that no layer has changed, in layers between atoms;
    /// of angles, in layers before the first that changes them, which then have no part that acts on angles.
    pub(crate) basis: Option<Both<T>>,
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
    /// Weights and bias of the last layer, which has one output, in double precision.
    pub(crate) last: (Vec<f64>, f64),
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

/// The same map where norms come behind it: the mean of its outputs, which they take away, is taken away from the
/// weights of the last layers.
fn normalised(weights: &Gated) -> Gated {
    let mut weights = weights.clone();
    let branches = [(&mut weights.core, &weights.core_norm), (&mut weights.gate, &weights.gate_norm)];
    for (layers, norm) in branches {
        let (Some(last), true) = (layers.last_mut(), norm.is_some()) else { continue };
        last.bias = centered(&last.bias).collect();
        for k in 0..last.inputs {
            let column = last.weight[k..].iter().step_by(last.inputs).copied().collect::<Vec<_>>();
            let to = last.weight[k..].iter_mut().step_by(last.inputs);
            to.zip(centered(&column)).for_each(|(to, from)| *to = from);
        }
    }
    weights
}

/// Where in the concatenation a part begins, in units of the width d.
#[derive(Clone, Copy)]
struct Part(usize);

impl<T: Real> Layer<T> {
    /// `nodes` and `bonds`: the parts of the concatenation that they act on, one or two each. `basis`: what makes the
    /// features that a part acts on, where it is to be read from basis functions.
    fn pack(
        weights: &Gated,
        d: usize,
        nodes: &[Part],
        bonds: &[Part],
        own: Option<Part>,
        basis: Option<(&Map, Part)>,
        set: InstructionSet,
    ) -> Self {
        let weights = &normalised(weights);
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
            basis: basis.map(|(map, part)| map.then(weights, part, d).pack(set)),
            messages: GatedMessages {
                width: d,
                own: own.map(|part| parts(&[part])),
                hidden,
                gate: Gate::new(d, norm(&weights.core_norm), norm(&weights.gate_norm)),
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
        let angle_frequencies = frequencies(&p.angle_frequencies, 1);
        let embedding = Map::of_radial(&p.bond_embedding, n_radial);
        let angle = Map::of_angles(&p.angle_embedding, n_angular, angle_frequencies.len());
        let basis = BasisWeights {
            atom_graph_frequencies: frequencies(&p.atom_graph_frequencies, 0),
            bond_graph_frequencies: frequencies(&p.bond_graph_frequencies, 0),
            embedding: embedding.pack(set),
            atom_graph: Map::of_radial(&p.atom_graph_weights, n_radial).pack(set),
            bond_graph: Map::of_radial(&p.bond_graph_weights, n_radial).pack(set),
            angle_frequencies,
            angle: angle.pack(set),
        };
        // Concatenations: (center, bond, neighbor), and (first bond, second bond, angle, center).
        let of_atoms =
            |weights| Layer::pack(weights, d, &[Part(0), Part(2)], &[Part(1)], None, Some((&embedding, Part(1))), set);
        let of_angles = |(t, weights): (usize, _)| {
            let (own, basis) = if t == 0 { (None, Some((&angle, Part(2)))) } else { (Some(Part(2)), None) };
            Layer::pack(weights, d, &[Part(3)], &[Part(0), Part(1)], own, basis, set)
        };
        Self {
            basis,
            atom_convolutions: p.atom_convolutions.iter().map(of_atoms).collect(),
            bond_convolutions: p.bond_convolutions.iter().enumerate().map(of_angles).collect(),
            angle_updates: p.angle_updates.iter().enumerate().map(of_angles).collect(),
            readout: ReadoutWeights {
                norm: norm(&p.readout_norm),
                last: p.readout.last().map_or_else(Default::default, |layer| (layer.weight.clone(), layer.bias[0])),
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
            let rest = layer.messages.own.iter().chain(&layer.out).chain(&layer.basis).map(both).sum::<u64>();
            both(&layer.nodes) + both(&layer.bonds) + hidden + rest
        });
        let basis = &self.basis;
        let of_basis = [&basis.embedding, &basis.atom_graph, &basis.bond_graph, &basis.angle].map(both);
        let of_readout = self.readout.layers.iter().map(|(matrix, _)| both(matrix));
        of_layers.sum::<u64>() + of_basis.iter().sum::<u64>() + of_readout.sum::<u64>()
    }
}

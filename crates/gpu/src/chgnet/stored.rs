//! Weights on the device.

use super::weights::{ChgnetWeights, Gated, Linear, Norm, Radial};
use crate::constants::{Constants, Packer, TwoWays};
use crate::driver::Stream;
use crate::error::GpuError;
use crate::kernels::chgnet::WIDE;
use crate::memory::Part;
use crate::products::Products;

/// Sizes that everything is made of.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub(super) width: usize,
    pub(super) n_elements: usize,
    /// Functions of distances and of angles, padded to what products take.
    pub(super) n_radial: usize,
    pub(super) n_angular: usize,
    /// Layers of messages between atoms.
    pub(super) n_layers: usize,
    /// Hidden layers of the readout.
    pub(super) n_hidden: usize,
}

impl Shape {
    fn of(weights: &ChgnetWeights) -> Result<Self, GpuError> {
        weights.check()?;
        Ok(Self {
            width: weights.width,
            n_elements: weights.n_elements(),
            n_radial: weights.atom_graph.frequencies.len().next_multiple_of(8),
            n_angular: (1 + 2 * weights.angle_frequencies.len()).next_multiple_of(8),
            n_layers: weights.atom_convolutions.len(),
            n_hidden: weights.readout.len() - 1,
        })
    }
}

/// Two matrices `[64, 64]` as kernels hold them, core and gate; and transposed.
#[derive(Clone, Copy)]
pub(super) struct Squares {
    pub(super) forward: Part<f32>,
    pub(super) backward: Part<f32>,
}

/// A gated perceptron.
pub(super) struct StoredGated {
    /// From atoms: core and gate of one end or both.
    pub(super) nodes: TwoWays,
    /// As wide.
    pub(super) node_bias: Part<f32>,
    /// From pairs or bonds.
    pub(super) bonds: TwoWays,
    /// From angles.
    pub(super) own: Option<Squares>,
    pub(super) hidden: Option<Squares>,
    pub(super) bias: Part<f32>,
    pub(super) norms: Part<f32>,
    /// Behind sums.
    pub(super) out: Option<TwoWays>,
}

pub(super) struct StoredRadial {
    /// 1/Å
    pub(super) frequencies: Part<f64>,
    pub(super) prefactor: f64,
    pub(super) reach: f64,
}

/// One output from rows of atoms.
pub(super) struct StoredDot {
    /// `[64]`
    pub(super) weights: Part<f64>,
    pub(super) bias: f64,
}

/// All weights on the device.
pub(super) struct StoredWeights {
    pub(super) constants: Constants,
    pub(super) shape: Shape,
    /// `[elements, 64]`
    pub(super) embedding: Part<f32>,
    pub(super) exponent: u32,
    pub(super) atom_graph: StoredRadial,
    pub(super) bond_graph: StoredRadial,
    pub(super) bond_embedding: TwoWays,
    pub(super) atom_graph_weights: TwoWays,
    pub(super) bond_graph_weights: TwoWays,
    pub(super) angle_frequencies: Part<f64>,
    pub(super) angle_embedding: TwoWays,
    pub(super) atom_convolutions: Vec<StoredGated>,
    pub(super) bond_convolutions: Vec<StoredGated>,
    pub(super) angle_updates: Vec<StoredGated>,
    /// `[2, 64]`
    pub(super) readout_norm: Part<f32>,
    /// With their biases.
    pub(super) readout: Vec<(TwoWays, Part<f32>)>,
    pub(super) energies: StoredDot,
    pub(super) moments: StoredDot,
}

/// Rows of 64 numbers, zeros behind those that there are.
fn rows(all: &[&[f32]]) -> Vec<f32> {
    let row = |row: &&[f32]| (0..WIDE).map(|k| row.get(k).copied().unwrap_or(0.0)).collect::<Vec<_>>();
    all.iter().flat_map(row).collect()
}

/// `[outputs, inputs]` with 64 outputs and `depth` inputs.
fn padded(packer: &mut Packer, weight: &[f32], inputs: usize, depth: usize) -> TwoWays {
    packer.two_ways(WIDE, depth, |n, k| match k < inputs {
        true => weight.get(n * inputs + k).copied().unwrap_or(0.0),
        false => 0.0,
    })
}

/// `weight(branch, n, k)` is what the input k adds to the output n of core and gate.
fn squares(packer: &mut Packer, weight: impl Fn(usize, usize, usize) -> f32) -> Squares {
    let all = |of: &dyn Fn(usize, usize, usize) -> f32| {
        let number = |at: usize| of(at / (WIDE * WIDE), at % WIDE, at / WIDE % WIDE);
        (0..2 * WIDE * WIDE).map(number).collect::<Vec<_>>()
    };
    let (forward, backward) = (all(&weight), all(&|branch, n, k| weight(branch, k, n)));
    Squares { forward: packer.put(&forward), backward: packer.put(&backward) }
}

/// Where the concatenation that a perceptron sees has its parts.
struct Parts {
    nodes: &'static [usize],
    bonds: &'static [usize],
    own: Option<usize>,
}

/// Receiver, pair, sender.
const OF_EDGES: Parts = Parts { nodes: &[0, 2], bonds: &[1], own: None };
/// First bond, second bond, angle, atom.
const OF_ANGLES: Parts = Parts { nodes: &[3], bonds: &[0, 1], own: Some(2) };

impl StoredGated {
    fn new(packer: &mut Packer, gated: &Gated, width: usize, parts: &Parts) -> Self {
        let branches = [&gated.core, &gated.gate];
        // What column k of a part adds to column n of a branch.
        let first = |branch: usize, part: usize, n: usize, k: usize| {
            let layer = &branches[branch][0];
            if n < width && k < width { layer.weight[n * layer.inputs + part * width + k] } else { 0.0 }
        };
        let side_by_side = |packer: &mut Packer, parts: &[usize]| {
            let weight = |n: usize, k: usize| first(n / WIDE % 2, parts[n / (2 * WIDE)], n % WIDE, k);
            packer.two_ways(2 * WIDE * parts.len(), WIDE, weight)
        };
        let both = |layer: usize| rows(&branches.map(|branch| branch[layer].bias.as_slice()));
        let mut node_bias = both(0);
        node_bias.resize(2 * WIDE * parts.nodes.len(), 0.0);
        let has_hidden = branches[0].len() > 1;
        let second = |branch: usize, n: usize, k: usize| {
            if n < width && k < width { branches[branch][1].weight[n * width + k] } else { 0.0 }
        };
        let Norm { scale, offset } = &gated.core_norm;
        let Norm { scale: gate_scale, offset: gate_offset } = &gated.gate_norm;
        Self {
            nodes: side_by_side(packer, parts.nodes),
            node_bias: packer.put(&node_bias),
            bonds: side_by_side(packer, parts.bonds),
            own: parts.own.map(|part| squares(packer, |branch, n, k| first(branch, part, n, k))),
            hidden: has_hidden.then(|| squares(packer, second)),
            bias: packer.put(&if has_hidden { both(1) } else { Vec::new() }),
            norms: packer.put(&rows(&[scale, offset, gate_scale, gate_offset])),
            out: gated.out.as_ref().map(|out| padded(packer, out, width, WIDE)),
        }
    }
}

impl StoredRadial {
    fn new(packer: &mut Packer, radial: &Radial) -> Self {
        let frequencies = radial.frequencies.iter().map(|f| f / radial.reach).collect::<Vec<_>>();
        Self { frequencies: packer.put(&frequencies), prefactor: (2.0 / radial.reach).sqrt(), reach: radial.reach }
    }
}

impl StoredDot {
    fn new(packer: &mut Packer, layer: &Linear) -> Self {
        let weights = rows(&[&layer.weight]).into_iter().map(f64::from).collect::<Vec<_>>();
        Self { weights: packer.put(&weights), bias: f64::from(layer.bias[0]) }
    }
}

impl StoredWeights {
    /// Packs weights and copies them to the device.
    pub(super) fn new(weights: &ChgnetWeights, products: Products, stream: &Stream) -> Result<Self, GpuError> {
        let shape = Shape::of(weights)?;
        let mut packer = Packer::new(products);
        let (width, n_radial) = (weights.width, weights.atom_graph.frequencies.len());
        let of_distances = |packer: &mut Packer, weight: &[f32]| padded(packer, weight, n_radial, shape.n_radial);
        let all = |packer: &mut Packer, layers: &[Gated], parts: &Parts| {
            layers.iter().map(|layer| StoredGated::new(packer, layer, width, parts)).collect::<Vec<_>>()
        };
        let embedding = weights.embedding.chunks_exact(width).collect::<Vec<_>>();
        let Norm { scale, offset } = &weights.readout_norm;
        let (last, hidden) =
            weights.readout.split_last().ok_or_else(|| GpuError::shape("the readout", "layers", "none"))?;
        let stored = |packer: &mut Packer, layer: &Linear| {
            let matrix = padded(packer, &layer.weight, layer.inputs, WIDE);
            (matrix, packer.put(&rows(&[&layer.bias])))
        };
        Ok(Self {
            shape,
            embedding: packer.put(&rows(&embedding)),
            exponent: weights.exponent,
            atom_graph: StoredRadial::new(&mut packer, &weights.atom_graph),
            bond_graph: StoredRadial::new(&mut packer, &weights.bond_graph),
            bond_embedding: of_distances(&mut packer, &weights.bond_embedding),
            atom_graph_weights: of_distances(&mut packer, &weights.atom_graph_weights),
            bond_graph_weights: of_distances(&mut packer, &weights.bond_graph_weights),
            angle_frequencies: packer.put(&weights.angle_frequencies),
            angle_embedding: padded(
                &mut packer,
                &weights.angle_embedding,
                1 + 2 * weights.angle_frequencies.len(),
                shape.n_angular,
            ),
            atom_convolutions: all(&mut packer, &weights.atom_convolutions, &OF_EDGES),
            bond_convolutions: all(&mut packer, &weights.bond_convolutions, &OF_ANGLES),
            angle_updates: all(&mut packer, &weights.angle_updates, &OF_ANGLES),
            readout_norm: packer.put(&rows(&[scale, offset])),
            readout: hidden.iter().map(|layer| stored(&mut packer, layer)).collect(),
            energies: StoredDot::new(&mut packer, last),
            moments: StoredDot::new(&mut packer, &weights.moments),
            constants: packer.upload(stream)?,
        })
    }
}

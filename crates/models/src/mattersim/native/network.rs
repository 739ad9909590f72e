//! From a graph to energies and their gradient.

use super::block::{Block, Gradients, Inputs, SAVED_PER_EDGE, Saved};
use super::chunks::Chunks;
use super::geometry::Geometry;
use super::weights::{Packer, bytes, narrow};
use crate::mattersim::bases::{Radial, Spherical};
use crate::mattersim::config::Config;
use crate::mattersim::graph::Graph;
use crate::pair_evaluation::{Evaluation, Wanted};
use crate::weights::{Weights, WeightsError};
use mlip_atoms::{Deadline, PredictError};
use mlip_kernels::gated_messages::Both;
use mlip_kernels::rows::{activate, activate_backward};
use mlip_kernels::simd::{InstructionSet, Real};

/// Structures whose layers would take more than this keep what goes into each block instead, and make its layers again for
/// the gradient: a third more to compute, less than half the memory.
const KEPT_BYTES: usize = 256 << 20;

/// MatterSim's weights, packed, in one precision.
pub(in crate::mattersim) struct Network<T> {
    config: Config,
    radial: Radial,
    spherical: Spherical,
    /// `[max_z + 1, units]`
    embedding: Vec<T>,
    /// `[max_n, units]`
    encoder: Both<T>,
    blocks: Vec<Block<T>>,
    readout: Readout<T>,
    /// By atomic number, eV.
    scale: Vec<f64>,
    shift: Vec<f64>,
    kept_bytes: usize,
    set: InstructionSet,
}

/// Energies of atoms: a perceptron of three layers times another that ends in a sigmoid.
struct Readout<T> {
    /// `[units, 2 units]`, core and gate.
    first: Both<T>,
    first_bias: Vec<T>,
    /// `[units, units]` each.
    second: [Both<T>; 2],
    second_bias: Vec<T>,
    /// `[units]` each.
    last: [Vec<f64>; 2],
    last_bias: [f64; 2],
}

/// What a gradient needs of a block: its layers, or what makes them again.
enum Kept<T> {
    Layers(Saved<T>),
    Input { atoms: Vec<T>, edges: Vec<T> },
}

impl<T: Real> Readout<T> {
    fn read(packer: &Packer<'_>, units: usize) -> Result<Self, WeightsError> {
        let layers = |layer: usize, outputs: usize| {
            let of = |side: &str| packer.linear(&format!("final.{side}.{layer}"), units, outputs);
            Ok::<_, WeightsError>([of("g")?, of("sigma")?])
        };
        let bias = |layer: usize, outputs: usize| {
            let of = |side: &str| packer.bias(&format!("final.{side}.{layer}"), outputs);
            Ok::<_, WeightsError>([of("g")?, of("sigma")?])
        };
        let [core, gate] = layers(1, units)?;
        let last_bias = bias(2, 1)?;
        Ok(Self {
            first: packer.pair(&layers(0, units)?, 0..units),
            first_bias: narrow(&bias(0, units)?.concat()),
            second: [packer.map(&core), packer.map(&gate)],
            second_bias: narrow(&bias(1, units)?.concat()),
            last: layers(2, 1)?.map(|linear| linear.weight.into_owned()),
            last_bias: [last_bias[0][0], last_bias[1][0]],
        })
    }

    /// Energies of atoms from their features, `[n_atoms, units]`, before they are scaled, and with `scale` the gradient by
    /// the features of the scaled ones.
    fn evaluate(&self, atoms: &[T], scale: Option<&[f64]>, set: InstructionSet) -> (Vec<f64>, Vec<T>) {
        let width = self.first.forward.depth();
        let n_atoms = atoms.len() / width;
        let mut first = self.first_bias.repeat(n_atoms);
        self.first.forward.multiply_add_all(atoms, &mut first);
        let mut hidden = first.clone();
        activate(&mut hidden, set);
        let mut second = self.second_bias.repeat(n_atoms);
        for (side, map) in self.second.iter().enumerate() {
            let from = side * width;
            map.forward.multiply_add_spread(&hidden[from..], 2 * width, n_atoms, &mut second[from..], 2 * width);
        }
        let mut last = second.clone();
        activate(&mut last, set);
        let mut energies = Vec::with_capacity(n_atoms);
        for (atom, row) in last.chunks_exact_mut(2 * width).enumerate() {
            let (core, gate) = row.split_at_mut(width);
            let sum = |row: &[T], side: usize| {
                let terms = row.iter().zip(&self.last[side]).map(|(x, weight)| x.wide() * weight);
                self.last_bias[side] + terms.sum::<f64>()
            };
            let (value, open) = (sum(core, 0), 1.0 / (1.0 + (-sum(gate, 1)).exp()));
            energies.push(value * open);
            if let Some(scale) = scale {
                // The row is not needed any more: its gradient takes its place.
                let slopes = [scale[atom] * open, scale[atom] * value * open * (1.0 - open)];
                for ((row, slope), weights) in [core, gate].into_iter().zip(slopes).zip(&self.last) {
                    row.iter_mut().zip(weights).for_each(|(x, weight)| *x = T::real(slope * weight));
                }
            }
        }
        let mut gradient = Vec::new();
        if scale.is_some() {
            gradient = vec![T::default(); atoms.len()];
            activate_backward(&second, &mut last, set);
            let mut of_first = vec![T::default(); first.len()];
            for (side, map) in self.second.iter().enumerate() {
                let from = side * width;
                map.backward.multiply_add_spread(&last[from..], 2 * width, n_atoms, &mut of_first[from..], 2 * width);
            }
            activate_backward(&first, &mut of_first, set);
            self.first.backward.multiply_add_all(&of_first, &mut gradient);
        }
        (energies, gradient)
    }
}

impl<T: Real> Network<T> {
    pub(in crate::mattersim) fn read(
        config: &Config,
        weights: &Weights,
        set: InstructionSet,
    ) -> Result<Self, WeightsError> {
        let (radial, spherical) = (Radial::read(config, weights)?, Spherical::read(config, weights)?);
        let packer = Packer { weights, set };
        let (units, n_elements) = (config.units, config.max_z + 1);
        let embedding = packer.linear("atom_embedding.mlp.0", n_elements, units)?;
        let element = |index: usize| T::real(embedding.weight[(index % units) * n_elements + index / units]);
        let blocks = (0..config.num_blocks).map(|t| Block::read(&packer, config, &format!("graph_conv.{t}")));
        Ok(Self {
            radial,
            spherical,
            embedding: (0..n_elements * units).map(element).collect(),
            encoder: packer.map(&packer.linear("edge_encoder.mlp.0", config.max_n, units)?),
            blocks: blocks.collect::<Result<_, _>>()?,
            readout: Readout::read(&packer, units)?,
            scale: weights.get("normalizer.scale", &[n_elements])?.into_owned(),
            shift: weights.get("normalizer.shift", &[n_elements])?.into_owned(),
            kept_bytes: KEPT_BYTES,
            set,
            config: config.clone(),
        })
    }

    /// Bytes of weights.
    pub(in crate::mattersim) fn bytes(&self) -> u64 {
        let readout = bytes(&self.readout.first) + self.readout.second.iter().map(bytes).sum::<u64>();
        let blocks = self.blocks.iter().map(Block::bytes).sum::<u64>();
        blocks + readout + bytes(&self.encoder) + (self.embedding.len() * size_of::<T>()) as u64
    }

    /// Bytes of the layers of all blocks.
    fn layer_bytes(&self, n_edges: f64) -> f64 {
        (self.config.num_blocks * SAVED_PER_EDGE * self.config.units * size_of::<T>()) as f64 * n_edges
    }

    /// Bytes that an evaluation takes at its peak.
    pub(in crate::mattersim) fn working_bytes(&self, n_atoms: f64, n_edges: f64, _n_angles: f64) -> f64 {
        let row = (self.config.units * size_of::<T>()) as f64;
        let kept = match self.layer_bytes(n_edges) {
            layers if layers <= self.kept_bytes as f64 => layers,
            _ => (self.config.num_blocks + SAVED_PER_EDGE) as f64 * row * n_edges,
        };
        // Features of edges and their gradient; parts of atoms, in both directions, and sums; functions in double precision.
        let functions = 8.0 * (3 * self.config.n_spherical() + 4 * self.config.max_n + 16) as f64;
        4e6 + 1.1 * kept + 3.0 * row * n_edges + 24.0 * row * n_atoms + functions * n_edges
    }

    pub(in crate::mattersim) fn evaluate(
        &self,
        graph: &Graph,
        wanted: Wanted,
        deadline: &Deadline,
    ) -> Result<Evaluation, PredictError> {
        let (units, set) = (self.config.units, self.set);
        let row = |z: &u32| &self.embedding[*z as usize * units..][..units];
        let mut atoms = graph.numbers.iter().flat_map(row).copied().collect::<Vec<_>>();
        let chunks = Chunks::of(graph);
        let geometry = Geometry::of(graph, &chunks, &self.config, (&self.radial, &self.spherical), deadline)?;
        let (radial, angles, reverse) = (geometry.radial(graph), geometry.angles(graph), reverse(graph));
        let inputs =
            Inputs { graph, chunks: &chunks, reverse: &reverse, radial: &radial, angles: &angles, set, deadline };
        let mut encoded = vec![T::default(); graph.n_edges() * units];
        self.encoder.forward.multiply_add_all(&radial, &mut encoded);
        let mut edges = encoded.clone();
        activate(&mut edges, set);
        let keeps_layers = self.layer_bytes(graph.n_edges() as f64) <= self.kept_bytes as f64;
        let mut kept = Vec::new();
        for block in &self.blocks {
            if wanted.gradient && !keeps_layers {
                kept.push(Kept::Input { atoms: atoms.clone(), edges: edges.clone() });
            }
            let saved = block.forward(&inputs, &mut atoms, &mut edges);
            deadline.check()?;
            if wanted.gradient && keeps_layers {
                kept.push(Kept::Layers(saved));
            }
        }
        let of_elements = |values: &[f64]| graph.numbers.iter().map(|z| values[*z as usize]).collect::<Vec<_>>();
        let (scale, shift) = (of_elements(&self.scale), of_elements(&self.shift));
        let (energies, gradient) = self.readout.evaluate(&atoms, wanted.gradient.then_some(scale.as_slice()), set);
        let sites = energies.iter().zip(&scale).zip(&shift).map(|((energy, scale), shift)| energy * scale + shift);
        let features = if wanted.features { atoms.iter().map(|x| x.wide()).collect() } else { Vec::new() };
        let mut evaluation = Evaluation { sites: sites.collect(), gradient: Vec::new(), features };
        if !wanted.gradient {
            return Ok(evaluation);
        }
        let zeros = |like: &[T]| vec![T::default(); like.len()];
        let mut gradients =
            Gradients { atoms: gradient, edges: zeros(&edges), radial: zeros(&radial), angles: zeros(&angles) };
        for (index, (block, kept)) in self.blocks.iter().zip(kept).enumerate().rev() {
            let saved = match kept {
                Kept::Layers(saved) => saved,
                Kept::Input { mut atoms, mut edges } => block.forward(&inputs, &mut atoms, &mut edges),
            };
            deadline.check()?;
            block.backward(&inputs, saved, &mut gradients, index == 0);
            deadline.check()?;
        }
        activate_backward(&encoded, &mut gradients.edges, set);
        self.encoder.backward.multiply_add_all(&gradients.edges, &mut gradients.radial);
        evaluation.gradient = geometry.gradient(graph, &chunks, &gradients.radial, &gradients.angles, deadline)?;
        Ok(evaluation)
    }
}

/// The other edge of each edge's pair.
fn reverse(graph: &Graph) -> Vec<u32> {
    let mut reverse = vec![0; graph.n_edges()];
    let mut first = vec![u32::MAX; graph.pairs.len()];
    for (edge, pair) in (0u32..).zip(&graph.edges.pair) {
        let other = first[*pair as usize];
        match other {
            u32::MAX => first[*pair as usize] = edge,
            _ => (reverse[edge as usize], reverse[other as usize]) = (other, edge),
        }
    }
    reverse
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mattersim::file::{Contents, from_torch};
    use mlip_atoms::{Lattice, Species, Structure};

    #[test]
    fn layers_that_are_made_again_give_the_same_bits() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mattersim/tiny.pth");
        let Contents { config, weights } = from_torch(&path).unwrap();
        let lattice = Lattice::from_vectors([[4.1, 0.2, 0.0], [0.3, 3.9, 0.1], [0.0, -0.2, 4.3]]).unwrap();
        let species = [22, 8, 8].map(|z| Species::from_atomic_number(z).unwrap()).to_vec();
        let structure = Structure::new(lattice, species, vec![[0.0; 3], [0.5, 0.48, 0.1], [0.47, 0.0, 0.55]]).unwrap();
        let graph = Graph::build(&structure, &config, &Deadline::NONE).unwrap();
        let mut network = Network::<f64>::read(&config, &weights, InstructionSet::detect()).unwrap();
        let evaluate = |network: &Network<f64>| {
            let wanted = Wanted { gradient: true, features: false };
            network.evaluate(&graph, wanted, &Deadline::NONE).unwrap().gradient
        };
        let kept = evaluate(&network);
        network.kept_bytes = 0;
        assert!(kept.iter().any(|g| *g != [0.0; 3]));
        assert_eq!(evaluate(&network), kept);
    }
}

//! From a graph to energies and their gradient.

use super::bases::{RadialBasis, SphericalBasis, envelope};
use super::layers::{Activation, Gated, linear};
use crate::graph_potential::Stopped;
use crate::mattersim::bases::{Radial, Spherical};
use crate::mattersim::config::Config;
use crate::mattersim::error::LoadError;
use crate::mattersim::graph::Graph;
use crate::pair_evaluation::{Evaluation, Wanted};
use crate::pair_vectors::PairVectors;
use crate::var_builder::var_builder;
use crate::weights::Weights;
use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{Linear, Module, VarBuilder};
use mlip_atoms::{Deadline, Precision, PredictError};
use std::sync::Arc;

/// Numbers that are kept of an edge in each block, in widths: those in and behind four perceptrons, and their gradients. Measured
/// with three blocks of width 128 and four of 256: up to 82.
const KEPT_PER_EDGE: f64 = 85.0;
/// Numbers that are kept of an angle, in functions of it, in double precision.
const KEPT_PER_ANGLE: f64 = 14.0;
/// What there is besides, bytes.
const OVERHEAD: f64 = 12e6;

/// MatterSim's layers on a device.
pub(in crate::mattersim) struct CandleNetwork {
    device: Device,
    config: Config,
    radial: RadialBasis,
    spherical: SphericalBasis,
    /// `[max_z + 1, units]`
    embedding: Tensor,
    edge_encoder: Linear,
    blocks: Vec<Block>,
    readout: Gated,
    /// By atomic number, eV, in double precision.
    scale: Tensor,
    shift: Tensor,
    dtype: DType,
    bytes: u64,
}

struct Block {
    angle_gate: Linear,
    angle_update: Gated,
    edge_update: Gated,
    edge_weights: Linear,
    atom_update: Gated,
    atom_weights: Linear,
}

impl Block {
    fn load(config: &Config, vars: &VarBuilder) -> Result<Self> {
        let (units, n_spherical) = (config.units, config.n_spherical());
        let update = |name: &str| Gated::load(&[3 * units, units, units], Activation::Swish, true, &vars.pp(name));
        let weights = |name: &str| linear(config.max_n, units, false, &vars.pp(name));
        let angles = vars.pp("three_body");
        Ok(Self {
            angle_gate: linear(units, n_spherical, true, &angles.pp("atom_mlp"))?,
            angle_update: Gated::load(&[n_spherical, units], Activation::Swish, false, &angles.pp("edge_gate_mlp"))?,
            edge_update: update("gated_mlp_edge")?,
            edge_weights: weights("edge_layer_edge")?,
            atom_update: update("gated_mlp_atom")?,
            atom_weights: weights("edge_layer_atom")?,
        })
    }

    /// Features of atoms and edges behind the block.
    fn forward(&self, atoms: &Tensor, edges: &Tensor, inputs: &Inputs) -> Result<[Tensor; 2]> {
        let Some(Geometry { radial, angles }) = &inputs.geometry else { return Ok([atoms.clone(), edges.clone()]) };
        let gate = Activation::Sigmoid.of(self.angle_gate.forward(atoms)?)?.index_select(&inputs.centers, 0)?;
        let mut edges = (edges + self.angle_update.forward(&(gate * angles)?)?)?;
        let [centers, neighbors] = [&inputs.centers, &inputs.neighbors].map(|ends| atoms.index_select(ends, 0));
        let (centers, neighbors) = (centers?, neighbors?);
        let joined = |edges: &Tensor| Tensor::cat(&[&centers, &neighbors, edges], 1);
        edges = (&edges + (self.edge_update.forward(&joined(&edges)?)? * self.edge_weights.forward(radial)?)?)?;
        let weights = Activation::Swish.of(self.atom_weights.forward(radial)?)?;
        let messages = (self.atom_update.forward(&joined(&edges)?)? * weights)?;
        Ok([atoms.index_add(&inputs.centers, &messages, 0)?, edges])
    }
}

/// Indices of one structure on the device, and functions of its edges and angles.
struct Inputs {
    numbers: Tensor,
    centers: Tensor,
    neighbors: Tensor,
    /// None where there are no edges: tensors of no rows are not for every operation.
    geometry: Option<Geometry>,
}

struct Geometry {
    /// `[n_edges, max_n]`
    radial: Tensor,
    /// `[n_edges, n_spherical]`, summed over the second edges of the angles.
    angles: Tensor,
}

/// First and second edges of all angles.
fn angles_of(graph: &Graph, deadline: &Deadline) -> std::result::Result<[Vec<u32>; 2], PredictError> {
    let mut angles = [Vec::new(), Vec::new()];
    for near in (0..graph.n_atoms()).map(|atom| graph.near_of(atom)) {
        for first in near {
            // Angles are as many as the square of the edges of an atom.
            deadline.check()?;
            for second in near.iter().filter(|second| *second != first) {
                angles[0].push(*first);
                angles[1].push(*second);
            }
        }
    }
    Ok(angles)
}

impl CandleNetwork {
    pub(in crate::mattersim) fn load(
        config: &Config,
        weights: &Arc<Weights>,
        precision: Precision,
        device: &Device,
    ) -> std::result::Result<Self, LoadError> {
        let bases = (Radial::read(config, weights)?, Spherical::read(config, weights)?);
        Self::with_bases(config, weights, bases, precision, device).map_err(LoadError::Candle)
    }

    fn with_bases(
        config: &Config,
        weights: &Arc<Weights>,
        (radial, spherical): (Radial, Spherical),
        precision: Precision,
        device: &Device,
    ) -> Result<Self> {
        let vars = var_builder(weights.clone(), precision, device)?;
        let wide = var_builder(weights.clone(), Precision::F64, device)?;
        let (units, n_elements) = (config.units, config.max_z + 1);
        let blocks = (0..config.num_blocks).map(|t| Block::load(config, &vars.pp("graph_conv").pp(t)));
        let n_numbers = weights.shapes().map(|(_, shape)| shape.iter().product::<usize>()).sum::<usize>();
        Ok(Self {
            device: device.clone(),
            radial: RadialBasis::new(radial, device)?,
            spherical: SphericalBasis::new(&spherical, device)?,
            embedding: vars.get((units, n_elements), "atom_embedding.mlp.0.linear.weight")?.t()?.contiguous()?,
            edge_encoder: linear(config.max_n, units, false, &vars.pp("edge_encoder.mlp.0"))?,
            blocks: blocks.collect::<Result<_>>()?,
            readout: Gated::load(&[units, units, units, 1], Activation::None, true, &vars.pp("final"))?,
            scale: wide.get(n_elements, "normalizer.scale")?,
            shift: wide.get(n_elements, "normalizer.shift")?,
            dtype: vars.dtype(),
            bytes: (n_numbers * vars.dtype().size_in_bytes()) as u64,
            config: config.clone(),
        })
    }

    /// Bytes of weights.
    pub(in crate::mattersim) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of intermediates and their gradients, all of which candle keeps.
    pub(in crate::mattersim) fn working_bytes(&self, _n_atoms: f64, n_edges: f64, n_angles: f64) -> f64 {
        let edges = KEPT_PER_EDGE * (self.config.num_blocks * self.config.units) as f64 * n_edges;
        let angles = KEPT_PER_ANGLE * self.config.n_spherical() as f64 * n_angles;
        OVERHEAD + self.dtype.size_in_bytes() as f64 * edges + DType::F64.size_in_bytes() as f64 * angles
    }

    /// Functions of edges and of angles, from the vectors of pairs `[n_pairs, 3]`.
    fn geometry(&self, graph: &Graph, vectors: &Tensor, deadline: &Deadline) -> std::result::Result<Geometry, Stopped> {
        let index = |values: &[u32]| Tensor::from_slice(values, values.len(), &self.device);
        let (pairs, near) = (index(&graph.edges.pair)?, self.config.threebody_cutoff);
        let lengths = vectors.sqr()?.sum_keepdim(1)?.sqrt()?;
        let radial = self.radial.forward(&lengths)?.to_dtype(self.dtype)?.index_select(&pairs, 0)?;
        let mut angles = Tensor::zeros((graph.n_edges(), self.config.n_spherical()), DType::F64, &self.device)?;
        if graph.n_angles() > 0 {
            let signs = Tensor::from_slice(&graph.edges.sign, (graph.n_edges(), 1), &self.device)?;
            let unit = vectors.broadcast_div(&lengths)?.index_select(&pairs, 0)?.broadcast_mul(&signs)?;
            let envelope = envelope(&lengths, near)?;
            let of_second = self.spherical.of_lengths(&lengths)?.broadcast_mul(&envelope)?.index_select(&pairs, 0)?;
            let [first, second] = angles_of(graph, deadline)?;
            let (first, second) = (index(&first)?, index(&second)?);
            let cosines = (unit.index_select(&first, 0)? * unit.index_select(&second, 0)?)?.sum_keepdim(1)?;
            deadline.check()?;
            let functions = (self.spherical.of_cosines(&cosines)? * of_second.index_select(&second, 0)?)?;
            // Upstream's gate is that of the atom in the middle: the same for all angles of an edge, and so is the envelope
            // of the edge. Their product can wait until the sum is made, which all blocks share then.
            let sums = angles.index_add(&first, &functions, 0)?;
            angles = sums.broadcast_mul(&envelope.index_select(&pairs, 0)?)?;
        }
        Ok(Geometry { radial, angles: angles.to_dtype(self.dtype)? })
    }

    /// Energies of atoms `[n_atoms]` in double precision, and the features that they are read from.
    fn forward(
        &self,
        graph: &Graph,
        vectors: Option<&Tensor>,
        deadline: &Deadline,
    ) -> std::result::Result<[Tensor; 2], Stopped> {
        let index = |values: &[u32]| Tensor::from_slice(values, values.len(), &self.device);
        let inputs = Inputs {
            numbers: index(&graph.numbers)?,
            centers: index(&graph.edges.center)?,
            neighbors: index(&graph.edges.neighbor)?,
            geometry: vectors.map(|vectors| self.geometry(graph, vectors, deadline)).transpose()?,
        };
        let mut atoms = self.embedding.index_select(&inputs.numbers, 0)?;
        if let Some(Geometry { radial, .. }) = &inputs.geometry {
            let mut edges = Activation::Swish.of(self.edge_encoder.forward(radial)?)?;
            for block in &self.blocks {
                deadline.check()?;
                [atoms, edges] = block.forward(&atoms, &edges, &inputs)?;
            }
        }
        let energies = self.readout.forward(&atoms)?.squeeze(1)?.to_dtype(DType::F64)?;
        let of_elements = |values: &Tensor| values.index_select(&inputs.numbers, 0);
        Ok([((energies * of_elements(&self.scale)?)? + of_elements(&self.shift)?)?, atoms])
    }

    /// Evaluates the network and, where asked, its gradient.
    pub(in crate::mattersim) fn evaluate(
        &self,
        graph: &Graph,
        wanted: Wanted,
        deadline: &Deadline,
    ) -> std::result::Result<Evaluation, Stopped> {
        let vectors = graph.pairs.iter().map(|pair| pair.vector);
        let vectors = PairVectors::new(vectors, wanted.gradient, &self.device)?;
        let [sites, features] = self.forward(graph, vectors.some(), deadline)?;
        deadline.check()?;
        let gradient = vectors.gradient(&sites.sum_all()?)?;
        let features = match wanted.features {
            true => features.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?,
            false => Vec::new(),
        };
        Ok(Evaluation { sites: sites.to_vec1()?, gradient, features })
    }
}

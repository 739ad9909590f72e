//! From a graph to what is read off the network.

use super::bases::{Fourier, Radial};
use super::layers::{Gated, Perceptron, ReadoutNorm};
use crate::chgnet::Config;
use crate::chgnet::graph::Graph;
use crate::chgnet::parameters::N_ELEMENTS;
use crate::chgnet::readings::Readings;
use crate::graph_potential::Stopped;
use crate::pair_vectors::PairVectors;
use crate::var_builder::var_builder;
use crate::weights::Weights;
use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{Embedding, Linear, Module};
use mlip_atoms::{Deadline, Precision};
use std::sync::Arc;

/// CHGNet's layers on a device.
#[derive(Debug)]
pub(in crate::chgnet) struct CandleNetwork {
    device: Device,
    atom_embedding: Embedding,
    /// Of the atom graph and of the bond graph.
    radial: [Radial; 2],
    bond_embedding: Linear,
    atom_graph_weights: Linear,
    bond_graph_weights: Linear,
    fourier: Fourier,
    angle_embedding: Linear,
    atom_convolutions: Vec<Gated>,
    bond_convolutions: Vec<Gated>,
    angle_updates: Vec<Gated>,
    readout_norm: ReadoutNorm,
    readout: Perceptron,
    site_wise: Linear,
    /// `[94]`, eV/atom, in double precision.
    references: Tensor,
    bytes: u64,
}

/// Indices of one structure on the device.
struct Inputs {
    elements: Tensor,
    centers: Tensor,
    neighbors: Tensor,
    pairs: Tensor,
    bonds: Tensor,
    angle_center: Tensor,
    angle_bond: [Tensor; 2],
    angle_pair: [Tensor; 2],
    angle_sign: Tensor,
}

impl Inputs {
    fn new(graph: &Graph, device: &Device) -> Result<Self> {
        let index = |values: &[u32]| Tensor::from_slice(values, values.len(), device);
        let angles = &graph.angles;
        Ok(Self {
            elements: index(&graph.element)?,
            centers: index(&graph.edges.center)?,
            neighbors: index(&graph.edges.neighbor)?,
            pairs: index(&graph.edges.pair)?,
            bonds: index(&graph.bonds)?,
            angle_center: index(&angles.center)?,
            angle_bond: [index(&angles.bond[0])?, index(&angles.bond[1])?],
            angle_pair: [index(&angles.pair[0])?, index(&angles.pair[1])?],
            angle_sign: Tensor::from_slice(&angles.sign, (angles.sign.len(), 1), device)?,
        })
    }
}

impl CandleNetwork {
    pub(in crate::chgnet) fn load(
        config: &Config,
        weights: &Arc<Weights>,
        precision: Precision,
        device: &Device,
    ) -> Result<Self> {
        let vars = var_builder(weights.clone(), precision, device)?;
        let (d, n_conv) = (config.width(), config.n_conv);
        let linear = |name: &str, inputs: usize| candle_nn::linear_no_bias(inputs, d, vars.pp(name));
        let convolutions = |name: &str, mlp: &str, parts: usize, n: usize| {
            let layers = (0..n).map(|t| Gated::convolution(mlp, parts, config, &vars.pp(format!("{name}.{t}"))));
            layers.collect::<Result<Vec<_>>>()
        };
        // The last angle update of a file is never read.
        let updates =
            (0..n_conv - 2).map(|t| Gated::update("twoBody_bond", 4, config, &vars.pp(format!("angle_layers.{t}"))));
        let wide = var_builder(weights.clone(), Precision::F64, device)?;
        let references = wide.get((1, N_ELEMENTS), "composition_model.fc.weight")?;
        let n_numbers = weights.shapes().map(|(_, shape)| shape.iter().product::<usize>()).sum::<usize>();
        Ok(Self {
            device: device.clone(),
            atom_embedding: candle_nn::embedding(N_ELEMENTS, d, vars.pp("atom_embedding.embedding"))?,
            radial: [
                Radial::load("ag", config.atom_graph_cutoff, config, &vars)?,
                Radial::load("bg", config.bond_graph_cutoff, config, &vars)?,
            ],
            bond_embedding: linear("bond_embedding", config.num_radial)?,
            atom_graph_weights: linear("bond_weights_ag", config.num_radial)?,
            bond_graph_weights: linear("bond_weights_bg", config.num_radial)?,
            fourier: Fourier::load(config, &vars)?,
            angle_embedding: linear("angle_embedding", config.num_angular)?,
            atom_convolutions: convolutions("atom_conv_layers", "twoBody_atom", 3, n_conv)?,
            bond_convolutions: convolutions("bond_conv_layers", "twoBody_bond", 4, n_conv - 1)?,
            angle_updates: updates.collect::<Result<_>>()?,
            readout_norm: ReadoutNorm::load(config, &vars)?,
            readout: Perceptron::readout(config, &vars)?,
            site_wise: candle_nn::linear(d, 1, vars.pp("site_wise"))?,
            references: references.squeeze(0)?,
            bytes: (n_numbers * vars.dtype().size_in_bytes()) as u64,
        })
    }

    /// Bytes of weights.
    pub(in crate::chgnet) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Features of angles before the first layer.
    fn angles(&self, vectors: &Tensor, lengths: &Tensor, inputs: &Inputs) -> Result<Tensor> {
        let unit = vectors.broadcast_div(lengths)?;
        let [first, second] = &inputs.angle_pair;
        let product = (unit.index_select(first, 0)? * unit.index_select(second, 0)?)?.sum_keepdim(1)?;
        self.angle_embedding.forward(&self.fourier.forward(&(product * &inputs.angle_sign)?)?)
    }

    /// Site energies `[n_atoms]`, without references, and the features of atoms before the last convolution.
    fn forward(
        &self,
        graph: &Graph,
        inputs: &Inputs,
        vectors: &Tensor,
        deadline: &Deadline,
    ) -> std::result::Result<[Tensor; 2], Stopped> {
        let mut atoms = self.atom_embedding.forward(&inputs.elements)?;
        let lengths = vectors.sqr()?.sum_keepdim(1)?.sqrt()?;
        let radial = self.radial[0].forward(&lengths)?;
        let mut bonds = self.bond_embedding.forward(&radial)?;
        let edge_weights = self.atom_graph_weights.forward(&radial)?.index_select(&inputs.pairs, 0)?;
        let mut line = None;
        if graph.n_angles() > 0 {
            let short = self.radial[1].forward(&lengths.index_select(&inputs.bonds, 0)?)?;
            let short = self.bond_graph_weights.forward(&short)?;
            let [first, second] = &inputs.angle_bond;
            let weights = (short.index_select(first, 0)? * short.index_select(second, 0)?)?;
            line = Some((self.angles(vectors, &lengths, inputs)?, weights));
        }
        let mut features = atoms.clone();
        for (t, layer) in self.atom_convolutions.iter().enumerate() {
            deadline.check()?;
            features = atoms.clone();
            let parts = [(&atoms, &inputs.centers), (&bonds, &inputs.pairs), (&atoms, &inputs.neighbors)];
            let messages = (layer.forward(&gather(&parts)?)? * &edge_weights)?;
            atoms = (&atoms + layer.sum(&messages, &inputs.centers, graph.n_atoms())?)?;
            let (Some((angles, weights)), Some(layer)) = (&mut line, self.bond_convolutions.get(t)) else { continue };
            let rows = |bonds: &Tensor, angles: &Tensor| {
                let [first, second] = &inputs.angle_pair;
                let mut parts = gather(&[(bonds, first), (bonds, second), (&atoms, &inputs.angle_center)])?;
                parts.insert(2, angles.clone());
                Ok::<_, candle_core::Error>(parts)
            };
            let messages = (layer.forward(&rows(&bonds, angles)?)? * &*weights)?;
            bonds = (&bonds + layer.sum(&messages, &inputs.angle_pair[0], graph.pairs.len())?)?;
            if let Some(layer) = self.angle_updates.get(t) {
                *angles = (&*angles + layer.forward(&rows(&bonds, angles)?)?)?;
            }
        }
        let sites = self.readout.forward(&self.readout_norm.forward(&atoms)?)?.squeeze(1)?;
        Ok([sites, features])
    }

    /// Evaluates the network and, where asked, its gradient. Geometry is in double precision.
    pub(in crate::chgnet) fn evaluate(
        &self,
        graph: &Graph,
        with_gradient: bool,
        deadline: &Deadline,
    ) -> std::result::Result<Readings, Stopped> {
        let vectors = graph.pairs.iter().map(|pair| pair.vector);
        let vectors = PairVectors::new(vectors, with_gradient, &self.device)?;
        let inputs = Inputs::new(graph, &self.device)?;
        let numbers = |tensor: &Tensor| tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
        let [sites, features] = self.forward(graph, &inputs, vectors.tensor(), deadline)?;
        deadline.check()?;
        let gradient = vectors.gradient(&sites.sum_all()?)?;
        let references = self.references.index_select(&inputs.elements, 0)?;
        let energy = (sites.to_dtype(DType::F64)?.sum_all()? + references.sum_all()?)?.to_scalar()?;
        let moments = numbers(&self.site_wise.forward(&features)?.abs()?)?;
        Ok(Readings { energy, moments, features: numbers(&features)?, gradient })
    }
}

fn gather(parts: &[(&Tensor, &Tensor)]) -> Result<Vec<Tensor>> {
    parts.iter().map(|(rows, index)| rows.index_select(index, 0)).collect()
}

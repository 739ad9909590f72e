//! Layer by layer, from a graph to energies and their gradient.

use super::convolution::Convolution;
use super::edges::Geometry;
use super::maps::{ByBlock, Loader};
use crate::graph_potential::Stopped;
use crate::pair_evaluation::{Evaluation, Wanted};
use crate::pair_vectors::PairVectors;
use crate::sevennet::config::Config;
use crate::sevennet::graph::Graph;
use crate::sevennet::irreps::Irreps;
use crate::sevennet::layers::Layer;
use crate::var_builder::{dtype, var_builder};
use crate::weights::Weights;
use candle_core::{DType, Device, Result, Tensor};
use mlip_atoms::{Deadline, Precision};
use std::cell::Cell;
use std::sync::Arc;

/// How often a number that an edge makes is kept: it, what is made of it, their gradients.
const KEPT_PER_EDGE: f64 = 5.0;
/// The same for an atom.
const KEPT_PER_ATOM: f64 = 2.5;
/// What there is besides.
const OVERHEAD: f64 = 4e6;

/// SevenNet's weights as tensors on a device.
pub(in crate::sevennet) struct CandleNetwork {
    device: Device,
    dtype: DType,
    geometry: Geometry,
    n_species: usize,
    embedding: ByBlock,
    layers: Vec<Convolution>,
    hidden: ByBlock,
    energy: ByBlock,
    /// By species, eV, in double precision.
    scale: Tensor,
    shift: Tensor,
    /// Numbers an atom in the features that the readout gets.
    width: usize,
    bytes: u64,
}

impl CandleNetwork {
    /// `modal`: index of the modality, where there are several.
    pub(in crate::sevennet) fn read(
        config: &Config,
        layers: &[Layer],
        weights: &Arc<Weights>,
        modal: Option<usize>,
        precision: Precision,
        device: &Device,
    ) -> Result<Self> {
        let load = Loader {
            vars: var_builder(weights.clone(), Precision::F64, &Device::Cpu)?,
            device,
            dtype: dtype(precision)?,
            modal: modal.map(|modal| (modal, config.modals.len())),
            bytes: Cell::new(0),
        };
        let n_species = config.species.len();
        let (Some(first), Some(last)) = (layers.first(), layers.last()) else {
            candle_core::bail!("the model has no layers");
        };
        let places = config.modal_places;
        let hidden = Irreps::scalars(last.output.dim() / 2);
        let one_hot = Irreps::scalars(n_species);
        let read = |(number, layer)| Convolution::read(&load, number, layer, config);
        Ok(Self {
            geometry: Geometry::read(&load, config)?,
            embedding: load.linear("onehot_to_feature_x", &one_hot, &first.input, places.embedding)?,
            layers: layers.iter().enumerate().map(read).collect::<Result<_>>()?,
            hidden: load.linear("reduce_input_to_hidden", &last.output, &hidden, places.readout)?,
            energy: load.linear("reduce_hidden_to_energy", &hidden, &Irreps::scalars(1), false)?,
            scale: load.of_species("rescale_atomic_energy.scale", n_species)?.to_device(device)?,
            shift: load.of_species("rescale_atomic_energy.shift", n_species)?.to_device(device)?,
            device: device.clone(),
            dtype: load.dtype,
            n_species,
            width: last.output.dim(),
            bytes: load.bytes.get(),
        })
    }

    /// Bytes of weights.
    pub(in crate::sevennet) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Numbers of [`Evaluation::features`] an atom.
    pub(in crate::sevennet) fn width(&self) -> usize {
        self.width
    }

    /// Bytes of intermediates and their gradients, all of which candle keeps.
    pub(in crate::sevennet) fn working_bytes(&self, n_atoms: f64, n_edges: f64) -> f64 {
        let numbers = |layer: &Convolution| {
            let (edge, atom) = (layer.numbers_per_edge() as f64, layer.numbers_per_atom() as f64);
            KEPT_PER_EDGE * edge * n_edges + KEPT_PER_ATOM * atom * n_atoms
        };
        OVERHEAD + self.dtype.size_in_bytes() as f64 * self.layers.iter().map(numbers).sum::<f64>()
    }

    /// Energies of atoms `[n_atoms]` in double precision, and the features that they are read from.
    fn forward(
        &self,
        graph: &Graph,
        vectors: Option<&Tensor>,
        deadline: &Deadline,
    ) -> std::result::Result<(Tensor, Tensor), Stopped> {
        let species = Tensor::from_vec(graph.species.clone(), graph.n_atoms(), &self.device)?;
        let edges = vectors.map(|vectors| self.geometry.edges(graph, vectors)).transpose()?;
        let one_hot = Tensor::eye(self.n_species, self.dtype, &self.device)?.index_select(&species, 0)?.unsqueeze(1)?;
        let mut features = self.embedding.forward(&[one_hot], &species)?;
        for layer in &self.layers {
            deadline.check()?;
            features = layer.forward(&species, edges.as_ref(), &features)?;
        }
        let hidden = self.hidden.forward(&features, &species)?;
        let energies = self.energy.forward(&hidden, &species)?[0].flatten_all()?.to_dtype(DType::F64)?;
        let [scale, shift] = [&self.scale, &self.shift].map(|values| values.index_select(&species, 0));
        Ok((((energies * scale?)? + shift?)?, features[0].squeeze(1)?))
    }

    /// Evaluates the network and, where asked, its gradient.
    pub(in crate::sevennet) fn evaluate(
        &self,
        graph: &Graph,
        wanted: Wanted,
        deadline: &Deadline,
    ) -> std::result::Result<Evaluation, Stopped> {
        let vectors = graph.pairs.iter().map(|pair| pair.vector);
        let vectors = PairVectors::new(vectors, wanted.gradient, &self.device)?;
        let (sites, features) = self.forward(graph, vectors.some(), deadline)?;
        deadline.check()?;
        let gradient = vectors.gradient(&sites.sum_all()?)?;
        let features = match wanted.features {
            true => features.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?,
            false => Vec::new(),
        };
        Ok(Evaluation { sites: sites.to_vec1()?, gradient, features })
    }
}

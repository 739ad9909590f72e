//! Layer by layer, from a graph to energies and their gradient.

use super::edges::Geometry;
use super::interaction::Interaction;
use super::maps::{Features, Loader};
use super::product::{Product, Readout};
use crate::graph_potential::Stopped;
use crate::mace::file::ModelFile;
use crate::mace::graph::Graph;
use crate::mace::network::{Descriptors, Evaluation, Wanted};
use crate::pair_vectors::PairVectors;
use crate::var_builder::{dtype, var_builder};
use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{Embedding, Module};
use mlip_atoms::{Deadline, Precision};
use std::cell::Cell;

/// How often a number that an edge makes is kept: it, what is made of it, their gradients. With this the estimates are
/// one to two times what was measured, from an atom a cell to 40, from tiny models to MACE-MP-0 medium.
const KEPT_PER_EDGE: f64 = 5.0;
/// The same for an atom.
const KEPT_PER_ATOM: f64 = 2.5;
/// What there is besides.
const OVERHEAD: f64 = 4e6;

/// MACE's weights as tensors on a device.
pub(in crate::mace) struct CandleNetwork {
    device: Device,
    geometry: Geometry,
    embedding: Embedding,
    layers: Vec<Layer>,
    /// eV, by element, in double precision.
    references: Tensor,
    /// Factor and term of what the readouts give, eV.
    scale: f64,
    shift: f64,
    bytes: u64,
}

struct Layer {
    interaction: Interaction,
    product: Product,
    use_sc: bool,
    readout: Readout,
    /// Channels and largest l of what comes out.
    shape: (usize, usize),
}

impl CandleNetwork {
    pub(in crate::mace) fn read(file: &ModelFile, head: usize, precision: Precision, device: &Device) -> Result<Self> {
        let load = Loader {
            vars: var_builder(file.weights.clone(), Precision::F64, &Device::Cpu)?,
            config: &file.config,
            single: file.is_single(),
            device,
            dtype: dtype(precision)?,
            bytes: Cell::new(0),
        };
        let config = &file.config;
        let n_elements = config.atomic_numbers.len();
        let mut layers = Vec::new();
        for (number, layer) in config.layers.iter().enumerate() {
            layers.push(Layer {
                interaction: Interaction::read(&load, number, layer)?,
                product: Product::read(&load, number, layer)?,
                use_sc: layer.use_sc,
                readout: Readout::read(&load, number, layer, head)?,
                shape: (layer.product.0[0], layer.product.lmax()),
            });
        }
        let single = |name: &str| Ok::<f64, candle_core::Error>(load.of_head(name, 1, head)?[0]);
        let references = load.of_head("atomic_energies_fn.atomic_energies", n_elements, head)?;
        let embedding = [n_elements, config.layers[0].node_feats.0[0]];
        let fan_in = 1.0 / (n_elements as f64).sqrt();
        Ok(Self {
            device: device.clone(),
            geometry: Geometry::read(&load)?,
            embedding: Embedding::new(load.read("node_embedding.linear.weight", &embedding, fan_in)?, embedding[1]),
            references: Tensor::from_vec(references, n_elements, device)?,
            scale: if config.scale_shift { single("scale_shift.scale")? } else { 1.0 },
            shift: if config.scale_shift { single("scale_shift.shift")? } else { 0.0 },
            layers,
            bytes: load.bytes.get(),
        })
    }

    /// Bytes of weights.
    pub(in crate::mace) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of intermediates and their gradients, all of which candle keeps.
    pub(in crate::mace) fn working_bytes(&self, n_atoms: f64, n_edges: f64) -> f64 {
        let scalar = self.embedding.embeddings().dtype().size_in_bytes() as f64;
        let numbers = |layer: &Layer| {
            let edge = layer.interaction.numbers_per_edge() as f64;
            let atom = layer.product.numbers_per_atom() as f64;
            KEPT_PER_EDGE * edge * n_edges + KEPT_PER_ATOM * atom * n_atoms
        };
        OVERHEAD + scalar * self.layers.iter().map(numbers).sum::<f64>()
    }

    /// Site energies `[n_atoms]` and the features that come out of each layer.
    fn forward(
        &self,
        graph: &Graph<f64>,
        vectors: Option<&Tensor>,
        deadline: &Deadline,
    ) -> std::result::Result<(Tensor, Vec<Features>), Stopped> {
        let elements = graph.elements.iter().map(|element| u32::from(*element)).collect();
        let elements = Tensor::from_vec(elements, graph.n_atoms(), &self.device)?;
        let edges = vectors.map(|vectors| self.geometry.edges(graph, vectors)).transpose()?;
        let mut energies = Tensor::zeros(graph.n_atoms(), DType::F64, &self.device)?;
        if let Some(edges) = &edges
            && let Some(repulsion) = &edges.repulsion
        {
            energies = energies.index_add(&edges.receivers, repulsion, 0)?;
        }
        let mut features = vec![self.embedding.forward(&elements)?.unsqueeze(1)?];
        let mut all = Vec::new();
        for layer in &self.layers {
            deadline.check()?;
            let around = match layer.use_sc {
                true => layer.interaction.skip(&elements, &features)?,
                false => Vec::new(),
            };
            let messages = layer.interaction.forward(&elements, edges.as_ref(), &features)?;
            features = layer.product.forward(&elements, &messages, &around)?;
            energies = (energies + layer.readout.forward(&features[0])?)?;
            all.push(features.clone());
        }
        let references = self.references.index_select(&elements, 0)?;
        Ok(((energies.affine(self.scale, self.shift)? + references)?, all))
    }

    /// Evaluates the network and, where asked, its gradient.
    pub(in crate::mace) fn evaluate(
        &self,
        graph: &Graph<f64>,
        wanted: Wanted,
        deadline: &Deadline,
    ) -> std::result::Result<Evaluation, Stopped> {
        let vectors = graph.pairs.iter().map(|pair| pair.vector);
        let vectors = PairVectors::new(vectors, wanted.gradient, &self.device)?;
        let (sites, features) = self.forward(graph, vectors.some(), deadline)?;
        deadline.check()?;
        let gradient = vectors.gradient(&sites.sum_all()?)?;
        let descriptors = self.descriptors(&features, wanted.descriptors)?;
        Ok(Evaluation { sites: sites.to_vec1()?, gradient, descriptors })
    }

    fn descriptors(&self, features: &[Features], wanted: Descriptors) -> Result<Vec<f64>> {
        let n_l = match wanted {
            Descriptors::None => return Ok(Vec::new()),
            Descriptors::Invariant => 1,
            Descriptors::All => usize::MAX,
        };
        // Channel by channel, as e3nn has them.
        let blocks = features.iter().flat_map(|layer| layer.iter().take(n_l));
        let blocks = blocks.map(|x| x.transpose(1, 2)?.contiguous()?.flatten_from(1)).collect::<Result<Vec<_>>>()?;
        Tensor::cat(&blocks, 1)?.to_dtype(DType::F64)?.flatten_all()?.to_vec1()
    }

    /// Numbers of [`Evaluation::descriptors`] an atom.
    pub(in crate::mace) fn descriptor_width(&self, wanted: Descriptors) -> usize {
        let width = |(channels, lmax): (usize, usize)| match wanted {
            Descriptors::None => 0,
            Descriptors::Invariant => channels,
            Descriptors::All => channels * (lmax + 1) * (lmax + 1),
        };
        self.layers.iter().map(|layer| width(layer.shape)).sum()
    }
}

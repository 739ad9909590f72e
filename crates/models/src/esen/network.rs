//! From a graph to energies and their gradient, in layers of candle.
//!
//! Tensors are found by upstream's module tree: `backbone.blocks.0.edge_wise.so2_conv_1.fc_m0.weight`. Features of atoms and their
//! norms are in double precision: atoms are few beside edges, and what ten layers add up keeps its digits.

use super::config::{Backbone, Config};
use super::error::LoadError;
use super::scales::Scales;
use crate::escn::candle::{
    Atomwise, Channels, Convolution, EdgeDegree, EdgeEmbedding, Edgewise, Gaussians, Orders, Shape, SphericalNorm,
    scalars,
};
use crate::escn::graph::Graph;
use crate::graph_potential::Stopped;
use crate::pair_evaluation::{Evaluation, Wanted};
use crate::pair_vectors::PairVectors;
use crate::var_builder::var_builder;
use crate::weights::Weights;
use candle_core::{DType, Device, Module, Result, Tensor};
use candle_nn::{Embedding, Linear, VarBuilder, embedding, linear, linear_no_bias};
use mlip_atoms::{Deadline, Precision};
use std::sync::Arc;

/// eSEN's layers on a device.
pub(super) struct Network {
    elements: Embedding,
    edges: EdgeEmbedding,
    degree: EdgeDegree,
    blocks: Vec<Block>,
    norm: SphericalNorm,
    /// In double precision.
    readout: [Linear; 3],
    /// By atomic number, eV.
    scales: Scales,
    backbone: Backbone,
    dtype: DType,
    device: Device,
    bytes: u64,
}

/// A layer.
struct Block {
    before_messages: SphericalNorm,
    edgewise: Edgewise,
    convolutions: [Convolution; 2],
    before_atoms: SphericalNorm,
    atomwise: Atomwise,
}

impl Block {
    fn new(shape: &Shape, vb: &VarBuilder<'_>) -> Result<Self> {
        let wide = vb.to_dtype(DType::F64);
        let edgewise = vb.pp("edge_wise");
        let [first, second] = shape.convolutions();
        Ok(Self {
            before_messages: norm(shape, &wide.pp("norm_1"))?,
            edgewise: Edgewise::new(shape, &edgewise)?,
            convolutions: [
                convolution(first, &shape.orders, &edgewise.pp("so2_conv_1"))?,
                convolution(second, &shape.orders, &edgewise.pp("so2_conv_2"))?,
            ],
            before_atoms: norm(shape, &wide.pp("norm_2"))?,
            atomwise: Atomwise::new(shape, &vb.pp("atom_wise"))?,
        })
    }
}

/// What each component counts stands in the file, in single precision.
fn norm(shape: &Shape, vb: &VarBuilder<'_>) -> Result<SphericalNorm> {
    let Orders { lmax, .. } = shape.orders;
    let shares = vb.get(((lmax + 1) * (lmax + 1), 1), "balance_degree_weight")?;
    SphericalNorm::new(lmax, shape.channels, shares.flatten_all()?.to_vec1()?, vb)
}

fn convolution(channels: Channels, orders: &Orders, vb: &VarBuilder<'_>) -> Result<Convolution> {
    let maps = channels.maps(orders);
    let zero = linear(maps[0][1], maps[0][0], vb.pp("fc_m0"))?;
    let others = maps.iter().skip(1).enumerate();
    let others =
        others.map(|(k, [outputs, inputs])| linear_no_bias(*inputs, *outputs, vb.pp("so2_m_conv").pp(k).pp("fc")));
    Ok(Convolution::new(channels, orders, zero, others.collect::<Result<_>>()?))
}

/// Their centers stand in the file, in single precision, in which upstream computes their width.
fn gaussians(n: usize, vb: &VarBuilder<'_>) -> Result<Gaussians> {
    let centers = vb.to_dtype(DType::F64).get(n, "distance_expansion.offset")?.to_vec1::<f64>()?;
    let step = centers[1] as f32 - centers[0] as f32;
    Ok(Gaussians { centers, coefficient: -0.5 / f64::from(2.0 * step).powi(2) })
}

impl Network {
    pub(super) fn load(
        config: &Config,
        scales: &Scales,
        weights: &Arc<Weights>,
        precision: Precision,
        device: &Device,
    ) -> std::result::Result<Self, LoadError> {
        Self::new(config, scales, weights, precision, device).map_err(LoadError::Candle)
    }

    fn new(
        config: &Config,
        scales: &Scales,
        weights: &Arc<Weights>,
        precision: Precision,
        device: &Device,
    ) -> Result<Self> {
        let Config { backbone: b, head } = config;
        let shape = b.sizes().shape();
        let vb = var_builder(weights.clone(), precision, device)?.pp("backbone");
        let wide = var_builder(weights.clone(), Precision::F64, device)?;
        let (channels, hidden) = (b.sphere_channels, b.hidden_channels);
        let layer = |k: usize, inputs: usize, outputs: usize| {
            linear(inputs, outputs, wide.pp("output_heads").pp(head).pp("energy_block").pp(k))
        };
        let n_numbers = weights.shapes().map(|(_, shape)| shape.iter().product::<usize>()).sum::<usize>();
        Ok(Self {
            elements: embedding(b.max_num_elements, channels, vb.pp("sphere_embedding"))?,
            edges: EdgeEmbedding::new(
                &shape,
                gaussians(b.num_distance_basis, &vb)?,
                b.use_envelope.then_some(b.cutoff),
                &vb,
            )?,
            degree: EdgeDegree::new(&shape, &vb.pp("edge_degree_embedding"))?,
            blocks: (0..b.num_layers).map(|k| Block::new(&shape, &vb.pp("blocks").pp(k))).collect::<Result<_>>()?,
            norm: norm(&shape, &wide.pp("backbone").pp("norm"))?,
            readout: [layer(0, channels, hidden)?, layer(2, hidden, hidden)?, layer(4, hidden, 1)?],
            scales: scales.clone(),
            backbone: b.clone(),
            dtype: vb.dtype(),
            device: device.clone(),
            bytes: (n_numbers * vb.dtype().size_in_bytes()) as u64,
        })
    }

    /// Bytes of weights.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Energies of atoms and, where asked, their gradient and features.
    ///
    /// # Errors
    /// When candle fails, or the time is over.
    pub(super) fn evaluate(
        &self,
        graph: &Graph,
        wanted: Wanted,
        deadline: &Deadline,
    ) -> std::result::Result<Evaluation, Stopped> {
        let vectors = graph.pairs.iter().map(|pair| pair.vector);
        let vectors = PairVectors::new(vectors, wanted.gradient, &self.device)?;
        let last = self.features(graph, vectors.some(), deadline)?;
        deadline.check()?;
        let [first, second, third] = &self.readout;
        let energies = third.forward(&second.forward(&first.forward(&last)?.silu()?)?.silu()?)?;
        let gradient = vectors.gradient(&(energies.sum_all()? * self.scales.energy)?)?;
        let references = graph.elements.iter().map(|z| self.scales.reference(*z).unwrap_or_default());
        let energies = energies.flatten_all()?.to_vec1::<f64>()?.into_iter().zip(references);
        Ok(Evaluation {
            sites: energies.map(|(energy, reference)| self.scales.energy * energy + reference).collect(),
            gradient,
            features: if wanted.features { last.flatten_all()?.to_vec1()? } else { Vec::new() },
        })
    }

    /// `[atoms, channels]`: degree 0 of the last features, in double precision. `vectors`: of the pairs, where there are edges.
    fn features(
        &self,
        graph: &Graph,
        vectors: Option<&Tensor>,
        deadline: &Deadline,
    ) -> std::result::Result<Tensor, Stopped> {
        let Backbone { lmax, sphere_channels, .. } = self.backbone;
        let elements = Tensor::from_slice(&graph.elements, graph.n_atoms(), &self.device)?;
        let zeros = (graph.n_atoms(), (lmax + 1) * (lmax + 1) - 1, sphere_channels);
        let zeros = Tensor::zeros(zeros, self.dtype, &self.device)?;
        let first = Tensor::cat(&[&self.elements.forward(&elements)?.unsqueeze(1)?, &zeros], 1)?;
        let none = first.zeros_like()?;
        let mut x = first.to_dtype(DType::F64)?;
        // Upstream's layers are left out as a whole where no atom has a neighbor.
        if let Some(vectors) = vectors {
            let pairs = graph.edges.iter().map(|edge| edge.pair).collect::<Vec<_>>();
            let signs = graph.edges.iter().map(|edge| edge.sign).collect::<Vec<_>>();
            let n_edges = graph.n_edges();
            let of_edges = vectors.index_select(&Tensor::from_vec(pairs, n_edges, &self.device)?, 0)?;
            let of_edges = of_edges.broadcast_mul(&Tensor::from_vec(signs, (n_edges, 1), &self.device)?)?;
            let edges = self.edges.forward(graph, &of_edges, &elements)?;
            let wide = |more: Tensor| more.to_dtype(DType::F64);
            x = (x + wide(self.degree.add(&none, &edges)?)?)?;
            for block in &self.blocks {
                deadline.check()?;
                let y = block.before_messages.forward(&x)?.to_dtype(self.dtype)?;
                x = (x + wide(block.edgewise.add(&none, &y, &edges, &block.convolutions)?)?)?;
                let y = block.before_atoms.forward(&x)?.to_dtype(self.dtype)?;
                x = (x + wide(block.atomwise.forward(&y)?)?)?;
            }
        }
        Ok(scalars(&self.norm.forward(&x)?)?)
    }
}

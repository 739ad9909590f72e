//! The whole network: from a structure's graph to its energy and gradient.

use super::convolution::ConvolutionExperts;
use super::readout::Readout;
use super::router::Router;
use crate::escn::candle::{
    Atomwise, Convolution, EdgeDegree, EdgeEmbedding, Edges, Edgewise, Gaussians, Shape, SphericalNorm, add_to_scalars,
    even_shares, scalars, with_scalars,
};
use crate::escn::graph::Graph;
use crate::graph_potential::Stopped;
use crate::pair_vectors::PairVectors;
use crate::uma::answer::Evaluation;
use crate::uma::config::{Backbone, Config};
use crate::var_builder::dtype;
use candle_core::{DType, Device, Module, Result, Tensor};
use candle_nn::{Embedding, VarBuilder, embedding};
use mlip_atoms::{Deadline, Precision};
use std::sync::{Arc, Mutex, PoisonError};

/// A layer.
#[derive(Debug)]
struct Block {
    before_messages: SphericalNorm,
    edgewise: Edgewise,
    convolutions: [ConvolutionExperts; 2],
    before_atoms: SphericalNorm,
    atomwise: Atomwise,
}

impl Block {
    fn new(shape: &Shape, n_experts: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        let edgewise = vb.pp("edge_wise");
        let [first, second] = shape.convolutions();
        let convolution =
            |name, channels| ConvolutionExperts::new(n_experts, channels, &shape.orders, &edgewise.pp(name));
        Ok(Self {
            before_messages: norm(shape, &vb.pp("norm_1"))?,
            edgewise: Edgewise::new(shape, &edgewise)?,
            convolutions: [convolution("so2_conv_1", first)?, convolution("so2_conv_2", second)?],
            before_atoms: norm(shape, &vb.pp("norm_2"))?,
            atomwise: Atomwise::new(shape, &vb.pp("atom_wise"))?,
        })
    }

    /// Its two convolutions with these coefficients, `[1, experts]`.
    fn mix(&self, coefficients: &Tensor) -> Result<[Convolution; 2]> {
        let [first, second] = &self.convolutions;
        Ok([first.mix(coefficients)?, second.mix(coefficients)?])
    }
}

fn norm(shape: &Shape, vb: &VarBuilder<'_>) -> Result<SphericalNorm> {
    SphericalNorm::new(shape.orders.lmax, shape.channels, even_shares(shape.orders.lmax), vb)
}

/// Elements of the atoms, charge and spin, and the convolutions that they give: two a layer.
type Mixture = ((Vec<u32>, i32, i32), Arc<Vec<[Convolution; 2]>>);

/// UMA's layers on a device, for one task.
#[derive(Debug)]
pub(in crate::uma) struct CandleNetwork {
    backbone: Backbone,
    router: Router,
    elements: Embedding,
    edges: EdgeEmbedding,
    degree: EdgeDegree,
    blocks: Vec<Block>,
    norm: SphericalNorm,
    readout: Readout,
    dtype: DType,
    device: Device,
    /// Of the last structure: the next one often has the same composition.
    last: Mutex<Option<Mixture>>,
}

impl CandleNetwork {
    /// The network in this precision, on the device of `vb`. `dataset`: name of the task's embedding; `expert`: which
    /// one of how many in a head that has one for each task.
    ///
    /// # Errors
    /// When a tensor is missing, has another shape, or cannot be put onto the device.
    pub(in crate::uma) fn new(
        config: &Config,
        dataset: &str,
        expert: Option<(usize, usize)>,
        precision: Precision,
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        let dtype = dtype(precision)?;
        let vb = vb.to_dtype(dtype);
        let b = &config.backbone;
        let shape = b.sizes().shape();
        let backbone = vb.pp("backbone");
        let gaussians = Gaussians::even(b.num_distance_basis, b.cutoff);
        let block = |layer: usize| Block::new(&shape, b.num_experts, &backbone.pp("blocks").pp(layer));
        Ok(Self {
            router: Router::new(config, dataset, &backbone)?,
            elements: embedding(b.max_num_elements, b.sphere_channels, backbone.pp("sphere_embedding"))?,
            edges: EdgeEmbedding::new(&shape, gaussians, Some(b.cutoff), &backbone)?,
            degree: EdgeDegree::new(&shape, &backbone.pp("edge_degree_embedding"))?,
            blocks: (0..b.num_layers).map(block).collect::<Result<_>>()?,
            norm: norm(&shape, &backbone.pp("norm"))?,
            readout: Readout::new(config, expert, &vb)?,
            backbone: b.clone(),
            dtype,
            device: vb.device().clone(),
            last: Mutex::default(),
        })
    }

    /// Bytes of experts, which are nearly all of its weights.
    pub(in crate::uma) fn bytes(&self) -> u64 {
        self.blocks.iter().flat_map(|block| &block.convolutions).map(ConvolutionExperts::bytes).sum()
    }

    /// Energy of a structure of this charge and spin multiplicity in the network's units, and the gradient where
    /// `gradient` says so.
    ///
    /// # Errors
    /// When candle fails, or the time is over.
    pub(in crate::uma) fn evaluate(
        &self,
        graph: &Graph,
        [charge, spin]: [i32; 2],
        gradient: bool,
        deadline: &Deadline,
    ) -> std::result::Result<Evaluation, Stopped> {
        let elements = Tensor::from_slice(&graph.elements, graph.n_atoms(), &self.device)?;
        let system = self.router.system(charge, spin)?;
        let mixture = self.mixture(graph, &elements, [charge, spin], &system)?;
        let system = system.to_dtype(self.dtype)?;
        let vectors = graph.edges.iter().map(|edge| edge.direction.map(|x| x * edge.distance));
        let vectors = PairVectors::new(vectors, gradient, &self.device)?;
        let edges = vectors.some().map(|vectors| self.edges.forward(graph, vectors, &elements)).transpose()?;
        let mut x = self.first_features(&elements, &system, edges.as_ref())?;
        for (block, mixed) in self.blocks.iter().zip(&*mixture) {
            deadline.check()?;
            if let Some(edges) = &edges {
                let y = add_to_scalars(&block.before_messages.forward(&x)?, &system)?;
                x = block.edgewise.add(&x, &y, edges, mixed)?;
            }
            x = (&x + block.atomwise.forward(&block.before_atoms.forward(&x)?)?)?;
            x = self.balance(&x, [charge, spin])?;
        }
        deadline.check()?;
        let last = scalars(&self.norm.forward(&x)?)?.to_dtype(DType::F64)?;
        let energy = self.readout.forward(&last)?.sum_all()?;
        let gradient = vectors.gradient(&energy)?;
        let features = last.flatten_all()?.to_vec1()?;
        Ok(Evaluation { energy: energy.to_scalar()?, features, gradient })
    }

    /// The convolutions of all layers.
    fn mixture(
        &self,
        graph: &Graph,
        elements: &Tensor,
        [charge, spin]: [i32; 2],
        system: &Tensor,
    ) -> Result<Arc<Vec<[Convolution; 2]>>> {
        let mut sorted = graph.elements.clone();
        sorted.sort_unstable();
        let key = (sorted, charge, spin);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, mixture)) = last.as_ref().filter(|(found, _)| *found == key) {
            return Ok(mixture.clone());
        }
        // Before the next one is made, so that two are never in memory.
        *last = None;
        let coefficients = self.router.coefficients(elements, system)?;
        let mixed = self.blocks.iter().map(|block| block.mix(&coefficients)).collect::<Result<Vec<_>>>()?;
        let mixed = Arc::new(mixed);
        *last = Some((key, mixed.clone()));
        Ok(mixed)
    }

    /// `[atoms, components, channels]` before the first layer.
    fn first_features(&self, elements: &Tensor, system: &Tensor, edges: Option<&Edges>) -> Result<Tensor> {
        let b = &self.backbone;
        let scalars = self.elements.forward(elements)?.broadcast_add(system)?.unsqueeze(1)?;
        let others = ((b.lmax + 1) * (b.lmax + 1)) - 1;
        let zeros = Tensor::zeros((scalars.dim(0)?, others, b.sphere_channels), self.dtype, &self.device)?;
        let x = Tensor::cat(&[&scalars, &zeros], 1)?;
        match edges {
            Some(edges) => self.degree.add(&x, edges),
            None => Ok(x),
        }
    }

    /// Holds the sums of some channels of degree 0 over the atoms.
    fn balance(&self, x: &Tensor, [charge, spin]: [i32; 2]) -> Result<Tensor> {
        let balanced = self.backbone.balanced(charge, spin);
        if balanced.is_empty() {
            return Ok(x.clone());
        }
        let mut mask = vec![0.0; self.backbone.sphere_channels];
        let mut sums = mask.clone();
        for (channel, sum) in balanced {
            (mask[channel], sums[channel]) = (1.0, sum);
        }
        let (n, width) = (x.dim(0)? as f64, mask.len());
        let row = |values: Vec<f64>| {
            Tensor::from_vec(values, (1, 1, width), &Device::Cpu)?.to_dtype(self.dtype)?.to_device(&self.device)
        };
        let (mask, sums) = (row(mask)?, row(sums)?);
        let scalars = x.narrow(1, 0, 1)?;
        let excess = (scalars.sum_keepdim(0)? - sums)?.broadcast_mul(&mask)?;
        with_scalars(x, &scalars.broadcast_sub(&(excess / n)?)?)
    }
}

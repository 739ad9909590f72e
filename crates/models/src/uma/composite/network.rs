//! Layers.

use super::Stopped;
use super::edges::Edges;
use crate::uma::config::{Backbone, Config};
use crate::uma::experts::{Experts, Plain};
use crate::uma::graph::Graph;
use crate::uma::network::Evaluation;
use crate::uma::routing::{Composition, Router};
use crate::weights::{Weights, WeightsError};
use candle_core::{D, DType, Device, Result, Tensor, Var};
use mlip_atoms::{Deadline, Precision};
use mlip_kernels::simd::InstructionSet;
use mlip_kernels::spherical::{Layout, Wigner, generators};
use std::collections::HashMap;

const EPSILON: f64 = 1e-5;

/// UMA's weights as tensors on a device.
#[derive(Debug)]
pub(in crate::uma) struct Composite {
    pub(super) device: Device,
    pub(super) dtype: DType,
    pub(super) backbone: Backbone,
    head: String,
    expert: Option<(usize, usize)>,
    balanced: Vec<(usize, f64)>,
    pub(super) layout: Layout,
    pub(super) wigner: Wigner,
    pub(super) generators: [Vec<f64>; 3],
    tensors: HashMap<String, Tensor>,
    system: Tensor,
}

/// `[out, in]` of one order, transposed.
type Matrices = Vec<[Vec<Tensor>; 2]>;

impl Composite {
    pub(in crate::uma) fn new(
        config: &Config,
        weights: &Weights,
        router: &Router,
        expert: Option<(usize, usize)>,
        balanced: Vec<(usize, f64)>,
        precision: Precision,
        device: &Device,
    ) -> Result<Self> {
        let b = config.backbone.clone();
        let dtype = match precision {
            Precision::F32 => DType::F32,
            Precision::F64 => DType::F64,
        };
        let layout = Layout::new(b.lmax, b.mmax);
        let mut tensors = HashMap::new();
        for (name, shape, values) in weights.iter() {
            let tensor = Tensor::from_slice(values, shape, &Device::Cpu)?.to_dtype(dtype)?.to_device(device)?;
            tensors.insert(name.to_owned(), tensor);
        }
        let system = Tensor::from_slice(&router.system, (1, router.system.len()), device)?.to_dtype(dtype)?;
        Ok(Self {
            device: device.clone(),
            dtype,
            head: config.head.clone(),
            expert,
            balanced,
            wigner: Wigner::new(&layout),
            generators: generators(&layout),
            layout,
            backbone: b,
            tensors,
            system,
        })
    }

    pub(in crate::uma) fn bytes(&self) -> u64 {
        self.tensors.values().map(|tensor| (tensor.elem_count() * self.dtype.size_in_bytes()) as u64).sum()
    }

    pub(super) fn tensor(&self, name: &str) -> Result<&Tensor> {
        let missing = || WeightsError::Missing(name.into()).to_string();
        self.tensors.get(name).ok_or_else(|| candle_core::Error::Msg(missing()))
    }

    /// Puts numbers onto the device.
    pub(super) fn put(&self, values: Vec<f64>, shape: impl Into<candle_core::Shape>, dtype: DType) -> Result<Tensor> {
        Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(dtype)?.to_device(&self.device)
    }

    fn linear(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        let product = x.matmul(&self.tensor(&format!("{name}.weight"))?.t()?)?;
        product.broadcast_add(self.tensor(&format!("{name}.bias"))?)
    }

    pub(in crate::uma) fn evaluate(
        &self,
        graph: &Graph,
        experts: &Experts,
        router: &Router,
        composition: &Composition,
        gradient: bool,
        deadline: &Deadline,
    ) -> std::result::Result<Evaluation, Stopped> {
        let matrices = experts.matrices(&router.coefficients(composition), InstructionSet::detect());
        let matrices = self.matrices(&matrices)?;
        let vectors = graph.edges.iter().flat_map(|edge| edge.direction.map(|x| x * edge.distance));
        let vectors = self.put(vectors.collect(), (graph.n_edges(), 3), DType::F64)?;
        let vectors = Var::from_tensor(&vectors)?;
        // Operations on tensors without elements have no gradient, and none is needed.
        let edges = if graph.n_edges() == 0 { None } else { Some(self.edges(graph, &vectors)?) };
        let elements = graph.elements.clone();
        let elements = Tensor::from_vec(elements, graph.n_atoms(), &Device::Cpu)?.to_device(&self.device)?;
        let mut x = self.first_features(&elements, edges.as_ref())?;
        for (layer, matrices) in matrices.iter().enumerate() {
            deadline.check()?;
            if let Some(edges) = &edges {
                x = self.add_messages(layer, matrices, edges, &x)?;
            }
            x = self.balance(&self.add_atomwise(layer, &x)?)?;
        }
        deadline.check()?;
        let last = self.scalars(&self.norm("backbone.norm", &x)?)?.to_dtype(DType::F64)?;
        let energy = self.readout(&last)?.sum_all()?;
        let mut by_vectors = Vec::new();
        if gradient && graph.n_edges() > 0 {
            let gradients = energy.backward()?;
            let found = gradients.get(&vectors).map(Tensor::to_vec2::<f64>).transpose()?.unwrap_or_default();
            by_vectors = found.into_iter().map(|row| [row[0], row[1], row[2]]).collect();
        }
        let features = last.flatten_all()?.to_vec1()?;
        Ok(Evaluation { energy: energy.to_scalar()?, features, gradient: by_vectors })
    }

    fn matrices(&self, plain: &[[Vec<Plain>; 2]]) -> Result<Matrices> {
        let matrix = |plain: &Plain| {
            let shape = (plain.outputs, plain.values.len() / plain.outputs);
            self.put(plain.values.clone(), shape, self.dtype)?.t()?.contiguous()
        };
        let both = |[a, b]: &[Vec<Plain>; 2]| {
            Ok([a.iter().map(matrix).collect::<Result<_>>()?, b.iter().map(matrix).collect::<Result<_>>()?])
        };
        plain.iter().map(both).collect()
    }

    fn radial(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        let normal = |k: usize, x: Tensor| {
            let centered = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
            let deviation = (centered.sqr()?.mean_keepdim(D::Minus1)? + EPSILON)?.sqrt()?;
            let x = centered.broadcast_div(&deviation)?;
            let x = x.broadcast_mul(self.tensor(&format!("{name}.net.{k}.weight"))?)?;
            x.broadcast_add(self.tensor(&format!("{name}.net.{k}.bias"))?)?.silu()
        };
        let x = normal(1, self.linear(&format!("{name}.net.0"), x)?)?;
        let x = normal(4, self.linear(&format!("{name}.net.3"), &x)?)?;
        self.linear(&format!("{name}.net.6"), &x)
    }

    fn first_features(&self, elements: &Tensor, edges: Option<&Edges>) -> Result<Tensor> {
        let b = &self.backbone;
        let scalars = self.tensor("backbone.sphere_embedding.weight")?.index_select(elements, 0)?;
        let scalars = scalars.broadcast_add(&self.system)?.unsqueeze(1)?;
        let n_atoms = scalars.dim(0)?;
        let shape = (n_atoms, self.layout.n_components() - 1, b.sphere_channels);
        let x = Tensor::cat(&[&scalars, &Tensor::zeros(shape, self.dtype, &self.device)?], 1)?;
        let Some(edges) = edges else { return Ok(x) };
        let radial = self.radial("backbone.edge_degree_embedding.rad_func", &edges.scalars)?;
        let radial = radial.reshape(((), b.lmax + 1, b.sphere_channels))?;
        let rows = edges.rotations.narrow(1, 0, b.lmax + 1)?.transpose(1, 2)?.contiguous()?;
        let messages = rows.matmul(&radial)?.broadcast_mul(&edges.envelope)?;
        x.index_add(&edges.target, &(messages / 5.0)?, 0)
    }

    fn norm(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        let lmax = self.backbone.lmax;
        let scalars = x.narrow(1, 0, 1)?;
        let centered = scalars.broadcast_sub(&scalars.mean_keepdim(2)?)?;
        let f = Tensor::cat(&[&centered, &x.narrow(1, 1, self.layout.n_components() - 1)?], 1)?;
        let degrees = (0..=lmax).flat_map(|l| vec![l; 2 * l + 1]);
        let shares = degrees.clone().map(|l| 1.0 / ((2 * l + 1) * (lmax + 1)) as f64).collect::<Vec<_>>();
        let shares = self.put(shares, (1, self.layout.n_components(), 1), self.dtype)?;
        let square = f.sqr()?.broadcast_mul(&shares)?.sum_keepdim(1)?.mean_keepdim(2)?;
        let degrees = Tensor::from_iter(degrees.map(|l| l as u32), &self.device)?;
        let scale = self.tensor(&format!("{name}.affine_weight"))?.index_select(&degrees, 0)?;
        let y = f.broadcast_div(&(square + EPSILON)?.sqrt()?)?.broadcast_mul(&scale.unsqueeze(0)?)?;
        let offset = self.tensor(&format!("{name}.affine_bias"))?;
        self.on_scalars(&y, |scalars| scalars.broadcast_add(offset))
    }

    /// Replaces degree 0.
    fn on_scalars(&self, x: &Tensor, map: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
        let rest = x.narrow(1, 1, x.dim(1)? - 1)?;
        Tensor::cat(&[&map(&x.narrow(1, 0, 1)?)?, &rest], 1)
    }

    fn scalars(&self, x: &Tensor) -> Result<Tensor> {
        x.narrow(1, 0, 1)?.squeeze(1)?.contiguous()
    }

    /// `z`: `[edges, rows, inputs]`, by the matrices of all orders; `gates`: columns that order 0 gives first.
    fn convolution(&self, matrices: &[Tensor], bias: &Tensor, z: &Tensor, gates: usize) -> Result<(Tensor, Tensor)> {
        let n = z.dim(0)?;
        let flat = |start: usize, rows: usize| z.narrow(1, start, rows)?.contiguous()?.reshape((n, ()));
        let degrees = self.backbone.lmax + 1;
        let zero = flat(0, degrees)?.matmul(&matrices[0])?.broadcast_add(bias)?;
        let (extra, zero) = (zero.narrow(1, 0, gates)?, zero.narrow(1, gates, zero.dim(1)? - gates)?);
        let mut rows = vec![zero.contiguous()?.reshape((n, degrees, ()))?];
        for (order, matrix) in self.layout.orders().iter().zip(&matrices[1..]) {
            let half = matrix.dim(1)? / 2;
            let part = |range: &std::ops::Range<usize>| {
                let product = flat(range.start, order.degrees)?.matmul(matrix)?;
                Ok::<_, candle_core::Error>((product.narrow(1, 0, half)?, product.narrow(1, half, half)?))
            };
            let ((a_plus, b_plus), (a_minus, b_minus)) = (part(&order.plus)?, part(&order.minus)?);
            for row in [(a_plus - b_minus)?, (a_minus + b_plus)?] {
                rows.push(row.contiguous()?.reshape((n, order.degrees, ()))?);
            }
        }
        Ok((Tensor::cat(&rows, 1)?, extra))
    }

    /// Silu for degree 0, sigmoids of `gates [items, lmax · width]` for the others.
    fn gate(&self, rows: &Tensor, gates: &Tensor, degrees: &[usize]) -> Result<Tensor> {
        let gates = gates.contiguous()?.reshape((rows.dim(0)?, self.backbone.lmax, rows.dim(2)?))?;
        // By way of the hyperbolic tangent, whose gradient cannot overflow.
        let factors = (((gates / 2.0)?.tanh()? + 1.0)? / 2.0)?;
        let index = Tensor::from_iter(degrees[1..].iter().map(|l| *l as u32 - 1), &self.device)?;
        let others = (rows.narrow(1, 1, degrees.len() - 1)? * factors.index_select(&index, 1)?)?;
        Tensor::cat(&[&rows.narrow(1, 0, 1)?.silu()?, &others], 1)
    }

    fn add_messages(&self, layer: usize, matrices: &[Vec<Tensor>; 2], edges: &Edges, x: &Tensor) -> Result<Tensor> {
        let b = &self.backbone;
        let name = format!("backbone.blocks.{layer}");
        let y = self.norm(&format!("{name}.norm_1"), x)?;
        let y = self.on_scalars(&y, |scalars| scalars.broadcast_add(&self.system))?;
        let ends = [&edges.source, &edges.target].map(|index| y.index_select(index, 0));
        let [source, target] = ends;
        let z = edges.rotations.matmul(&Tensor::cat(&[source?, target?], 2)?)?;
        let conv = format!("{name}.edge_wise.so2_conv_1");
        let radial = self.radial(&format!("{conv}.rad_func"), &edges.scalars)?;
        let radial = radial.reshape(((), self.layout.n_factors(), 2 * b.sphere_channels))?;
        let index = Tensor::from_iter(self.layout.factors().into_iter().map(|k| k as u32), &self.device)?;
        let z = (z * radial.index_select(&index, 1)?)?;
        let bias = self.tensor(&format!("{conv}.fc_m0.bias"))?;
        let (rows, gates) = self.convolution(&matrices[0], bias, &z, b.lmax * b.hidden_channels)?;
        let degrees = self.layout.rows()[..self.layout.n_rows()].iter().map(|(l, _)| *l).collect::<Vec<_>>();
        let gated = self.gate(&rows, &gates, &degrees)?;
        let bias = self.tensor(&format!("{name}.edge_wise.so2_conv_2.fc_m0.bias"))?;
        let (rows, _) = self.convolution(&matrices[1], bias, &gated, 0)?;
        let back = edges.rotations.transpose(1, 2)?.contiguous()?;
        x.index_add(&edges.target, &back.matmul(&rows)?.broadcast_mul(&edges.envelope)?, 0)
    }

    fn add_atomwise(&self, layer: usize, x: &Tensor) -> Result<Tensor> {
        let name = format!("backbone.blocks.{layer}");
        let y = self.norm(&format!("{name}.norm_2"), x)?;
        let name = format!("{name}.atom_wise");
        let gates = self.linear(&format!("{name}.scalar_mlp.0"), &self.scalars(&y)?)?.silu()?;
        let degrees = (0..=self.backbone.lmax).flat_map(|l| vec![l; 2 * l + 1]).collect::<Vec<_>>();
        let by_degree = |name: String, x: &Tensor| {
            let weight = self.tensor(&format!("{name}.weight"))?;
            let blocks = (0..=self.backbone.lmax).map(|l| {
                let block = x.narrow(1, l * l, 2 * l + 1)?.contiguous()?;
                block.broadcast_matmul(&weight.get(l)?.t()?)
            });
            let y = Tensor::cat(&blocks.collect::<Result<Vec<_>>>()?, 1)?;
            let bias = self.tensor(&format!("{name}.bias"))?;
            self.on_scalars(&y, |scalars| scalars.broadcast_add(bias))
        };
        let inner = self.gate(&by_degree(format!("{name}.so3_linear_1"), &y)?, &gates, &degrees)?;
        x + by_degree(format!("{name}.so3_linear_2"), &inner)?
    }

    /// Holds the sums of some channels.
    fn balance(&self, x: &Tensor) -> Result<Tensor> {
        if self.balanced.is_empty() {
            return Ok(x.clone());
        }
        let mut mask = vec![0.0; self.backbone.sphere_channels];
        let mut sums = mask.clone();
        for (channel, sum) in &self.balanced {
            (mask[*channel], sums[*channel]) = (1.0, *sum);
        }
        let (n, width) = (x.dim(0)? as f64, mask.len());
        let (mask, sums) = (self.put(mask, (1, 1, width), self.dtype)?, self.put(sums, (1, 1, width), self.dtype)?);
        self.on_scalars(x, |scalars| {
            let excess = (scalars.sum_keepdim(0)? - sums)?.broadcast_mul(&mask)?;
            scalars.broadcast_sub(&(excess / n)?)
        })
    }

    /// Energies of the atoms, in double precision.
    fn readout(&self, rows: &Tensor) -> Result<Tensor> {
        let wrapped = format!("output_heads.{}.head.energy_block", self.head);
        let plain = format!("output_heads.{}.energy_block", self.head);
        let prefix = if self.tensors.contains_key(&format!("{wrapped}.0.bias")) { wrapped } else { plain };
        let mut x = rows.clone();
        for k in [0, 2, 4] {
            let name = format!("{prefix}.{k}");
            let weight = match (self.tensors.get(&format!("{name}.weights")), self.expert) {
                (Some(all), Some((index, _))) => all.get(index)?,
                _ => self.tensor(&format!("{name}.weight"))?.clone(),
            };
            let bias = self.tensor(&format!("{name}.bias"))?.to_dtype(DType::F64)?;
            x = x.matmul(&weight.to_dtype(DType::F64)?.t()?)?.broadcast_add(&bias)?;
            if k < 4 {
                x = x.silu()?;
            }
        }
        Ok(x)
    }
}

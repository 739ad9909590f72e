//! The network in plain candle operations, differentiated by candle: the oracle of the fast route.
//!
//! It follows the paper layer by layer and shares nothing with the kernels but the weights. Rows are
//! gathered and joined, not split into parts, and every intermediate is kept: slow, large and simple.

use super::basis::COSINE_SHRINK;
use super::graph::Graph;
use super::model::{Evaluation, Stopped};
use super::parameters::{self, Parameters};
use candle_core::{D, DType, Device, Result, Tensor, Var};
use mlip_atoms::{Deadline, Precision};
use std::cell::Cell;
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_2, PI};

/// Upstream's default in all its norms.
const EPSILON: f64 = 1e-5;

/// CHGNet's weights as tensors on a device.
#[derive(Debug)]
pub(super) struct Composite {
    device: Device,
    cutoffs: [f64; 2],
    exponent: f64,
    atom_embedding: Tensor,
    /// Of the atom graph and of the bond graph, `[1, n_radial]`.
    frequencies: [Tensor; 2],
    /// Transposed, like all matrices here: `[inputs, outputs]`.
    bond_embedding: Tensor,
    atom_graph_weights: Tensor,
    bond_graph_weights: Tensor,
    /// `[1, (n_angular - 1) / 2]`
    angle_frequencies: Tensor,
    angle_embedding: Tensor,
    atom_convolutions: Vec<Gated>,
    bond_convolutions: Vec<Gated>,
    angle_updates: Vec<Gated>,
    readout_norm: Norm,
    readout: Vec<Linear>,
    bytes: u64,
}

#[derive(Debug)]
struct Linear {
    weight: Tensor,
    bias: Tensor,
}

#[derive(Debug)]
struct Norm {
    scale: Tensor,
    offset: Tensor,
}

#[derive(Debug)]
struct Gated {
    core: Vec<Linear>,
    gate: Vec<Linear>,
    core_norm: Norm,
    gate_norm: Norm,
    out: Option<Tensor>,
}

/// Puts weights onto a device.
struct Loader<'a> {
    device: &'a Device,
    dtype: DType,
    /// Put there so far.
    bytes: Cell<u64>,
}

impl Loader<'_> {
    fn tensor(&self, values: &[f64], rows: usize) -> Result<Tensor> {
        self.bytes.set(self.bytes.get() + (values.len() * self.dtype.size_in_bytes()) as u64);
        Tensor::from_slice(values, (rows, values.len() / rows), &Device::Cpu)?
            .to_dtype(self.dtype)?
            .to_device(self.device)
    }

    /// From `[outputs, inputs]`.
    fn matrix(&self, values: &[f64], outputs: usize) -> Result<Tensor> {
        self.tensor(values, outputs)?.t()?.contiguous()
    }

    fn linear(&self, linear: &parameters::Linear) -> Result<Linear> {
        Ok(Linear { weight: self.matrix(&linear.weight, linear.outputs)?, bias: self.tensor(&linear.bias, 1)? })
    }

    fn norm(&self, norm: &parameters::Norm) -> Result<Norm> {
        Ok(Norm { scale: self.tensor(&norm.scale, 1)?, offset: self.tensor(&norm.offset, 1)? })
    }

    fn gated(&self, gated: &parameters::Gated) -> Result<Gated> {
        let branch =
            |layers: &[parameters::Linear]| layers.iter().map(|layer| self.linear(layer)).collect::<Result<Vec<_>>>();
        Ok(Gated {
            core: branch(&gated.core)?,
            gate: branch(&gated.gate)?,
            core_norm: self.norm(&gated.core_norm)?,
            gate_norm: self.norm(&gated.gate_norm)?,
            out: gated.out.as_ref().map(|out| self.matrix(out, gated.core_norm.scale.len())).transpose()?,
        })
    }
}

impl Linear {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.matmul(&self.weight)?.broadcast_add(&self.bias)
    }
}

impl Norm {
    /// Not candle's own layer norm, which has no gradient.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let centered = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let deviation = (centered.sqr()?.mean_keepdim(D::Minus1)? + EPSILON)?.sqrt()?;
        centered.broadcast_div(&deviation)?.broadcast_mul(&self.scale)?.broadcast_add(&self.offset)
    }
}

/// By way of the hyperbolic tangent, whose gradient cannot overflow.
fn sigmoid(x: &Tensor) -> Result<Tensor> {
    (x * 0.5)?.tanh()?.affine(0.5, 0.5)
}

/// Linear maps with SiLU between them.
fn perceptron(layers: &[Linear], x: &Tensor) -> Result<Tensor> {
    let mut x = x.clone();
    for (index, layer) in layers.iter().enumerate() {
        x = layer.forward(&if index > 0 { x.silu()? } else { x })?;
    }
    Ok(x)
}

impl Gated {
    fn forward(&self, parts: &[Tensor]) -> Result<Tensor> {
        let x = Tensor::cat(parts, 1)?;
        let core = self.core_norm.forward(&perceptron(&self.core, &x)?)?.silu()?;
        core * sigmoid(&self.gate_norm.forward(&perceptron(&self.gate, &x)?)?)?
    }

    /// Messages summed into `rows` rows, through the matrix behind the sum.
    fn sum(&self, messages: &Tensor, target: &Tensor, rows: usize) -> Result<Tensor> {
        let zeros = Tensor::zeros((rows, messages.dim(1)?), messages.dtype(), messages.device())?;
        let sums = zeros.index_add(target, messages, 0)?;
        match &self.out {
            Some(out) => sums.matmul(out),
            None => Ok(sums),
        }
    }
}

/// The arc cosine, which candle lacks, for arguments inside (-1, 1).
///
/// Start value: Abramowitz and Stegun 4.4.45, good to 7e-5. Newton's method on `cos θ = c` squares that
/// error twice; a third step, the only one that is differentiated, has the slope `-1 / sin θ`.
fn arc_cosine(cosine: &Tensor) -> Result<Tensor> {
    let known = cosine.detach();
    let size = known.abs()?;
    let mut series = size.affine(-0.018_729_3, 0.074_261_0)?;
    for coefficient in [-0.212_114_4, 1.570_728_8] {
        series = ((series * &size)? + coefficient)?;
    }
    let acute = (size.affine(-1.0, 1.0)?.sqrt()? * series)?;
    let mut theta = (acute.affine(1.0, -FRAC_PI_2)? * known.sign()?)?.affine(1.0, FRAC_PI_2)?;
    let step = |theta: &Tensor, cosine: &Tensor| theta + ((theta.cos()? - cosine)? / theta.sin()?)?;
    for _ in 0..2 {
        theta = step(&theta, &known)?;
    }
    step(&theta, cosine)
}

/// Geometry and indices of one structure on the device.
struct Inputs {
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

impl Composite {
    pub(super) fn new(p: &Parameters, precision: Precision, device: &Device) -> Result<Self> {
        let dtype = match precision {
            Precision::F32 => DType::F32,
            Precision::F64 => DType::F64,
        };
        let load = Loader { device, dtype, bytes: Cell::new(0) };
        let d = p.config.width();
        let gated =
            |layers: &[parameters::Gated]| layers.iter().map(|layer| load.gated(layer)).collect::<Result<Vec<_>>>();
        Ok(Self {
            device: device.clone(),
            cutoffs: [p.config.atom_graph_cutoff, p.config.bond_graph_cutoff],
            exponent: p.config.cutoff_coeff,
            atom_embedding: load.tensor(&p.atom_embedding, p.atom_embedding.len() / d)?,
            frequencies: [load.tensor(&p.atom_graph_frequencies, 1)?, load.tensor(&p.bond_graph_frequencies, 1)?],
            bond_embedding: load.matrix(&p.bond_embedding, d)?,
            atom_graph_weights: load.matrix(&p.atom_graph_weights, d)?,
            bond_graph_weights: load.matrix(&p.bond_graph_weights, d)?,
            angle_frequencies: load.tensor(&p.angle_frequencies, 1)?,
            angle_embedding: load.matrix(&p.angle_embedding, d)?,
            atom_convolutions: gated(&p.atom_convolutions)?,
            bond_convolutions: gated(&p.bond_convolutions)?,
            angle_updates: gated(&p.angle_updates)?,
            readout_norm: load.norm(&p.readout_norm)?,
            readout: p.readout.iter().map(|layer| load.linear(layer)).collect::<Result<_>>()?,
            bytes: load.bytes.get(),
        })
    }

    /// Bytes of weights.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn dtype(&self) -> DType {
        self.atom_embedding.dtype()
    }

    /// The radial basis of distances `[n, 1]`; `graph` picks cutoff and frequencies.
    fn radial(&self, distances: &Tensor, graph: usize) -> Result<Tensor> {
        let (cutoff, p) = (self.cutoffs[graph], self.exponent);
        let x = (distances / cutoff)?;
        // 1 - (p+1)(p+2)/2 x^p + p(p+2) x^(p+1) - p(p+1)/2 x^(p+2); no distance is beyond its cutoff.
        let inner = x.affine(-p * (p + 1.0) / 2.0, p * (p + 2.0))?;
        let inner = ((inner * &x)? - (p + 1.0) * (p + 2.0) / 2.0)?;
        let envelope = ((x.powf(p)? * inner)? + 1.0)?;
        let amplitude = ((envelope / distances)? * (2.0 / cutoff).sqrt())?.to_dtype(self.dtype())?;
        x.to_dtype(self.dtype())?.broadcast_mul(&self.frequencies[graph])?.sin()?.broadcast_mul(&amplitude)
    }

    /// Features of angles before the first layer.
    fn angles(&self, vectors: &Tensor, lengths: &Tensor, inputs: &Inputs) -> Result<Tensor> {
        let unit = vectors.broadcast_div(lengths)?;
        let [first, second] = &inputs.angle_pair;
        let product = (unit.index_select(first, 0)? * unit.index_select(second, 0)?)?.sum_keepdim(1)?;
        let theta = arc_cosine(&((product * &inputs.angle_sign)? * COSINE_SHRINK)?)?.to_dtype(self.dtype())?;
        let phases = theta.broadcast_mul(&self.angle_frequencies)?;
        let constant = (theta.zeros_like()? + FRAC_1_SQRT_2)?;
        let basis = (Tensor::cat(&[constant, phases.sin()?, phases.cos()?], 1)? / PI.sqrt())?;
        basis.matmul(&self.angle_embedding)
    }

    /// Site energies `[n_atoms]` and the features of atoms before the last convolution.
    fn forward(
        &self,
        graph: &Graph,
        vectors: &Tensor,
        deadline: &Deadline,
    ) -> std::result::Result<[Tensor; 2], Stopped> {
        let inputs = Inputs::new(graph, &self.device)?;
        let elements = Tensor::from_slice(&graph.element, graph.n_atoms(), &self.device)?;
        let mut atoms = self.atom_embedding.index_select(&elements, 0)?;
        let lengths = vectors.sqr()?.sum_keepdim(1)?.sqrt()?;
        let radial = self.radial(&lengths, 0)?;
        let mut bonds = radial.matmul(&self.bond_embedding)?;
        let edge_weights = radial.matmul(&self.atom_graph_weights)?.index_select(&inputs.pairs, 0)?;
        let mut line = None;
        if graph.n_angles() > 0 {
            let short = self.radial(&lengths.index_select(&inputs.bonds, 0)?, 1)?.matmul(&self.bond_graph_weights)?;
            let [first, second] = &inputs.angle_bond;
            let weights = (short.index_select(first, 0)? * short.index_select(second, 0)?)?;
            line = Some((self.angles(vectors, &lengths, &inputs)?, weights));
        }
        let mut features = atoms.clone();
        for (t, layer) in self.atom_convolutions.iter().enumerate() {
            deadline.check().map_err(Stopped::Predict)?;
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
            let change = layer.sum(&messages, &inputs.angle_bond[0], graph.bonds.len())?;
            bonds = bonds.index_add(&inputs.bonds, &change, 0)?;
            if let Some(layer) = self.angle_updates.get(t) {
                *angles = (&*angles + layer.forward(&rows(&bonds, angles)?)?)?;
            }
        }
        let sites = perceptron(&self.readout, &self.readout_norm.forward(&atoms)?)?.squeeze(1)?;
        Ok([sites, features])
    }

    /// Evaluates the network and, where asked, its gradient. Geometry is in double precision, as in the fast route.
    pub(super) fn evaluate(
        &self,
        graph: &Graph,
        with_gradient: bool,
        deadline: &Deadline,
    ) -> std::result::Result<Evaluation<f64>, Stopped> {
        let values = graph.pairs.iter().flat_map(|pair| pair.vector).collect::<Vec<_>>();
        let vectors = Tensor::from_vec(values, (graph.pairs.len(), 3), &self.device)?;
        let numbers = |tensor: &Tensor| tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
        if !with_gradient {
            let [sites, features] = self.forward(graph, &vectors, deadline)?;
            return Ok(Evaluation { sites: numbers(&sites)?, features: numbers(&features)?, gradient: Vec::new() });
        }
        let vectors = Var::from_tensor(&vectors)?;
        let [sites, features] = self.forward(graph, &vectors, deadline)?;
        deadline.check().map_err(Stopped::Predict)?;
        let gradients = sites.sum_all()?.backward()?;
        let gradient = gradients.get(&vectors).map(numbers).transpose()?.unwrap_or_default();
        Ok(Evaluation { sites: numbers(&sites)?, features: numbers(&features)?, gradient })
    }
}

fn gather(parts: &[(&Tensor, &Tensor)]) -> Result<Vec<Tensor>> {
    parts.iter().map(|(rows, index)| rows.index_select(index, 0)).collect()
}

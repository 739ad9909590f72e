//! The network in plain candle operations, differentiated by candle: the oracle of the fast route, and what runs on
//! other devices.
//!
//! It follows the papers layer by layer and shares nothing with the kernels but the weights: rows are gathered and
//! joined, not split into parts, atoms are encoded one by one, and every intermediate is kept. Slow, large and simple.

use super::evaluation::{Description, HeadOutputs, Outputs};
use super::graph::{Cell, Graph};
use super::shape::{CUTOFF, Shape};
use super::tensors::{LoadError, Tensors};
use super::variant::Kind;
use candle_core::{D, DType, Device, Result, Tensor, Var};
use mlip_atoms::prediction::AtomFeatures;
use mlip_atoms::{Deadline, Precision, PredictError};
use std::collections::HashMap;

/// ORB's weights as tensors on a device.
#[derive(Debug)]
pub(crate) struct Composite {
    weights: HashMap<String, Tensor>,
    shape: Shape,
    kind: Kind,
    dtype: DType,
    device: Device,
    bytes: u64,
}

/// Why an evaluation ended early.
#[derive(Debug)]
pub(crate) enum Stopped {
    Tensor(candle_core::Error),
    Predict(PredictError),
}

impl From<candle_core::Error> for Stopped {
    fn from(error: candle_core::Error) -> Self {
        Self::Tensor(error)
    }
}

impl From<PredictError> for Stopped {
    fn from(error: PredictError) -> Self {
        Self::Predict(error)
    }
}

/// By way of the hyperbolic tangent, whose gradient cannot overflow.
fn sigmoid(x: &Tensor) -> Result<Tensor> {
    (x * 0.5)?.tanh()?.affine(0.5, 0.5)
}

fn column(vectors: &Tensor, axis: usize) -> Result<Tensor> {
    vectors.narrow(1, axis, 1)
}

/// `[n_edges, 16]` from unit vectors, by the recursion over degrees that e3nn uses; each degree's squares sum to
/// `2 l + 1`.
fn harmonics(direction: &Tensor) -> Result<Tensor> {
    let (x, y, z) = (column(direction, 0)?, column(direction, 1)?, column(direction, 2)?);
    let (xx, yy, zz) = (x.sqr()?, y.sqr()?, z.sqr()?);
    let around = (&xx + &zz)?;
    let first = [&x, &y, &z].map(|c| c * 3f64.sqrt()).into_iter().collect::<Result<Vec<_>>>()?;
    let s20 = ((&x * &z)? * 3f64.sqrt())?;
    let s24 = ((&zz - &xx)? * (3f64.sqrt() / 2.0))?;
    let second =
        [s20.clone(), ((&x * &y)? * 3f64.sqrt())?, (&yy - (&around * 0.5)?)?, ((&y * &z)? * 3f64.sqrt())?, s24.clone()];
    let ring = ((&yy * 4.0)? - &around)?;
    let third = [
        (((&s20 * &z)? + (&s24 * &x)?)? * (5f64 / 6.0).sqrt())?,
        ((&s20 * &y)? * 5f64.sqrt())?,
        ((&ring * &x)? * (3f64 / 8.0).sqrt())?,
        ((&y * ((&yy * 2.0)? - (&around * 3.0)?)?)? * 0.5)?,
        ((&ring * &z)? * (3f64 / 8.0).sqrt())?,
        ((&s24 * &y)? * 5f64.sqrt())?,
        (((&s24 * &z)? - (&s20 * &x)?)? * (5f64 / 6.0).sqrt())?,
    ];
    let mut all = vec![x.ones_like()?];
    all.extend(first);
    all.extend(second.iter().map(|c| c * 5f64.sqrt()).collect::<Result<Vec<_>>>()?);
    all.extend(third.iter().map(|c| c * 7f64.sqrt()).collect::<Result<Vec<_>>>()?);
    Tensor::cat(&all, 1)
}

impl Composite {
    /// Puts all weights onto a device.
    ///
    /// # Errors
    /// When a tensor cannot be read, or the device has no room.
    pub(crate) fn new(
        tensors: &Tensors<'_>,
        shape: Shape,
        kind: Kind,
        precision: Precision,
        device: &Device,
    ) -> std::result::Result<Self, LoadError> {
        let dtype = match precision {
            Precision::F32 => DType::F32,
            Precision::F64 => DType::F64,
        };
        let (mut weights, mut bytes) = (HashMap::new(), 0);
        for name in tensors.names() {
            let values = tensors.get(name, tensors.shape(name)?)?;
            bytes += (values.len() * dtype.size_in_bytes()) as u64;
            let put = || Tensor::from_vec(values, tensors.shape(name).unwrap_or_default(), &Device::Cpu);
            let tensor = put().and_then(|tensor| tensor.to_dtype(dtype)?.to_device(device));
            weights.insert(name.to_owned(), tensor.map_err(LoadError::Device)?);
        }
        Ok(Self { weights, shape, kind, dtype, device: device.clone(), bytes })
    }

    /// Bytes of weights.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn weight(&self, name: &str) -> Result<&Tensor> {
        self.weights.get(name).ok_or_else(|| candle_core::Error::Msg(format!("tensor `{name}` is missing")))
    }

    fn number(&self, name: &str) -> Result<f64> {
        self.weight(name)?.to_dtype(DType::F64)?.flatten_all()?.get(0)?.to_scalar()
    }

    fn linear(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        x.matmul(&self.weight(&format!("{name}.weight"))?.t()?)?.broadcast_add(self.weight(&format!("{name}.bias"))?)
    }

    /// Linear maps with SiLU between them.
    fn perceptron(&self, name: &str, n_layers: usize, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        for layer in 0..n_layers {
            x = self.linear(&format!("{name}.mlp.NN-{layer}"), &if layer > 0 { x.silu()? } else { x })?;
        }
        Ok(x)
    }

    fn normed(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        let y = self.perceptron(name, 3, x)?;
        let epsilon = if self.dtype == DType::F32 { f64::from(f32::EPSILON) } else { f64::EPSILON };
        let length = (y.sqr()?.mean_keepdim(D::Minus1)? + epsilon)?.sqrt()?;
        y.broadcast_div(&length)?.broadcast_mul(self.weight(&format!("{name}.layer_norm.weight"))?)
    }

    /// `[n_edges, 1]` cutoff factors and `[n_edges, inputs]` features.
    fn edges(&self, graph: &Graph, vectors: &Tensor) -> Result<(Tensor, Tensor)> {
        let r = vectors.sqr()?.sum_keepdim(1)?.sqrt()?;
        let u = (&r / CUTOFF)?;
        let polynomial = ((&u * -10.0)?.affine(1.0, 24.0)? * &u)?.affine(1.0, -15.0)?;
        let cutoff = (polynomial * u.sqr()?.sqr()?)?.affine(1.0, 1.0)?;
        let inside = graph.pairs.iter().map(|pair| if pair.distance < CUTOFF { 1.0 } else { 0.0 });
        let inside = Tensor::from_vec(inside.collect::<Vec<f64>>(), (graph.n_edges(), 1), &Device::Cpu)?;
        let cutoff = (cutoff * inside.to_dtype(self.dtype)?.to_device(&self.device)?)?;
        let frequencies = self.weight("model.rbf_transform.bessel_weights")?.reshape((1, self.shape.n_radial))?;
        let radial = r.broadcast_mul(&frequencies)?.sin()?.broadcast_div(&r)?;
        let radial = (radial * self.number("model.rbf_transform.prefactor")?)?.broadcast_mul(&cutoff)?;
        let harmonics = harmonics(&vectors.broadcast_div(&r)?)?.unsqueeze(1)?;
        Ok((cutoff, radial.unsqueeze(2)?.broadcast_mul(&harmonics)?.flatten_from(1)?))
    }

    fn index(&self, index: &[u32]) -> Result<Tensor> {
        Tensor::from_slice(index, index.len(), &self.device)
    }

    /// `[n_atoms, latent]`
    fn atoms(&self, graph: &Graph, vectors: &Tensor, deadline: &Deadline) -> std::result::Result<Tensor, Stopped> {
        let elements = graph.elements.iter().map(|z| u32::from(*z)).collect::<Vec<_>>();
        let embedding = self.weight("model.atom_emb.embeddings.weight")?;
        let mut atoms = self.normed("model._encoder._node_fn", &embedding.index_select(&self.index(&elements)?, 0)?)?;
        let zeros = atoms.zeros_like()?;
        let (sender, receiver) = (self.index(&graph.sender)?, self.index(&graph.receiver)?);
        // Candle has no products of no rows.
        let mut edges = match graph.n_edges() {
            0 => None,
            _ => {
                let (cutoff, features) = self.edges(graph, vectors)?;
                Some((cutoff, self.normed("model._encoder._edge_fn", &features)?))
            }
        };
        for layer in 0..self.shape.n_layers {
            deadline.check()?;
            let name = |part: &str| format!("model.gnn_stacks.{layer}.{part}");
            let (mut sent, mut received) = (zeros.clone(), zeros.clone());
            if let Some((cutoff, features)) = &mut edges {
                let gate = |part: &str| sigmoid(&self.linear(&name(part), features)?)? * &*cutoff;
                let (send, receive) = (gate("_send_attn")?, gate("_receive_attn")?);
                let ends = [atoms.index_select(&sender, 0)?, atoms.index_select(&receiver, 0)?];
                let message = self.normed(&name("_edge_mlp"), &Tensor::cat(&[&*features, &ends[0], &ends[1]], 1)?)?;
                sent = sent.index_add(&sender, &message.broadcast_mul(&send)?, 0)?;
                received = received.index_add(&receiver, &message.broadcast_mul(&receive)?, 0)?;
                *features = (&*features + message)?;
            }
            let joined = Tensor::cat(&[&atoms, &received, &sent], 1)?;
            atoms = (&atoms + self.normed(&name("_node_mlp"), &joined)?)?;
        }
        Ok(atoms)
    }

    fn vectors(&self, graph: &Graph) -> Result<Var> {
        let values = graph.pairs.iter().flat_map(|pair| pair.vector).collect::<Vec<_>>();
        Var::from_tensor(&Tensor::from_vec(values, (graph.n_edges(), 3), &self.device)?)
    }

    fn head(&self, name: &str, x: &Tensor) -> Result<Vec<f64>> {
        self.perceptron(&format!("heads.{name}"), 2, x)?.to_dtype(DType::F64)?.flatten_all()?.to_vec1()
    }

    /// What the network says of a batch, and its gradient where that is asked for.
    pub(crate) fn evaluate(
        &self,
        graph: &Graph,
        gradient: bool,
        deadline: &Deadline,
    ) -> std::result::Result<Outputs, Stopped> {
        let vectors = self.vectors(graph)?;
        let atoms = self.atoms(graph, &vectors.to_dtype(self.dtype)?, deadline)?;
        let deviation = self.number("heads.energy.normalizer.bn.running_var")?.sqrt();
        let (mut heads, mut total) = (Vec::new(), None);
        for Cell { atoms: range, .. } in &graph.cells {
            let own = atoms.narrow(0, range.start, range.len())?;
            let pooled = own.mean_keepdim(0)?;
            let energy = self.perceptron("heads.energy", 2, &pooled)?;
            let direct = self.kind == Kind::Direct;
            heads.push(HeadOutputs {
                energy: energy.to_dtype(DType::F64)?.flatten_all()?.get(0)?.to_scalar()?,
                forces: if direct { self.head("forces", &own)? } else { Vec::new() },
                stress: if direct { self.head("stress", &pooled)? } else { Vec::new() },
            });
            let energy = (energy.sum_all()? * (deviation * range.len() as f64))?;
            total = Some(match total {
                None => energy,
                Some(total) => (total + energy)?,
            });
        }
        let mut slopes = vec![[0.0; 3]; if gradient { graph.n_edges() } else { 0 }];
        if let Some(total) = total.filter(|_| !slopes.is_empty()) {
            deadline.check()?;
            if let Some(by_vectors) = total.backward()?.get(&vectors) {
                let numbers = by_vectors.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
                for (slope, found) in slopes.iter_mut().zip(numbers.chunks_exact(3)) {
                    slope.copy_from_slice(found);
                }
            }
        }
        let atoms = atoms.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?;
        Ok(Outputs { atoms, heads, slopes })
    }

    /// Features of atoms and what the confidence head makes of them.
    pub(crate) fn describe(&self, graph: &Graph, deadline: &Deadline) -> std::result::Result<Description, Stopped> {
        let vectors = self.vectors(graph)?;
        let atoms = self.atoms(graph, &vectors.to_dtype(self.dtype)?, deadline)?;
        let confidence = match self.shape.n_confidence {
            Some(width) => Some(AtomFeatures { width, values: self.head("confidence", &atoms)? }),
            None => None,
        };
        let values = atoms.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
        Ok(Description::new(AtomFeatures { width: self.shape.latent, values }, confidence))
    }
}

//! Edges: lengths, elements, frames.

use super::frames::Frames;
use super::shape::Shape;
use crate::escn::graph::Graph;
use candle_core::{DType, Device, Module, Result, Tensor};
use candle_nn::{Embedding, VarBuilder, embedding};

/// The edges of a structure.
pub(crate) struct Edges {
    /// `[edges]`
    pub(crate) source: Tensor,
    /// `[edges]`
    pub(crate) target: Tensor,
    /// `[edges, 1, 1]`: what a message is multiplied by.
    pub(crate) envelope: Tensor,
    /// `[edges, Gaussians + two embeddings]`
    pub(crate) scalars: Tensor,
    /// `[edges, rows, components]`
    pub(crate) rotations: Tensor,
    /// Their transposes, `[edges, components, rows]`.
    pub(crate) back: Tensor,
}

/// Describes edges.
#[derive(Debug)]
pub(crate) struct EdgeEmbedding {
    source: Embedding,
    target: Embedding,
    /// `[1, Gaussians]` at even distances from 0 to the cutoff, Å.
    centers: Tensor,
    /// Of the square in the exponents, 1/Å^2.
    coefficient: f64,
    /// Å; none where messages end abruptly.
    envelope: Option<f64>,
    frames: Frames,
    dtype: DType,
}

/// Functions of distances: `exp(coefficient (d - center)²)`.
#[derive(Debug, Clone)]
pub(crate) struct Gaussians {
    /// Å
    pub(crate) centers: Vec<f64>,
    /// 1/Å^2
    pub(crate) coefficient: f64,
}

impl Gaussians {
    /// At even distances from 0 to the cutoff, twice as wide as far apart.
    pub(crate) fn even(n: usize, cutoff: f64) -> Self {
        let step = cutoff / (n - 1) as f64;
        Self { centers: (0..n).map(|k| k as f64 * step).collect(), coefficient: -0.5 / (2.0 * step).powi(2) }
    }
}

impl EdgeEmbedding {
    /// `envelope`: the distance where it ends, Å. `vb`: of the backbone.
    pub(crate) fn new(shape: &Shape, gaussians: Gaussians, envelope: Option<f64>, vb: &VarBuilder<'_>) -> Result<Self> {
        let Gaussians { centers, coefficient } = gaussians;
        let table = |name: &str| embedding(shape.elements, shape.edge_channels, vb.pp(name));
        Ok(Self {
            source: table("source_embedding")?,
            target: table("target_embedding")?,
            centers: Tensor::from_vec(centers, (1, shape.gaussians), &Device::Cpu)?.to_device(vb.device())?,
            coefficient,
            envelope,
            frames: Frames::new(&shape.orders, vb.device())?,
            dtype: vb.dtype(),
        })
    }

    /// `vectors`: `[edges, 3]` from target to source, Å, in double precision. `elements`: of the atoms.
    pub(crate) fn forward(&self, graph: &Graph, vectors: &Tensor, elements: &Tensor) -> Result<Edges> {
        let index = |atoms: &[u32]| Tensor::from_slice(atoms, atoms.len(), vectors.device());
        let (source, target) = (index(&graph.source)?, index(&graph.target)?);
        let distance = vectors.sqr()?.sum_keepdim(1)?.sqrt()?;
        let basis = distance.broadcast_sub(&self.centers)?.sqr()?.affine(self.coefficient, 0.0)?.exp()?;
        let of_source = self.source.forward(&elements.index_select(&source, 0)?)?;
        let of_target = self.target.forward(&elements.index_select(&target, 0)?)?;
        let rotations = self.frames.rotations(&vectors.broadcast_div(&distance)?)?.to_dtype(self.dtype)?;
        Ok(Edges {
            source,
            target,
            envelope: self.envelope(&distance)?.unsqueeze(2)?.to_dtype(self.dtype)?,
            scalars: Tensor::cat(&[&basis.to_dtype(self.dtype)?, &of_source, &of_target], 1)?,
            back: rotations.transpose(1, 2)?.contiguous()?,
            rotations,
        })
    }

    /// `1 - 21 u^5 + 35 u^6 - 15 u^7` for `u = d / cutoff`; no edge is longer. Without an envelope, 1.
    fn envelope(&self, distance: &Tensor) -> Result<Tensor> {
        let Some(cutoff) = self.envelope else { return distance.ones_like() };
        let u = (distance / cutoff)?;
        let polynomial = ((&u * -15.0)?.affine(1.0, 35.0)? * &u)?.affine(1.0, -21.0)?;
        (polynomial * u.powf(5.0)?)?.affine(1.0, 1.0)
    }
}

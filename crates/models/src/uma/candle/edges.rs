//! Edges: lengths, elements, frames.

use super::frames::Frames;
use crate::uma::config::Backbone;
use crate::uma::graph::Graph;
use candle_core::{DType, Device, Module, Result, Tensor};
use candle_nn::{Embedding, VarBuilder, embedding};

/// The edges of a structure.
pub(super) struct Edges {
    /// `[edges]`
    pub(super) source: Tensor,
    /// `[edges]`
    pub(super) target: Tensor,
    /// `[edges, 1, 1]`
    pub(super) envelope: Tensor,
    /// `[edges, Gaussians + two embeddings]`
    pub(super) scalars: Tensor,
    /// `[edges, rows, components]`
    pub(super) rotations: Tensor,
    /// Their transposes, `[edges, components, rows]`.
    pub(super) back: Tensor,
}

/// Describes edges.
#[derive(Debug)]
pub(super) struct EdgeEmbedding {
    source: Embedding,
    target: Embedding,
    /// `[1, Gaussians]` at even distances from 0 to the cutoff, Å.
    centers: Tensor,
    /// Of the square in the exponents, 1/Å^2.
    coefficient: f64,
    /// Å
    cutoff: f64,
    frames: Frames,
    dtype: DType,
}

impl EdgeEmbedding {
    /// `vb`: of the backbone.
    pub(super) fn new(backbone: &Backbone, frames: Frames, vb: &VarBuilder<'_>) -> Result<Self> {
        let n = backbone.num_distance_basis;
        let step = backbone.cutoff / (n - 1) as f64;
        let centers = (0..n).map(|k| k as f64 * step).collect::<Vec<_>>();
        let table = |name: &str| embedding(backbone.max_num_elements, backbone.edge_channels, vb.pp(name));
        Ok(Self {
            source: table("source_embedding")?,
            target: table("target_embedding")?,
            centers: Tensor::from_vec(centers, (1, n), &Device::Cpu)?.to_device(vb.device())?,
            // Gaussians are twice as wide as far apart.
            coefficient: -0.5 / (2.0 * step).powi(2),
            cutoff: backbone.cutoff,
            frames,
            dtype: vb.dtype(),
        })
    }

    /// `vectors`: `[edges, 3]` from target to source, Å, in double precision. `elements`: of the atoms.
    pub(super) fn forward(&self, graph: &Graph, vectors: &Tensor, elements: &Tensor) -> Result<Edges> {
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

    /// `1 - 21 u^5 + 35 u^6 - 15 u^7` for `u = d / cutoff`; no edge is longer.
    fn envelope(&self, distance: &Tensor) -> Result<Tensor> {
        let u = (distance / self.cutoff)?;
        let polynomial = ((&u * -15.0)?.affine(1.0, 35.0)? * &u)?.affine(1.0, -21.0)?;
        (polynomial * u.powf(5.0)?)?.affine(1.0, 1.0)
    }
}

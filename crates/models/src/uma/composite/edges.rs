//! Edges: lengths, directions, elements.

use super::network::Composite;
use crate::uma::graph::Graph;
use candle_core::{DType, Result, Tensor};
use mlip_kernels::spherical::frame;

/// The edges of a structure as tensors.
pub(super) struct Edges {
    pub(super) source: Tensor,
    pub(super) target: Tensor,
    /// `[edges, 1, 1]`
    pub(super) envelope: Tensor,
    /// `[edges, Gaussians + two embeddings]`
    pub(super) scalars: Tensor,
    /// `[edges, rows, components]`
    pub(super) rotations: Tensor,
}

impl Composite {
    pub(super) fn edges(&self, graph: &Graph, vectors: &Tensor) -> Result<Edges> {
        let b = &self.backbone;
        let (n, size) = (graph.n_edges(), self.layout.n_components());
        let distance = vectors.sqr()?.sum_keepdim(1)?.sqrt()?;
        let u = (&distance / b.cutoff)?;
        let u5 = u.powf(5.0)?;
        let envelope =
            ((u5.affine(-21.0, 1.0)? + (&u5 * &u)?.affine(35.0, 0.0)?)? - (&u5 * u.sqr()?)?.affine(15.0, 0.0)?)?;
        let step = b.cutoff / (b.num_distance_basis - 1) as f64;
        let centers = (0..b.num_distance_basis).map(|k| k as f64 * step).collect();
        let centers = self.put(centers, (1, b.num_distance_basis), DType::F64)?;
        let basis = distance.broadcast_sub(&centers)?.sqr()?.affine(-0.5 / (2.0 * step).powi(2), 0.0)?.exp()?;
        let index = |atoms: &[u32]| Tensor::from_slice(atoms, n, &self.device);
        let embedding = |name: &str, atoms: &[u32]| {
            let elements = atoms.iter().map(|atom| graph.elements[*atom as usize]).collect::<Vec<_>>();
            self.tensor(&format!("backbone.{name}.weight"))?.index_select(&index(&elements)?, 0)
        };
        let source = embedding("source_embedding", &graph.source)?;
        let target = embedding("target_embedding", &graph.target)?;
        let scalars = Tensor::cat(&[&basis.to_dtype(self.dtype)?, &source, &target], 1)?;

        // ω = n₀ × n, zero here, whose derivative is the tilt.
        let directions = graph.edges.iter().flat_map(|edge| edge.direction);
        let fixed = self.put(directions.collect(), (n, 3), DType::F64)?;
        let direction = vectors.broadcast_div(&distance)?;
        let part = |tensor: &Tensor, axis: usize| tensor.narrow(1, axis % 3, 1);
        let mut rotations = self.put(self.rotations(graph), (n, self.layout.n_rows(), size), DType::F64)?;
        let here = rotations.clone();
        for axis in 0..3 {
            let (a, b) = (axis + 1, axis + 2);
            let tilt = ((part(&fixed, a)? * part(&direction, b)?)? - (part(&fixed, b)? * part(&direction, a)?)?)?;
            let generator = self.put(self.generators[axis].clone(), (1, size, size), DType::F64)?;
            let turned = here.broadcast_matmul(&generator)?;
            rotations = (rotations - turned.broadcast_mul(&tilt.unsqueeze(2)?)?)?;
        }
        Ok(Edges {
            source: index(&graph.source)?,
            target: index(&graph.target)?,
            envelope: envelope.unsqueeze(2)?.to_dtype(self.dtype)?,
            scalars,
            rotations: rotations.to_dtype(self.dtype)?,
        })
    }

    /// Dense, `[edges, rows, components]`.
    fn rotations(&self, graph: &Graph) -> Vec<f64> {
        let size = self.layout.n_components();
        let mut all = Vec::new();
        let mut blocks = Vec::new();
        for edge in &graph.edges {
            self.wigner.fill(&frame(edge.direction), &mut blocks);
            for (l, m) in &self.layout.rows()[..self.layout.n_rows()] {
                let mut row = vec![0.0; size];
                let width = 2 * l + 1;
                let first = (1..*l).map(|l| (2 * l + 1) * (2 * l + 1)).sum::<usize>();
                match l {
                    0 => row[0] = 1.0,
                    _ => row[l * l..][..width]
                        .copy_from_slice(&blocks[first + (*l as isize + m) as usize * width..][..width]),
                }
                all.extend(row);
            }
        }
        all
    }
}

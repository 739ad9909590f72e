//! From distances and elements to the factors of a convolution: Gaussians and a small network.
//!
//! Its first layer acts on a concatenation of Gaussians and embeddings of the two elements. The parts of the elements
//! are tabulated by element when the weights are loaded, so an edge adds two rows instead of multiplying them.

use super::packed::{Affine, both, layer_norm, narrow};
use super::routing::Linear;
use crate::escn::graph::Graph;
use crate::weights::{Weights, WeightsError};
use mlip_kernels::gated_messages::Both;
use mlip_kernels::layer_norm::LayerNorm;
use mlip_kernels::normal_rows::{NormalSilu, NormalSiluBackward};
use mlip_kernels::simd::Real;
use mlip_kernels::tiles::Arithmetic;
use std::ops::Range;

/// Gaussians at even distances from 0 to the cutoff.
#[derive(Debug, Clone)]
pub(super) struct Gaussians {
    centers: Vec<f64>,
    /// Of the square in the exponent.
    coefficient: f64,
}

impl Gaussians {
    pub(super) fn new(n: usize, cutoff: f64) -> Self {
        let step = cutoff / (n - 1) as f64;
        // They are twice as wide as far apart.
        Self { centers: (0..n).map(|k| k as f64 * step).collect(), coefficient: -0.5 / (2.0 * step).powi(2) }
    }

    pub(super) fn len(&self) -> usize {
        self.centers.len()
    }

    /// `[edges, n]`
    pub(super) fn values<T: Real>(&self, graph: &Graph) -> Vec<T> {
        let of = |d: f64| self.centers.iter().map(move |mu| T::real((self.coefficient * (d - mu).powi(2)).exp()));
        graph.edges.iter().flat_map(|edge| of(edge.distance)).collect()
    }

    /// `∂E/∂distance` of an edge from `∂E/∂values`.
    pub(super) fn slope<T: Real>(&self, distance: f64, gradient: &[T]) -> f64 {
        let terms = self.centers.iter().zip(gradient).map(|(mu, g)| {
            let x = distance - mu;
            2.0 * self.coefficient * x * (self.coefficient * x * x).exp() * g.wide()
        });
        terms.sum()
    }
}

/// `1 - 21 u^5 + 35 u^6 - 15 u^7` for `u = d / cutoff` below 1, and its slope by d.
pub(super) fn envelope(distance: f64, cutoff: f64) -> (f64, f64) {
    let u = distance / cutoff;
    if u >= 1.0 {
        return (0.0, 0.0);
    }
    let u4 = u.powi(4);
    (1.0 + u4 * u * (-21.0 + u * (35.0 - 15.0 * u)), u4 * (-105.0 + u * (210.0 - 105.0 * u)) / cutoff)
}

/// The network of one convolution.
#[derive(Debug)]
pub(super) struct Radial<T> {
    /// `[elements, hidden]`, the first bias included.
    source: Vec<T>,
    /// `[elements, hidden]`
    target: Vec<T>,
    distance: Both<T>,
    first_norm: LayerNorm<T>,
    hidden: Affine<T>,
    second_norm: LayerNorm<T>,
    out: Affine<T>,
}

/// Numbers of one block of edges.
#[derive(Debug)]
pub(super) struct RadialScratch<T> {
    first: Vec<T>,
    second: Vec<T>,
    activated: Vec<T>,
    gradient: Vec<T>,
}

impl<T: Real> RadialScratch<T> {
    pub(super) fn new(rows: usize, hidden: usize) -> Self {
        let block = vec![T::default(); rows * hidden];
        Self { first: block.clone(), second: block.clone(), activated: block.clone(), gradient: block }
    }
}

/// Sizes that all radial networks of a model share.
#[derive(Debug, Clone, Copy)]
pub(super) struct RadialShape {
    pub(super) elements: usize,
    pub(super) gaussians: usize,
    pub(super) hidden: usize,
}

/// The first layer, in the parts of the concatenation that it acts on.
pub(super) struct FirstLayer {
    /// `[elements, hidden]`, the bias included.
    pub(super) source: Vec<f64>,
    /// `[elements, hidden]`
    pub(super) target: Vec<f64>,
    /// `[hidden, gaussians]`
    pub(super) distance: Vec<f64>,
}

impl FirstLayer {
    pub(super) fn read(weights: &Weights, name: &str, shape: RadialShape) -> Result<Self, WeightsError> {
        let RadialShape { elements, gaussians, hidden } = shape;
        let inputs = gaussians + 2 * hidden;
        let first = Linear::read(weights, &format!("{name}.net.0"), hidden, inputs)?;
        let table = |embedding: &str, offset: usize, bias: bool| -> Result<Vec<f64>, WeightsError> {
            let rows = weights.get(&format!("backbone.{embedding}.weight"), &[elements, hidden])?;
            let product = rows.chunks_exact(hidden).flat_map(|row| {
                let outputs = first.weight.chunks_exact(inputs).zip(&first.bias);
                outputs.map(move |(weight, b)| {
                    let sum = weight[offset..][..hidden].iter().zip(row).map(|(w, x)| w * x).sum::<f64>();
                    if bias { sum + b } else { sum }
                })
            });
            Ok(product.collect())
        };
        Ok(Self {
            source: table("source_embedding", gaussians, true)?,
            target: table("target_embedding", gaussians + hidden, false)?,
            distance: first.weight.chunks_exact(inputs).flat_map(|row| &row[..gaussians]).copied().collect(),
        })
    }
}

impl<T: Real> Radial<T> {
    pub(super) fn read(
        weights: &Weights,
        name: &str,
        shape: RadialShape,
        out: usize,
        arithmetic: Arithmetic,
    ) -> Result<Self, WeightsError> {
        let RadialShape { gaussians, hidden, .. } = shape;
        let FirstLayer { source, target, distance } = FirstLayer::read(weights, name, shape)?;
        Ok(Self {
            source: narrow(&source),
            target: narrow(&target),
            distance: both(&narrow::<T>(&distance), hidden, gaussians, arithmetic),
            first_norm: layer_norm(weights, &format!("{name}.net.1"), hidden)?,
            hidden: Affine::pack(&Linear::read(weights, &format!("{name}.net.3"), hidden, hidden)?, arithmetic),
            second_norm: layer_norm(weights, &format!("{name}.net.4"), hidden)?,
            out: Affine::pack(&Linear::read(weights, &format!("{name}.net.6"), out, hidden)?, arithmetic),
        })
    }

    pub(super) fn bytes(&self) -> u64 {
        let tables = (self.source.len() + self.target.len()) * size_of::<T>();
        let distance = self.distance.forward.bytes() + self.distance.backward.bytes();
        tables as u64 + distance + self.hidden.bytes() + self.out.bytes()
    }

    /// Factors of the edges in `range`, `[edges, out]`. `basis`: Gaussians of all edges.
    pub(super) fn forward(
        &self,
        graph: &Graph,
        basis: &[T],
        range: Range<usize>,
        scratch: &mut RadialScratch<T>,
        out: &mut [T],
    ) {
        let (n, set) = (range.len(), self.out.matrix.forward.set());
        let (gaussians, hidden) = (self.distance.forward.depth(), self.first_norm.scale.len());
        let RadialScratch { first, second, activated, .. } = scratch;
        for (row, edge) in first.chunks_exact_mut(hidden).zip(range.clone()) {
            let element = |atom: u32| graph.elements[atom as usize] as usize * hidden;
            let source = &self.source[element(graph.source[edge])..][..hidden];
            let target = &self.target[element(graph.target[edge])..][..hidden];
            for (value, (source, target)) in row.iter_mut().zip(source.iter().zip(target)) {
                *value = *source + *target;
            }
        }
        let basis = &basis[range.start * gaussians..range.end * gaussians];
        self.distance.forward.multiply_add_strided(basis, gaussians, n, first, hidden);
        let (first, activated) = (&first[..n * hidden], &mut activated[..n * hidden]);
        T::run(NormalSilu { norm: &self.first_norm, rows: first, out: activated }, set);
        let second = &mut second[..n * hidden];
        second.chunks_exact_mut(hidden).for_each(|row| row.copy_from_slice(&self.hidden.bias));
        self.hidden.matrix.forward.multiply_add_all(activated, second);
        T::run(NormalSilu { norm: &self.second_norm, rows: second, out: activated }, set);
        let out = &mut out[..n * self.out.bias.len()];
        out.chunks_exact_mut(self.out.bias.len()).for_each(|row| row.copy_from_slice(&self.out.bias));
        self.out.matrix.forward.multiply_add_all(activated, out);
    }

    /// Adds to `by_basis` (of all edges) what comes from `∂E/∂out` of the edges in `range`. `scratch` is that of the
    /// forward pass of the same edges.
    pub(super) fn backward(
        &self,
        range: Range<usize>,
        scratch: &mut RadialScratch<T>,
        gradient: &[T],
        by_basis: &mut [T],
    ) {
        let (n, set) = (range.len(), self.out.matrix.forward.set());
        let (gaussians, hidden) = (self.distance.forward.depth(), self.first_norm.scale.len());
        let RadialScratch { first, second, activated, gradient: inner } = scratch;
        let zero = T::default();
        let (inner, other) = (&mut inner[..n * hidden], &mut activated[..n * hidden]);
        inner.fill(zero);
        self.out.matrix.backward.multiply_add_all(&gradient[..n * self.out.bias.len()], inner);
        T::run(NormalSiluBackward { norm: &self.second_norm, rows: &second[..n * hidden], gradient: inner }, set);
        other.fill(zero);
        self.hidden.matrix.backward.multiply_add_all(inner, other);
        T::run(NormalSiluBackward { norm: &self.first_norm, rows: &first[..n * hidden], gradient: other }, set);
        let by_basis = &mut by_basis[range.start * gaussians..range.end * gaussians];
        self.distance.backward.multiply_add_strided(other, hidden, n, by_basis, gaussians);
    }
}

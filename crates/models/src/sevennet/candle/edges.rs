//! What edges carry: harmonics of their directions, functions of their lengths.
//!
//! Geometry is in double precision; the results are rounded to the network's.

use super::maps::Loader;
use crate::e3nn::{Ladder, envelope};
use crate::sevennet::config::{Config, Envelope};
use crate::sevennet::graph::Graph;
use candle_core::{DType, Device, Result, Tensor};

/// How edges are described.
pub(super) struct Geometry {
    device: Device,
    dtype: DType,
    cutoff: f64,
    envelope: Envelope,
    normalized: bool,
    /// `[1, n_bessel]`, 1/Å
    frequencies: Tensor,
    ladder: Ladder,
}

/// The edges of a structure: those from j to i of all pairs, then those from i to j.
pub(super) struct Edges {
    pub(super) senders: Tensor,
    pub(super) receivers: Tensor,
    /// For each l `[edges, 2l + 1]`.
    pub(super) harmonics: Vec<Tensor>,
    /// Bessel functions times the envelope, `[edges, n_bessel]`.
    pub(super) basis: Tensor,
}

impl Geometry {
    pub(super) fn read(load: &Loader<'_>, config: &Config) -> Result<Self> {
        let frequencies = load.all("edge_embedding.basis_function.coeffs", config.n_bessel)?;
        Ok(Self {
            device: load.device.clone(),
            dtype: load.dtype,
            cutoff: config.cutoff,
            envelope: config.envelope,
            normalized: config.normalized,
            frequencies: frequencies.reshape((1, config.n_bessel))?.to_device(load.device)?,
            ladder: Ladder::new(config.lmax_edge, load.device)?,
        })
    }

    /// Of all edges; `vectors`: of the pairs, `[pairs, 3]`.
    pub(super) fn edges(&self, graph: &Graph, vectors: &Tensor) -> Result<Edges> {
        let there = graph.pairs.iter().map(|pair| (pair.j, pair.i));
        let (senders, receivers): (Vec<_>, Vec<_>) =
            there.chain(graph.pairs.iter().map(|pair| (pair.i, pair.j))).unzip();
        let vectors = Tensor::cat(&[vectors, &vectors.neg()?], 0)?;
        let distances = vectors.sqr()?.sum_keepdim(1)?.sqrt()?;
        let directions = if self.normalized { vectors.broadcast_div(&distances)? } else { vectors };
        let harmonics = self.ladder.harmonics(&directions)?;
        let waves = distances.broadcast_mul(&self.frequencies)?.sin()?.broadcast_div(&distances)?;
        let basis = waves.broadcast_mul(&(self.envelope(&distances)? * (2.0 / self.cutoff))?)?;
        let n = senders.len();
        let index = |values: Vec<u32>| Tensor::from_vec(values, n, &self.device);
        Ok(Edges {
            senders: index(senders)?,
            receivers: index(receivers)?,
            harmonics: harmonics.iter().map(|harmonics| harmonics.to_dtype(self.dtype)).collect::<Result<_>>()?,
            basis: basis.to_dtype(self.dtype)?,
        })
    }

    fn envelope(&self, distances: &Tensor) -> Result<Tensor> {
        match self.envelope {
            Envelope::Polynomial(p) => envelope(&(distances / self.cutoff)?, p),
            Envelope::Xplor(on) => {
                let (on2, end2) = (on * on, self.cutoff * self.cutoff);
                let squared = distances.sqr()?;
                let (left, slope) = ((end2 - &squared)?, squared.affine(2.0, end2 - 3.0 * on2)?);
                let outer = ((left.sqr()? * slope)? / (end2 - on2).powi(3))?;
                let (inside, beyond) = (distances.detach().lt(on)?, distances.detach().ge(self.cutoff)?);
                let plateau = inside.where_cond(&outer.ones_like()?, &outer)?;
                beyond.where_cond(&outer.zeros_like()?, &plateau)
            }
        }
    }
}

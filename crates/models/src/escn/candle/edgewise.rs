//! Messages along edges, and the first features that come of edges alone.

use super::convolution::Convolution;
use super::edges::Edges;
use super::norm::gate;
use super::radial::RadialNetwork;
use super::shape::Shape;
use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;

/// `edge_degree_embedding`: what lies around an atom, from distances and elements alone.
#[derive(Debug)]
pub(crate) struct EdgeDegree {
    radial: RadialNetwork,
    lmax: usize,
    channels: usize,
}

/// Messages are divided by this, the root of an average number of neighbors. Upstream has it in its code.
const RESCALE: f64 = 5.0;

impl EdgeDegree {
    pub(crate) fn new(shape: &Shape, vb: &VarBuilder<'_>) -> Result<Self> {
        let (lmax, channels) = (shape.orders.lmax, shape.channels);
        let widths = [shape.n_scalars(), shape.edge_channels, (lmax + 1) * channels];
        Ok(Self { radial: RadialNetwork::new(widths, &vb.pp("rad_func"))?, lmax, channels })
    }

    /// Adds to `x [atoms, components, channels]`.
    pub(crate) fn add(&self, x: &Tensor, edges: &Edges) -> Result<Tensor> {
        let radial = self.radial.forward(&edges.scalars)?.reshape(((), self.lmax + 1, self.channels))?;
        // Rows of order 0 come first.
        let back = edges.back.narrow(2, 0, self.lmax + 1)?.contiguous()?;
        let messages = (back.matmul(&radial)?.broadcast_mul(&edges.envelope)? / RESCALE)?;
        x.index_add(&edges.target, &messages, 0)
    }
}

/// `edge_wise` of a block but for its convolutions: factors of distances before the first, a gate between both.
#[derive(Debug)]
pub(crate) struct Edgewise {
    radial: RadialNetwork,
    /// Factor of each row.
    factors: Tensor,
    n_factors: usize,
    degrees: Vec<usize>,
}

impl Edgewise {
    pub(crate) fn new(shape: &Shape, vb: &VarBuilder<'_>) -> Result<Self> {
        let orders = &shape.orders;
        let widths = [shape.n_scalars(), shape.edge_channels, orders.n_factors() * 2 * shape.channels];
        let factors = orders.factors();
        Ok(Self {
            radial: RadialNetwork::new(widths, &vb.pp("so2_conv_1").pp("rad_func"))?,
            factors: Tensor::from_vec(factors.clone(), factors.len(), vb.device())?,
            n_factors: orders.n_factors(),
            degrees: orders.degrees(),
        })
    }

    /// Adds messages to `x [atoms, components, channels]`, made from `y`, its norm, by these convolutions.
    pub(crate) fn add(
        &self,
        x: &Tensor,
        y: &Tensor,
        edges: &Edges,
        [first, second]: &[Convolution; 2],
    ) -> Result<Tensor> {
        let ends = [y.index_select(&edges.source, 0)?, y.index_select(&edges.target, 0)?];
        let z = edges.rotations.matmul(&Tensor::cat(&ends, 2)?)?;
        let radial = self.radial.forward(&edges.scalars)?.reshape(((), self.n_factors, z.dim(2)?))?;
        let (rows, gates) = first.forward(&(z * radial.index_select(&self.factors, 1)?)?)?;
        let (rows, _) = second.forward(&gate(&rows, &gates, &self.degrees)?)?;
        x.index_add(&edges.target, &edges.back.matmul(&rows)?.broadcast_mul(&edges.envelope)?, 0)
    }
}

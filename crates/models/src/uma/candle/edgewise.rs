//! Messages along edges, and the first features that come of edges alone.

use super::convolution::{Channels, Convolution, ConvolutionExperts};
use super::edges::Edges;
use super::norm::gate;
use super::orders::Orders;
use super::radial::RadialNetwork;
use crate::uma::config::Backbone;
use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;

/// Numbers of an edge's scalars.
fn n_scalars(backbone: &Backbone) -> usize {
    backbone.num_distance_basis + 2 * backbone.edge_channels
}

/// `edge_degree_embedding`: what lies around an atom, from distances and elements alone.
#[derive(Debug)]
pub(super) struct EdgeDegree {
    radial: RadialNetwork,
    lmax: usize,
    channels: usize,
}

/// Messages are divided by this, the root of an average number of neighbors. Upstream has it in its code.
const RESCALE: f64 = 5.0;

impl EdgeDegree {
    pub(super) fn new(backbone: &Backbone, vb: &VarBuilder<'_>) -> Result<Self> {
        let (lmax, channels) = (backbone.lmax, backbone.sphere_channels);
        let widths = [n_scalars(backbone), backbone.edge_channels, (lmax + 1) * channels];
        Ok(Self { radial: RadialNetwork::new(widths, &vb.pp("rad_func"))?, lmax, channels })
    }

    /// Adds to `x [atoms, components, channels]`.
    pub(super) fn add(&self, x: &Tensor, edges: &Edges) -> Result<Tensor> {
        let radial = self.radial.forward(&edges.scalars)?.reshape(((), self.lmax + 1, self.channels))?;
        // Rows of order 0 come first.
        let back = edges.back.narrow(2, 0, self.lmax + 1)?.contiguous()?;
        let messages = (back.matmul(&radial)?.broadcast_mul(&edges.envelope)? / RESCALE)?;
        x.index_add(&edges.target, &messages, 0)
    }
}

/// `edge_wise` of a block: two convolutions with a gate between them.
#[derive(Debug)]
pub(super) struct Edgewise {
    radial: RadialNetwork,
    /// Factor of each row.
    factors: Tensor,
    n_factors: usize,
    degrees: Vec<usize>,
    convolutions: [ConvolutionExperts; 2],
}

impl Edgewise {
    pub(super) fn new(backbone: &Backbone, orders: &Orders, vb: &VarBuilder<'_>) -> Result<Self> {
        let (channels, hidden) = (backbone.sphere_channels, backbone.hidden_channels);
        let first = Channels { inputs: 2 * channels, outputs: hidden, extra: backbone.lmax * hidden };
        let second = Channels { inputs: hidden, outputs: channels, extra: 0 };
        let convolution =
            |name: &str, channels| ConvolutionExperts::new(backbone.num_experts, channels, orders, &vb.pp(name));
        let widths = [n_scalars(backbone), backbone.edge_channels, orders.n_factors() * 2 * channels];
        let factors = orders.factors();
        Ok(Self {
            radial: RadialNetwork::new(widths, &vb.pp("so2_conv_1").pp("rad_func"))?,
            factors: Tensor::from_vec(factors.clone(), factors.len(), vb.device())?,
            n_factors: orders.n_factors(),
            degrees: orders.degrees(),
            convolutions: [convolution("so2_conv_1", first)?, convolution("so2_conv_2", second)?],
        })
    }

    /// The two convolutions with these coefficients, `[1, experts]`.
    pub(super) fn mix(&self, coefficients: &Tensor) -> Result<[Convolution; 2]> {
        let [first, second] = &self.convolutions;
        Ok([first.mix(coefficients)?, second.mix(coefficients)?])
    }

    /// In memory.
    pub(super) fn bytes(&self) -> u64 {
        self.convolutions.iter().map(ConvolutionExperts::bytes).sum()
    }

    /// Adds messages to `x [atoms, components, channels]`, made from `y`, its norm.
    pub(super) fn add(&self, x: &Tensor, y: &Tensor, edges: &Edges, mixed: &[Convolution; 2]) -> Result<Tensor> {
        let ends = [y.index_select(&edges.source, 0)?, y.index_select(&edges.target, 0)?];
        let z = edges.rotations.matmul(&Tensor::cat(&ends, 2)?)?;
        let radial = self.radial.forward(&edges.scalars)?.reshape(((), self.n_factors, z.dim(2)?))?;
        let (rows, gates) = mixed[0].forward(&(z * radial.index_select(&self.factors, 1)?)?)?;
        let (rows, _) = mixed[1].forward(&gate(&rows, &gates, &self.degrees)?)?;
        x.index_add(&edges.target, &edges.back.matmul(&rows)?.broadcast_mul(&edges.envelope)?, 0)
    }
}

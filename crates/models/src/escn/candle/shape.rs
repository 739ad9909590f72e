//! Widths, degrees and orders of a network.

use super::orders::Orders;

/// What the layers of a network have in common.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) orders: Orders,
    /// Channels of atoms' features.
    pub(crate) channels: usize,
    /// Channels between two convolutions, and in atoms' perceptrons.
    pub(crate) hidden: usize,
    /// Width of the embeddings of elements in edges' scalars, and of radial networks.
    pub(crate) edge_channels: usize,
    /// Gaussians of distances.
    pub(crate) gaussians: usize,
    /// Rows of the tables of elements.
    pub(crate) elements: usize,
}

impl Shape {
    /// Numbers of an edge's scalars.
    pub(crate) fn n_scalars(&self) -> usize {
        self.gaussians + 2 * self.edge_channels
    }

    /// Channels of the two convolutions of a layer.
    pub(crate) fn convolutions(&self) -> [Channels; 2] {
        let Self { channels, hidden, .. } = *self;
        [
            Channels { inputs: 2 * channels, outputs: hidden, extra: self.orders.lmax * hidden },
            Channels { inputs: hidden, outputs: channels, extra: 0 },
        ]
    }
}

/// Channels of a convolution.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Channels {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// Numbers that order 0 gives before its rows: gates.
    pub(crate) extra: usize,
}

impl Channels {
    /// Outputs and inputs of the linear map of each order from 0 to `mmax`. Those of higher orders give real and imaginary
    /// parts.
    pub(crate) fn maps(&self, orders: &Orders) -> Vec<[usize; 2]> {
        let map = |m: usize| {
            let degrees = orders.n_degrees(m);
            let outputs = if m == 0 { self.extra + degrees * self.outputs } else { 2 * degrees * self.outputs };
            [outputs, degrees * self.inputs]
        };
        (0..=orders.mmax).map(map).collect()
    }
}

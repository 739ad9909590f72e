//! A convolution in the frames of edges: one linear map for each order.

use super::orders::Orders;
use super::shape::Channels;
use candle_core::{Module, Result, Tensor};
use candle_nn::Linear;

/// Linear maps by order. Rows of +m and -m are real and imaginary part of a complex number, on which a complex matrix acts.
#[derive(Debug)]
pub(crate) struct Convolution {
    channels: Channels,
    orders: Orders,
    zero: Linear,
    /// Real over imaginary part.
    others: Vec<Linear>,
}

impl Convolution {
    /// `zero`: the map of order 0; `others`: those of the orders from 1 on. Their shapes are [`Channels::maps`].
    pub(crate) fn new(channels: Channels, orders: &Orders, zero: Linear, others: Vec<Linear>) -> Self {
        Self { channels, orders: orders.clone(), zero, others }
    }

    /// Rows `[edges, rows, outputs]` and `[edges, extra]` from `z [edges, rows, inputs]`.
    pub(crate) fn forward(&self, z: &Tensor) -> Result<(Tensor, Tensor)> {
        let (n, outputs, extra) = (z.dim(0)?, self.channels.outputs, self.channels.extra);
        let flat = |start: usize, rows: usize| z.narrow(1, start, rows)?.contiguous()?.reshape((n, ()));
        let degrees = self.orders.n_degrees(0);
        let zero = self.zero.forward(&flat(0, degrees)?)?;
        let gates = zero.narrow(1, 0, extra)?;
        let mut rows = vec![zero.narrow(1, extra, degrees * outputs)?.contiguous()?.reshape((n, degrees, outputs))?];
        let mut start = degrees;
        for (k, map) in self.others.iter().enumerate() {
            let degrees = self.orders.n_degrees(k + 1);
            let half = degrees * outputs;
            let parts = |start: usize| {
                let product = map.forward(&flat(start, degrees)?)?;
                Ok::<_, candle_core::Error>((product.narrow(1, 0, half)?, product.narrow(1, half, half)?))
            };
            let ((a_plus, b_plus), (a_minus, b_minus)) = (parts(start)?, parts(start + degrees)?);
            for row in [(a_plus - b_minus)?, (a_minus + b_plus)?] {
                rows.push(row.contiguous()?.reshape((n, degrees, outputs))?);
            }
            start += 2 * degrees;
        }
        Ok((Tensor::cat(&rows, 1)?, gates))
    }
}

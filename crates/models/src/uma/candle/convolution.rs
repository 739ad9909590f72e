//! A convolution in the frames of edges: one linear map for each order.

use super::experts::ExpertLinear;
use super::orders::Orders;
use candle_core::{Module, Result, Tensor};
use candle_nn::{Linear, VarBuilder};

/// Channels of a convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Channels {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// Numbers that order 0 gives before its rows: gates.
    pub(super) extra: usize,
}

/// The experts of all orders.
#[derive(Debug)]
pub(super) struct ConvolutionExperts {
    channels: Channels,
    orders: Orders,
    zero: ExpertLinear,
    others: Vec<ExpertLinear>,
}

impl ConvolutionExperts {
    /// `vb`: of `so2_conv_1` or `so2_conv_2`.
    pub(super) fn new(n_experts: usize, channels: Channels, orders: &Orders, vb: &VarBuilder<'_>) -> Result<Self> {
        let Channels { inputs, outputs, extra } = channels;
        let degrees = orders.n_degrees(0);
        let zero = [extra + degrees * outputs, degrees * inputs];
        let order = |m: usize| {
            let degrees = orders.n_degrees(m);
            let vb = vb.pp("so2_m_conv").pp(m - 1).pp("fc");
            ExpertLinear::new(n_experts, [2 * degrees * outputs, degrees * inputs], false, &vb)
        };
        Ok(Self {
            channels,
            orders: orders.clone(),
            zero: ExpertLinear::new(n_experts, zero, true, &vb.pp("fc_m0"))?,
            others: (1..=orders.mmax).map(order).collect::<Result<_>>()?,
        })
    }

    /// The convolution with these coefficients, `[1, experts]`.
    pub(super) fn mix(&self, coefficients: &Tensor) -> Result<Convolution> {
        Ok(Convolution {
            channels: self.channels,
            orders: self.orders.clone(),
            zero: self.zero.mix(coefficients)?,
            others: self.others.iter().map(|experts| experts.mix(coefficients)).collect::<Result<_>>()?,
        })
    }

    /// In memory.
    pub(super) fn bytes(&self) -> u64 {
        self.zero.bytes() + self.others.iter().map(ExpertLinear::bytes).sum::<u64>()
    }
}

/// Linear maps by order. Rows of +m and -m are real and imaginary part of a complex number, on which a complex matrix acts.
#[derive(Debug)]
pub(super) struct Convolution {
    channels: Channels,
    orders: Orders,
    zero: Linear,
    /// Real over imaginary part.
    others: Vec<Linear>,
}

impl Convolution {
    /// Rows `[edges, rows, outputs]` and `[edges, extra]` from `z [edges, rows, inputs]`.
    pub(super) fn forward(&self, z: &Tensor) -> Result<(Tensor, Tensor)> {
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

//! Convolutions whose linear maps are mixtures of experts.

use super::experts::ExpertLinear;
use crate::escn::candle::{Channels, Convolution, Orders};
use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

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
        let maps = channels.maps(orders);
        let others = maps
            .iter()
            .skip(1)
            .enumerate()
            .map(|(k, shape)| ExpertLinear::new(n_experts, *shape, false, &vb.pp("so2_m_conv").pp(k).pp("fc")));
        Ok(Self {
            channels,
            orders: orders.clone(),
            others: others.collect::<Result<_>>()?,
            zero: ExpertLinear::new(n_experts, maps[0], true, &vb.pp("fc_m0"))?,
        })
    }

    /// The convolution with these coefficients, `[1, experts]`.
    pub(super) fn mix(&self, coefficients: &Tensor) -> Result<Convolution> {
        let others = self.others.iter().map(|experts| experts.mix(coefficients)).collect::<Result<_>>()?;
        Ok(Convolution::new(self.channels, &self.orders, self.zero.mix(coefficients)?, others))
    }

    /// In memory.
    pub(super) fn bytes(&self) -> u64 {
        self.zero.bytes() + self.others.iter().map(ExpertLinear::bytes).sum::<u64>()
    }
}

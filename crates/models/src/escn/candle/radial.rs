//! The radial network, from scalars of edges to factors.

use super::norm::LayerNorm;
use candle_core::{Module, Result, Tensor};
use candle_nn::{Linear, VarBuilder, linear};

/// `rad_func`: three linear maps, with norm and SiLU behind the first two.
#[derive(Debug)]
pub(crate) struct RadialNetwork {
    first: Linear,
    first_norm: LayerNorm,
    second: Linear,
    second_norm: LayerNorm,
    last: Linear,
}

impl RadialNetwork {
    pub(crate) fn new([inputs, hidden, outputs]: [usize; 3], vb: &VarBuilder<'_>) -> Result<Self> {
        let net = vb.pp("net");
        Ok(Self {
            first: linear(inputs, hidden, net.pp(0))?,
            first_norm: LayerNorm::new(hidden, &net.pp(1))?,
            second: linear(hidden, hidden, net.pp(3))?,
            second_norm: LayerNorm::new(hidden, &net.pp(4))?,
            last: linear(hidden, outputs, net.pp(6))?,
        })
    }
}

impl Module for RadialNetwork {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.first_norm.forward(&self.first.forward(x)?)?.silu()?;
        let x = self.second_norm.forward(&self.second.forward(&x)?)?.silu()?;
        self.last.forward(&x)
    }
}

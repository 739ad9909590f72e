//! Layers: perceptrons and gated perceptrons.

use candle_core::{Result, Tensor};
use candle_nn::{Linear, Module, VarBuilder};

/// What follows a linear map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    Swish,
    Sigmoid,
    None,
}

use Activation::{None as Plain, Sigmoid, Swish};

impl Activation {
    pub(super) fn of(self, x: Tensor) -> Result<Tensor> {
        match self {
            Swish => x.silu(),
            Sigmoid => candle_nn::ops::sigmoid(&x),
            Plain => Ok(x),
        }
    }
}

/// A linear map by upstream's name, whose layers hold another of that name.
pub(super) fn linear(inputs: usize, outputs: usize, bias: bool, vars: &VarBuilder) -> Result<Linear> {
    match bias {
        true => candle_nn::linear(inputs, outputs, vars.pp("linear")),
        false => candle_nn::linear_no_bias(inputs, outputs, vars.pp("linear")),
    }
}

/// A perceptron times another that ends in a sigmoid.
#[derive(Debug)]
pub(super) struct Gated {
    core: Vec<(Linear, Activation)>,
    gate: Vec<(Linear, Activation)>,
}

impl Gated {
    /// `widths`: of the input and behind each layer. `last`: what follows the last layer of the first factor.
    pub(super) fn load(widths: &[usize], last: Activation, bias: bool, vars: &VarBuilder) -> Result<Self> {
        let n_layers = widths.len() - 1;
        let side = |name: &str, last: Activation| {
            let layers = widths.windows(2).enumerate().map(|(k, pair)| {
                let activation = if k + 1 == n_layers { last } else { Swish };
                Ok::<_, candle_core::Error>((linear(pair[0], pair[1], bias, &vars.pp(name).pp(k))?, activation))
            });
            layers.collect::<Result<Vec<_>>>()
        };
        Ok(Self { core: side("g", last)?, gate: side("sigma", Sigmoid)? })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let through = |layers: &[(Linear, Activation)]| {
            layers.iter().try_fold(x.clone(), |x, (layer, activation)| activation.of(layer.forward(&x)?))
        };
        through(&self.core)? * through(&self.gate)?
    }
}

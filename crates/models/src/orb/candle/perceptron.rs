//! Perceptrons, with and without a norm behind them.

use candle_core::{DType, Module, Result, Tensor};
use candle_nn::ops::rms_norm_slow;
use candle_nn::{Linear, VarBuilder, linear};

/// Linear maps with SiLU between them.
#[derive(Debug)]
pub(super) struct Perceptron {
    layers: Vec<Linear>,
}

impl Perceptron {
    /// `widths`: of the input, of each hidden layer and of the output. Layers are `mlp.NN-0`, `mlp.NN-1`, …
    pub(super) fn new(widths: &[usize], vb: &VarBuilder<'_>) -> Result<Self> {
        let layer = |(k, widths): (usize, &[usize])| linear(widths[0], widths[1], vb.pp("mlp").pp(format!("NN-{k}")));
        Ok(Self { layers: widths.windows(2).enumerate().map(layer).collect::<Result<_>>()? })
    }
}

impl Module for Perceptron {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        for (k, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&if k > 0 { x.silu()? } else { x })?;
        }
        Ok(x)
    }
}

/// Three layers, then a norm by the root of the mean square.
#[derive(Debug)]
pub(super) struct NormedPerceptron {
    perceptron: Perceptron,
    /// `[outputs]`
    scale: Tensor,
    epsilon: f32,
}

impl NormedPerceptron {
    /// `widths`: of input, hidden layers and output.
    pub(super) fn new([inputs, hidden, outputs]: [usize; 3], vb: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            perceptron: Perceptron::new(&[inputs, hidden, hidden, outputs], vb)?,
            scale: vb.pp("layer_norm").get(outputs, "weight")?,
            // Distance of one from the next larger number of the type, as upstream has it.
            epsilon: if vb.dtype() == DType::F32 { f32::EPSILON } else { f64::EPSILON as f32 },
        })
    }
}

impl Module for NormedPerceptron {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        // The fused norm of candle has no gradient.
        rms_norm_slow(&self.perceptron.forward(x)?, &self.scale, self.epsilon)
    }
}

//! The head: energies of atoms, in double precision.

use crate::uma::config::Config;
use candle_core::{DType, Module, Result, Tensor};
use candle_nn::{Linear, VarBuilder, linear};

/// `energy_block`: a perceptron, the same for all tasks or with one expert for each.
#[derive(Debug)]
pub(super) struct Readout {
    layers: [Linear; 3],
}

impl Readout {
    /// `expert`: which one of how many belongs to the task.
    pub(super) fn new(config: &Config, expert: Option<(usize, usize)>, vb: &VarBuilder<'_>) -> Result<Self> {
        let head = vb.to_dtype(DType::F64).pp("output_heads").pp(&config.head);
        // A head that is wrapped has one more step in its names.
        let wrapped = head.pp("head").pp("energy_block");
        let block = if wrapped.contains_tensor("0.bias") { wrapped } else { head.pp("energy_block") };
        let (channels, hidden) = (config.backbone.sphere_channels, config.backbone.hidden_channels);
        let layer = |k: usize, inputs: usize, outputs: usize| {
            let vb = block.pp(k);
            match expert.filter(|_| vb.contains_tensor("weights")) {
                Some((index, n)) => {
                    let weight = vb.get((n, outputs, inputs), "weights")?.get(index)?;
                    Ok(Linear::new(weight, Some(vb.get(outputs, "bias")?)))
                }
                None => linear(inputs, outputs, vb),
            }
        };
        Ok(Self { layers: [layer(0, channels, hidden)?, layer(2, hidden, hidden)?, layer(4, hidden, 1)?] })
    }
}

impl Module for Readout {
    /// `[atoms, 1]` from `[atoms, channels]`.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let [first, second, last] = &self.layers;
        last.forward(&second.forward(&first.forward(x)?.silu()?)?.silu()?)
    }
}

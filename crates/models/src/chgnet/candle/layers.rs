//! Layers: perceptrons, norms, gated perceptrons.

use crate::chgnet::Config;
use candle_core::{Result, Tensor};
use candle_nn::{LayerNorm, Linear, Module, VarBuilder};

/// Upstream's default in all its norms.
const EPSILON: f64 = 1e-5;

/// Linear maps with SiLU between them.
#[derive(Debug)]
pub(super) struct Perceptron(Vec<Linear>);

/// A layer norm. Candle's with an offset has no gradient, so the offset is added behind it.
#[derive(Debug)]
struct Norm {
    norm: LayerNorm,
    offset: Tensor,
}

/// A perceptron times the sigmoid of another, and the map behind the sum of such products.
#[derive(Debug)]
pub(super) struct Gated {
    core: Perceptron,
    gate: Perceptron,
    core_norm: Option<Norm>,
    gate_norm: Option<Norm>,
    out: Option<Linear>,
}

impl Perceptron {
    /// Layers by their numbers in upstream's `Sequential`, which counts activations and dropouts as well.
    fn load(numbers: &[usize], widths: &[usize], vars: &VarBuilder) -> Result<Self> {
        let layers = numbers.iter().zip(widths.windows(2));
        let load = |(number, pair): (&usize, &[usize])| candle_nn::linear(pair[0], pair[1], vars.pp(number));
        Ok(Self(layers.map(load).collect::<Result<_>>()?))
    }

    /// From features of atoms to their energies.
    pub(super) fn readout(config: &Config, vars: &VarBuilder) -> Result<Self> {
        let hidden = &config.mlp_hidden_dims;
        let widths = [&[config.width()], hidden.as_slice(), &[1]].concat();
        // A dropout stands before the last layer.
        let mut numbers = (0..hidden.len()).map(|layer| 2 * layer).collect::<Vec<_>>();
        numbers.push(2 * hidden.len() + 1);
        Self::load(&numbers, &widths, &vars.pp("mlp.layers"))
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        for (index, layer) in self.0.iter().enumerate() {
            x = layer.forward(&if index > 0 { x.silu()? } else { x })?;
        }
        Ok(x)
    }
}

impl Norm {
    /// Where hyperparameters name a kind of norm.
    fn load(kind: &Option<String>, width: usize, vars: &VarBuilder) -> Result<Option<Self>> {
        let Some(_) = kind else { return Ok(None) };
        let norm = candle_nn::layer_norm::layer_norm_no_bias(width, EPSILON, vars.clone())?;
        Ok(Some(Self { norm, offset: vars.get(width, "bias")? }))
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.norm.forward(x)?.broadcast_add(&self.offset)
    }
}

/// Through a norm, where there is one.
fn normal(norm: &Option<Norm>, x: Tensor) -> Result<Tensor> {
    norm.as_ref().map_or_else(|| Ok(x.clone()), |norm| norm.forward(&x))
}

/// The norm before the readout.
#[derive(Debug)]
pub(super) struct ReadoutNorm(Option<Norm>);

impl ReadoutNorm {
    pub(super) fn load(config: &Config, vars: &VarBuilder) -> Result<Self> {
        Norm::load(&config.readout_norm, config.width(), &vars.pp("readout_norm")).map(Self)
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        normal(&self.0, x.clone())
    }
}

impl Gated {
    /// Of a convolution: two layers in each branch, and a map behind the sum. `mlp`: upstream's name; `parts`: rows that
    /// are joined.
    pub(super) fn convolution(mlp: &str, parts: usize, config: &Config, vars: &VarBuilder) -> Result<Self> {
        let (width, behind) = (config.width(), vars.pp("mlp_out.layers.1"));
        let out = match config.mlp_out_bias {
            true => candle_nn::linear(width, width, behind)?,
            false => candle_nn::linear_no_bias(width, width, behind)?,
        };
        Self::load(&[0, 3], &[parts * width, width, width], config, &vars.pp(mlp), Some(out))
    }

    /// Of an update of angles: one layer in each branch, no sum.
    pub(super) fn update(mlp: &str, parts: usize, config: &Config, vars: &VarBuilder) -> Result<Self> {
        Self::load(&[1], &[parts * config.width(), config.width()], config, &vars.pp(mlp), None)
    }

    fn load(
        numbers: &[usize],
        widths: &[usize],
        config: &Config,
        vars: &VarBuilder,
        out: Option<Linear>,
    ) -> Result<Self> {
        let norm = |name: &str| Norm::load(&config.gated_mlp_norm, config.width(), &vars.pp(name));
        Ok(Self {
            core: Perceptron::load(numbers, widths, &vars.pp("mlp_core.layers"))?,
            gate: Perceptron::load(numbers, widths, &vars.pp("mlp_gate.layers"))?,
            core_norm: norm("bn1")?,
            gate_norm: norm("bn2")?,
            out,
        })
    }

    /// Of joined rows.
    pub(super) fn forward(&self, parts: &[Tensor]) -> Result<Tensor> {
        let x = Tensor::cat(parts, 1)?;
        let core = normal(&self.core_norm, self.core.forward(&x)?)?.silu()?;
        core * candle_nn::ops::sigmoid(&normal(&self.gate_norm, self.gate.forward(&x)?)?)?
    }

    /// Messages summed into `rows` rows, through the map behind the sum. Rows into which nothing is summed get its bias.
    pub(super) fn sum(&self, messages: &Tensor, target: &Tensor, rows: usize) -> Result<Tensor> {
        let zeros = Tensor::zeros((rows, messages.dim(1)?), messages.dtype(), messages.device())?;
        let sums = zeros.index_add(target, messages, 0)?;
        match &self.out {
            Some(out) => out.forward(&sums),
            None => Ok(sums),
        }
    }
}

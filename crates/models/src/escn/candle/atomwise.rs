//! What atoms do with themselves.

use super::norm::{add_to_scalars, degrees, gate, scalars};
use super::shape::Shape;
use candle_core::{Module, Result, Tensor};
use candle_nn::{Linear, VarBuilder, linear};

/// One linear map for each degree, with a bias for degree 0.
#[derive(Debug)]
struct DegreeLinear {
    /// By degree, `[in, out]`.
    weights: Vec<Tensor>,
    bias: Tensor,
}

impl DegreeLinear {
    fn new(lmax: usize, inputs: usize, outputs: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        let all = vb.get((lmax + 1, outputs, inputs), "weight")?;
        let weights = (0..=lmax).map(|l| all.get(l)?.t()?.contiguous()).collect::<Result<_>>()?;
        Ok(Self { weights, bias: vb.get(outputs, "bias")? })
    }
}

impl Module for DegreeLinear {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let n = x.dim(0)?;
        let block = |(l, weight): (usize, &Tensor)| {
            let (inputs, outputs) = weight.dims2()?;
            let rows = x.narrow(1, l * l, 2 * l + 1)?.contiguous()?.reshape((n * (2 * l + 1), inputs))?;
            rows.matmul(weight)?.reshape((n, 2 * l + 1, outputs))
        };
        let blocks = self.weights.iter().enumerate().map(block).collect::<Result<Vec<_>>>()?;
        add_to_scalars(&Tensor::cat(&blocks, 1)?, &self.bias)
    }
}

/// `atom_wise` of a block: a gated perceptron by degree.
#[derive(Debug)]
pub(crate) struct Atomwise {
    gates: Linear,
    first: DegreeLinear,
    second: DegreeLinear,
    degrees: Vec<usize>,
}

impl Atomwise {
    pub(crate) fn new(shape: &Shape, vb: &VarBuilder<'_>) -> Result<Self> {
        let (lmax, channels, hidden) = (shape.orders.lmax, shape.channels, shape.hidden);
        Ok(Self {
            gates: linear(channels, lmax * hidden, vb.pp("scalar_mlp").pp(0))?,
            first: DegreeLinear::new(lmax, channels, hidden, &vb.pp("so3_linear_1"))?,
            second: DegreeLinear::new(lmax, hidden, channels, &vb.pp("so3_linear_2"))?,
            degrees: degrees(lmax),
        })
    }
}

impl Module for Atomwise {
    /// `[atoms, components, channels]`
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let gates = self.gates.forward(&scalars(x)?)?.silu()?;
        self.second.forward(&gate(&self.first.forward(x)?, &gates, &self.degrees)?)
    }
}

//! Linear maps that are mixtures of experts.

use candle_core::{DType, Result, Tensor};
use candle_nn::{Linear, VarBuilder};

/// The experts of one map, and the bias that they share.
#[derive(Debug)]
pub(super) struct ExpertLinear {
    /// `[experts, out · in]`, as they are in the file.
    experts: Tensor,
    outputs: usize,
    inputs: usize,
    /// `[out]`, in the precision of the network.
    bias: Option<Tensor>,
    dtype: DType,
}

impl ExpertLinear {
    /// `weights` and, where there is one, `bias` of `vb`.
    pub(super) fn new(
        n_experts: usize,
        [outputs, inputs]: [usize; 2],
        bias: bool,
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        // Upstream's are in single precision; twice as wide they would take twice the memory.
        let stored = vb.to_dtype(DType::F32).get((n_experts, outputs, inputs), "weights")?;
        Ok(Self {
            experts: stored.reshape((n_experts, outputs * inputs))?,
            outputs,
            inputs,
            bias: bias.then(|| vb.get(outputs, "bias")).transpose()?,
            dtype: vb.dtype(),
        })
    }

    /// The sum of the experts times `coefficients [1, experts]`, in double precision.
    pub(super) fn mix(&self, coefficients: &Tensor) -> Result<Linear> {
        let weight = coefficients.matmul(&self.experts.to_dtype(DType::F64)?)?;
        let weight = weight.reshape((self.outputs, self.inputs))?.to_dtype(self.dtype)?;
        Ok(Linear::new(weight, self.bias.clone()))
    }

    /// In memory.
    pub(super) fn bytes(&self) -> u64 {
        (self.experts.elem_count() * DType::F32.size_in_bytes()) as u64
    }
}

//! From composition, charge, spin and task to the coefficients of experts: in double precision throughout.

use crate::uma::config::Config;
use crate::uma::routing::{CHARGES, SPINS};
use candle_core::{DType, Module, Result, Tensor};
use candle_nn::ops::softmax;
use candle_nn::{Embedding, Linear, VarBuilder, embedding, linear};

/// Added to each coefficient, so that no expert is ever silent.
const FLOOR: f64 = 0.005;

/// The router of one task.
#[derive(Debug)]
pub(super) struct Router {
    charges: Embedding,
    spins: Embedding,
    dataset: Embedding,
    mix: Linear,
    elements: Embedding,
    layers: [Linear; 3],
    counts_a_zero: bool,
}

impl Router {
    /// `vb`: of the backbone; `dataset`: name of the task's embedding.
    pub(super) fn new(config: &Config, dataset: &str, vb: &VarBuilder<'_>) -> Result<Self> {
        let vb = vb.to_dtype(DType::F64);
        let b = &config.backbone;
        let (c, e) = (b.sphere_channels, b.num_experts);
        let layer = |k: usize, inputs: usize, outputs: usize| linear(inputs, outputs, vb.pp("routing_mlp").pp(k));
        let n_charges = CHARGES.count();
        Ok(Self {
            charges: embedding(n_charges, c, vb.pp("charge_embedding").pp("rand_emb"))?,
            spins: embedding(SPINS.count(), c, vb.pp("spin_embedding").pp("rand_emb"))?,
            dataset: embedding(1, c, vb.pp("dataset_embedding").pp("dataset_emb_dict").pp(dataset))?,
            mix: linear(3 * c, c, vb.pp("mix_csd"))?,
            elements: embedding(b.max_num_elements, c, vb.pp("composition_embedding"))?,
            layers: [layer(0, 2 * c, 2 * e)?, layer(2, 2 * e, 2 * e)?, layer(4, 2 * e, e)?],
            counts_a_zero: config.generation.counts_a_zero(),
        })
    }

    /// `[1, channels]`: charge, spin and task.
    pub(super) fn system(&self, charge: i32, spin: i32) -> Result<Tensor> {
        let row = |table: &Embedding, index: i32| {
            let index = Tensor::new(&[u32::try_from(index).unwrap_or(u32::MAX)], table.embeddings().device())?;
            table.forward(&index)
        };
        let parts = [
            row(&self.charges, charge - CHARGES.start())?,
            row(&self.spins, spin - SPINS.start())?,
            row(&self.dataset, 0)?,
        ];
        self.mix.forward(&Tensor::cat(&parts, 1)?)?.silu()
    }

    /// `[1, experts]` from `[atoms]` atomic numbers and what [`system`](Self::system) gives.
    pub(super) fn coefficients(&self, elements: &Tensor, system: &Tensor) -> Result<Tensor> {
        let n = elements.dim(0)? + usize::from(self.counts_a_zero);
        let mean = (self.elements.forward(elements)?.sum_keepdim(0)? / n as f64)?;
        let mut x = Tensor::cat(&[&mean, system], 1)?;
        for layer in &self.layers {
            x = layer.forward(&x)?.silu()?;
        }
        softmax(&x, 1)? + FLOOR
    }
}

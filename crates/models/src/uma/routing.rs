//! Which mixture of experts: from composition, charge, spin and task to coefficients. In double precision throughout.

use super::config::Config;
use crate::weights::{Weights, WeightsError};

/// Charges and spins that have an embedding, in this order.
pub(super) const CHARGES: std::ops::RangeInclusive<i32> = -100..=100;
pub(super) const SPINS: std::ops::RangeInclusive<i32> = 0..=100;

/// Added to each coefficient, so that no expert is ever silent.
const FLOOR: f64 = 0.005;

/// A linear layer, `[out, in]`.
#[derive(Debug, Clone)]
pub(super) struct Linear {
    pub(super) weight: Vec<f64>,
    pub(super) bias: Vec<f64>,
}

impl Linear {
    pub(super) fn read(weights: &Weights, name: &str, out: usize, inputs: usize) -> Result<Self, WeightsError> {
        Ok(Self {
            weight: weights.get(&format!("{name}.weight"), &[out, inputs])?.to_vec(),
            bias: weights.get(&format!("{name}.bias"), &[out])?.to_vec(),
        })
    }

    pub(super) fn apply(&self, x: &[f64]) -> Vec<f64> {
        let rows = self.weight.chunks_exact(x.len()).zip(&self.bias);
        rows.map(|(row, bias)| row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + bias).collect()
    }
}

fn silu(x: f64) -> f64 {
    x / (1.0 + (-x).exp())
}

/// What a mixture depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Composition {
    /// Which elements, and how many of each: sorted, and reduced where only the ratios count.
    counts: Vec<(u8, usize)>,
    /// Elementary charges.
    pub(super) charge: i32,
    /// Multiplicity.
    pub(super) spin: i32,
}

/// The router of one task.
#[derive(Debug)]
pub(super) struct Router {
    /// `[201, channels]`
    charges: Vec<f64>,
    /// `[101, channels]`
    spins: Vec<f64>,
    /// `[channels]`
    task: Vec<f64>,
    mix: Linear,
    /// `[elements, channels]`
    elements: Vec<f64>,
    layers: [Linear; 3],
    counts_a_zero: bool,
}

impl Router {
    pub(super) fn new(weights: &Weights, config: &Config, dataset: &str) -> Result<Self, WeightsError> {
        let b = &config.backbone;
        let (c, e) = (b.sphere_channels, b.num_experts);
        let table = |name: &str, rows: usize| -> Result<Vec<f64>, WeightsError> {
            Ok(weights.get(&format!("backbone.{name}.weight"), &[rows, c])?.to_vec())
        };
        let layer = |k: usize, out, inputs| Linear::read(weights, &format!("backbone.routing_mlp.{k}"), out, inputs);
        Ok(Self {
            charges: table("charge_embedding.rand_emb", CHARGES.count())?,
            spins: table("spin_embedding.rand_emb", SPINS.count())?,
            task: table(&format!("dataset_embedding.dataset_emb_dict.{dataset}"), 1)?,
            mix: Linear::read(weights, "backbone.mix_csd", c, 3 * c)?,
            elements: table("composition_embedding", b.max_num_elements)?,
            layers: [layer(0, 2 * e, 2 * c)?, layer(2, 2 * e, 2 * e)?, layer(4, e, 2 * e)?],
            counts_a_zero: config.generation.counts_a_zero(),
        })
    }

    /// `[channels]`: charge, spin and task of a composition; added to each atom as well. Both lie in their ranges.
    pub(super) fn system(&self, composition: &Composition) -> Vec<f64> {
        let c = self.task.len();
        let row = |table: &[f64], row: i32| table[row as usize * c..][..c].to_vec();
        let mut parts = row(&self.charges, composition.charge - CHARGES.start());
        parts.extend(row(&self.spins, composition.spin - SPINS.start()));
        parts.extend(&self.task);
        self.mix.apply(&parts).into_iter().map(silu).collect()
    }

    /// What decides about the mixture. Atomic numbers below the number of embeddings.
    pub(super) fn composition(&self, elements: impl Iterator<Item = u8>, charge: i32, spin: i32) -> Composition {
        let mut counts = std::collections::BTreeMap::new();
        elements.for_each(|z| *counts.entry(z).or_insert(0usize) += 1);
        let divisor = match self.counts_a_zero {
            true => 1,
            false => counts.values().copied().fold(0, greatest_common_divisor).max(1),
        };
        Composition { counts: counts.into_iter().map(|(z, n)| (z, n / divisor)).collect(), charge, spin }
    }

    /// One coefficient for each expert; `system`: of the same composition.
    pub(super) fn coefficients(&self, composition: &Composition, system: &[f64]) -> Vec<f64> {
        let c = system.len();
        let n = composition.counts.iter().map(|(_, n)| *n).sum::<usize>() + usize::from(self.counts_a_zero);
        let mut mean = vec![0.0; c];
        for (z, count) in &composition.counts {
            let row = &self.elements[usize::from(*z) * c..][..c];
            mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += *count as f64 * x);
        }
        let mut x = mean.into_iter().map(|x| x / n as f64).chain(system.iter().copied()).collect::<Vec<_>>();
        for layer in &self.layers {
            x = layer.apply(&x).into_iter().map(silu).collect();
        }
        let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let exponentials = x.iter().map(|x| (x - largest).exp()).collect::<Vec<_>>();
        let sum = exponentials.iter().sum::<f64>();
        exponentials.into_iter().map(|x| x / sum + FLOOR).collect()
    }
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

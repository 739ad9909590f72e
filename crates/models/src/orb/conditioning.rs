//! Charge and spin of a structure: sines and cosines of both, of which every layer adds a linear map to all atoms.

use super::error::LoadError;
use super::shape::Shape;
use crate::weights::Weights;
use std::f64::consts::TAU;

/// Charges and spins that are computed. Upstream names no bounds; those of UMA, far beyond what the weights were fitted to.
pub(crate) const CHARGES: std::ops::RangeInclusive<i32> = -100..=100;
pub(crate) const SPINS: std::ops::RangeInclusive<i32> = 0..=100;

/// Of a structure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Condition {
    /// Total charge, elementary charges.
    pub(crate) charge: i32,
    /// Multiplicity; 0: not said.
    pub(crate) spin: i32,
}

/// What turns a condition into additions to the features of atoms: in double precision, since it is next to no work.
#[derive(Debug)]
pub(crate) struct Conditioning {
    /// `[latent / 4]`, turns per elementary charge.
    charge: Vec<f64>,
    /// `[latent / 4]`, turns per unit of multiplicity.
    spin: Vec<f64>,
    /// One a layer: `[latent, latent]`, row-major by output, and `[latent]`.
    layers: Vec<(Vec<f64>, Vec<f64>)>,
}

impl Conditioning {
    /// From `model.conditioner` and the layers' `_cond_node_proj`.
    pub(crate) fn read(tensors: &Weights, shape: &Shape) -> Result<Self, LoadError> {
        let (latent, n) = (shape.latent, shape.latent / 4);
        let frequencies = |name: &str| {
            Ok::<_, LoadError>(tensors.get(&format!("model.conditioner.{name}_embedding.W"), &[n])?.into_owned())
        };
        let layer = |index: usize| {
            let name = format!("model.gnn_stacks.{index}._cond_node_proj");
            let weight = tensors.get(&format!("{name}.weight"), &[latent, latent])?.into_owned();
            Ok::<_, LoadError>((weight, tensors.get(&format!("{name}.bias"), &[latent])?.into_owned()))
        };
        Ok(Self {
            charge: frequencies("charge")?,
            spin: frequencies("spin")?,
            layers: (0..shape.n_layers).map(layer).collect::<Result<_, _>>()?,
        })
    }

    /// `[latent]`: sines and cosines of the charge, then those of the spin; zeros for a spin that is not said.
    pub(crate) fn features(&self, condition: Condition) -> Vec<f64> {
        let mut features = Vec::with_capacity(4 * self.charge.len());
        for (frequencies, value, said) in
            [(&self.charge, condition.charge, true), (&self.spin, condition.spin, condition.spin != 0)]
        {
            let factor = if said { 1.0 } else { 0.0 };
            let angle = |frequency: &f64| f64::from(value) * frequency * TAU;
            features.extend(frequencies.iter().map(|frequency| factor * angle(frequency).sin()));
            features.extend(frequencies.iter().map(|frequency| factor * angle(frequency).cos()));
        }
        features
    }

    /// `[latent]`: what a layer adds to each atom of a structure with these features.
    pub(crate) fn shift(&self, layer: usize, features: &[f64]) -> Vec<f64> {
        let (weight, bias) = &self.layers[layer];
        let rows = weight.chunks_exact(features.len()).zip(bias);
        rows.map(|(row, bias)| row.iter().zip(features).map(|(w, x)| w * x).sum::<f64>() + bias).collect()
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> u64 {
        let layers = self.layers.iter().map(|(weight, bias)| weight.len() + bias.len()).sum::<usize>();
        ((self.charge.len() + self.spin.len() + layers) * size_of::<f64>()) as u64
    }
}

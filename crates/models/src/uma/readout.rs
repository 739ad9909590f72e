//! From the features of atoms to energies: a small network on degree 0.
//!
//! In double precision whatever the rest computes in: it costs next to nothing, and its rounding would reach the energy
//! undiminished.

use super::packed::Affine;
use super::routing::Linear;
use crate::weights::{Weights, WeightsError};
use mlip_kernels::rows::{activate, activate_backward};
use mlip_kernels::simd::{InstructionSet, Real};

/// The three layers. `head`: name of the head; `expert`: which of the experts, where the head has one for each task.
pub(super) fn read_layers(
    weights: &Weights,
    head: &str,
    [channels, hidden]: [usize; 2],
    expert: Option<(usize, usize)>,
) -> Result<[Linear; 3], WeightsError> {
    // With a wrapper for the tasks around it, and without.
    let prefixes = [format!("output_heads.{head}.head.energy_block"), format!("output_heads.{head}.energy_block")];
    let wrapped = weights.get(&format!("{}.0.bias", prefixes[0]), &[hidden]).is_ok();
    let prefix = &prefixes[usize::from(!wrapped)];
    let layer = |k: usize, out: usize, inputs: usize| -> Result<Linear, WeightsError> {
        let name = format!("{prefix}.{k}");
        let mixture = expert.map(|(index, experts)| {
            weights.get(&format!("{name}.weights"), &[experts, out, inputs]).map(|all| (index, all))
        });
        match mixture {
            Some(Ok((index, all))) => Ok(Linear {
                weight: all[index * out * inputs..][..out * inputs].to_vec(),
                bias: weights.get(&format!("{name}.bias"), &[out])?.to_vec(),
            }),
            Some(Err(WeightsError::Missing(_))) | None => Linear::read(weights, &name, out, inputs),
            Some(Err(error)) => Err(error),
        }
    };
    Ok([layer(0, hidden, channels)?, layer(2, hidden, hidden)?, layer(4, 1, hidden)?])
}

/// Three linear layers with silu between.
#[derive(Debug)]
pub(super) struct Readout {
    layers: [Affine<f64>; 3],
    set: InstructionSet,
}

impl Readout {
    /// As of [`read_layers`].
    pub(super) fn read(
        weights: &Weights,
        head: &str,
        sizes: [usize; 2],
        expert: Option<(usize, usize)>,
        set: InstructionSet,
    ) -> Result<Self, WeightsError> {
        let layers = read_layers(weights, head, sizes, expert)?;
        Ok(Self { layers: layers.map(|layer| Affine::pack(&layer, set.into())), set })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.layers.iter().map(Affine::bytes).sum()
    }

    /// Before each silu, and the energies.
    fn layers(&self, rows: &[f64]) -> ([Vec<f64>; 2], Vec<f64>) {
        let mut x = rows.to_vec();
        let before = [0, 1].map(|k| {
            let y = self.layers[k].apply(&x);
            x = y.clone();
            activate(&mut x, self.set);
            y
        });
        let energies = self.layers[2].apply(&x);
        (before, energies)
    }

    /// `[atoms]` from `[atoms, channels]`.
    pub(super) fn energies(&self, rows: &[f64]) -> Vec<f64> {
        self.layers(rows).1
    }

    /// Gradient of the sum of energies by the rows.
    pub(super) fn gradient(&self, rows: &[f64]) -> Vec<f64> {
        let (before, energies) = self.layers(rows);
        let mut gradient = vec![1.0; energies.len()];
        for k in (0..3).rev() {
            gradient = self.layers[k].backward(&gradient);
            if k > 0 {
                activate_backward(&before[k - 1], &mut gradient, self.set);
            }
        }
        gradient
    }
}

/// Rows of degree 0 of `[atoms, components, channels]`.
pub(super) fn scalars<T: Real>(features: &[T], size: usize, channels: usize) -> Vec<f64> {
    features.chunks_exact(size).flat_map(|atom| &atom[..channels]).map(|x| x.wide()).collect()
}

/// The reverse: zeros in all other rows.
pub(super) fn spread<T: Real>(rows: &[f64], size: usize, channels: usize) -> Vec<T> {
    let mut features = vec![T::default(); rows.len() / channels * size];
    for (atom, row) in features.chunks_exact_mut(size).zip(rows.chunks_exact(channels)) {
        atom.iter_mut().zip(row).for_each(|(to, from)| *to = T::real(*from));
    }
    features
}

//! From the scalars of a layer to energies of atoms.

use super::file::{FileError, ModelFile};
use super::linear::{ATOMS_PER_THREAD, padded};
use super::parameters::Channels;
use crate::e3nn::SILU_NORM;
use crate::e3nn::TwoWay;
use crate::weights::WeightsError;
use mlip_kernels::silu::{silu, silu_with_slopes};
use mlip_kernels::simd::{InstructionSet, Real};
use mlip_threads as threads;

/// The column of one head.
pub(super) enum Readout<T> {
    /// A dot product; the weights are padded.
    Linear(Vec<f64>),
    /// A hidden layer with silu, then a dot product.
    Network {
        /// To the hidden layer.
        hidden: TwoWay<T>,
        /// From it.
        weights: Vec<f64>,
    },
}

/// Its weights as they are, with upstream's factors in them.
pub(super) enum ReadoutWeights {
    /// `[channels]`
    Linear(Vec<f64>),
    /// A hidden layer with silu.
    Network {
        /// `[channels, hidden]`
        first: Vec<f64>,
        /// `[hidden]`
        second: Vec<f64>,
    },
}

impl ReadoutWeights {
    pub(super) fn read(
        file: &ModelFile,
        number: usize,
        nonlinear: bool,
        (head, n_heads): (usize, usize),
        channels: Channels,
    ) -> Result<Self, FileError> {
        let n = channels.upstream;
        let place = padded(n, channels.padded);
        let norm = 1.0 / (n as f64).sqrt();
        if !nonlinear {
            let weights = file.read(&format!("readouts.{number}.linear.weight"), n * n_heads)?;
            let weight = |k: usize| place(k).map_or(0.0, |k| norm * weights[k * n_heads + head]);
            return Ok(Self::Linear((0..channels.padded).map(weight).collect()));
        }
        let name = |k: usize| format!("readouts.{number}.linear_{k}.weight");
        let width = file.shape(&name(1))?.iter().product::<usize>() / n;
        let first = file.read(&name(1), n * width)?;
        let second = file.read(&name(2), width * n_heads)?;
        if !width.is_multiple_of(n_heads) {
            let found = vec![n, width];
            return Err(
                WeightsError::Shape { name: name(1), expected: vec![n, width / n_heads * n_heads], found }.into()
            );
        }
        // Each head has its own slice of the hidden layer.
        let (own, start) = (width / n_heads, head * (width / n_heads));
        let entry = |at: usize| place(at / own).map_or(0.0, |k| norm * first[k * width + start + at % own]);
        let scale = SILU_NORM / (width as f64).sqrt();
        let second = (0..own).map(|c| scale * second[(start + c) * n_heads + head]).collect();
        Ok(Self::Network { first: (0..channels.padded * own).map(entry).collect(), second })
    }
}

impl<T: Real> Readout<T> {
    pub(super) fn read(
        file: &ModelFile,
        number: usize,
        nonlinear: bool,
        heads: (usize, usize),
        channels: Channels,
        set: InstructionSet,
    ) -> Result<Self, FileError> {
        Ok(match ReadoutWeights::read(file, number, nonlinear, heads, channels)? {
            ReadoutWeights::Linear(weights) => Self::Linear(weights),
            ReadoutWeights::Network { first, second } => {
                let own = second.len();
                let hidden = TwoWay::pack(channels.padded, own, set, |k, c| first[k * own + c]);
                Self::Network { hidden, weights: second }
            }
        })
    }

    /// Adds each atom's energy. Its scalars are the first numbers of its `stride` in `features`.
    pub(super) fn forward(&self, features: &[T], stride: usize, energies: &mut [f64]) {
        threads::for_each_rows(energies, 1, ATOMS_PER_THREAD, |first, energies| {
            for (atom, energy) in features[first * stride..].chunks_exact(stride).zip(energies) {
                *energy += match self {
                    Self::Linear(weights) => dot(atom, weights),
                    Self::Network { hidden, weights } => {
                        let mut row = vec![T::default(); weights.len()];
                        hidden.forward.multiply_add_strided(atom, stride, 1, &mut row, weights.len());
                        silu(&mut row);
                        dot(&row, weights)
                    }
                };
            }
        });
    }

    /// Adds `∂(sum of energies)/∂features`.
    pub(super) fn backward(&self, features: &[T], stride: usize, gradient: &mut [T]) {
        threads::for_each_rows(gradient, stride, ATOMS_PER_THREAD, |first, gradient| {
            for (atom, gradient) in
                features[first * stride..].chunks_exact(stride).zip(gradient.chunks_exact_mut(stride))
            {
                match self {
                    Self::Linear(weights) => {
                        gradient.iter_mut().zip(weights).for_each(|(g, w)| *g += T::real(*w));
                    }
                    Self::Network { hidden, weights } => {
                        let mut row = vec![T::default(); weights.len()];
                        hidden.forward.multiply_add_strided(atom, stride, 1, &mut row, weights.len());
                        let mut by_row = weights.iter().map(|w| T::real(*w)).collect::<Vec<_>>();
                        silu_with_slopes(&mut row, &mut by_row);
                        hidden.backward.multiply_add_strided(&by_row, weights.len(), 1, gradient, stride);
                    }
                }
            }
        });
    }

    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Linear(weights) => 8 * weights.len() as u64,
            Self::Network { hidden, weights } => hidden.bytes() + 8 * weights.len() as u64,
        }
    }
}

fn dot<T: Real>(row: &[T], weights: &[f64]) -> f64 {
    row.iter().zip(weights).map(|(x, w)| x.wide() * w).sum()
}

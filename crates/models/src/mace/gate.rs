//! e3nn's gate: scalars through a silu, every other l times the sigmoid of its own scalars.

use super::linear::Rows;
use super::parameters::Channels;
use crate::e3nn::{SIGMOID_NORM, SILU_NORM};
use mlip_kernels::simd::Real;

/// Acts on `(1 + lmax) n` scalars and n channels of each other l.
pub(super) struct EquivariantGate {
    lmax: usize,
    channels: usize,
}

impl EquivariantGate {
    pub(super) fn new(lmax: usize, channels: Channels) -> Self {
        Self { lmax, channels: channels.padded }
    }

    pub(super) fn forward<T: Real>(&self, input: &[T], from: &Rows, to: &Rows) -> Vec<T> {
        let mut output = to.zeros(input.len() / from.stride);
        for (input, output) in input.chunks_exact(from.stride).zip(output.chunks_exact_mut(to.stride)) {
            for c in 0..self.channels {
                let x = input[c].wide();
                output[c] = T::real(SILU_NORM * x * sigmoid(x));
                for l in 1..=self.lmax {
                    let gate = T::real(SIGMOID_NORM * sigmoid(input[l * self.channels + c].wide()));
                    for m in 0..2 * l + 1 {
                        output[to.at(l, m) + c] = gate * input[from.at(l, m) + c];
                    }
                }
            }
        }
        output
    }

    /// `∂E/∂input` from `∂E/∂output`.
    pub(super) fn backward<T: Real>(&self, input: &[T], output: &[T], from: &Rows, to: &Rows) -> Vec<T> {
        let mut gradient = vec![T::default(); input.len()];
        let atoms = input.chunks_exact(from.stride).zip(output.chunks_exact(to.stride));
        for ((input, output), gradient) in atoms.zip(gradient.chunks_exact_mut(from.stride)) {
            for c in 0..self.channels {
                let x = input[c].wide();
                let s = sigmoid(x);
                gradient[c] = T::real(SILU_NORM * s * (1.0 + x * (1.0 - s)) * output[c].wide());
                for l in 1..=self.lmax {
                    let s = sigmoid(input[l * self.channels + c].wide());
                    let mut product = 0.0;
                    for m in 0..2 * l + 1 {
                        let (at, g) = (from.at(l, m) + c, output[to.at(l, m) + c].wide());
                        product += g * input[at].wide();
                        gradient[at] = T::real(SIGMOID_NORM * s * g);
                    }
                    gradient[l * self.channels + c] = T::real(SIGMOID_NORM * s * (1.0 - s) * product);
                }
            }
        }
        gradient
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

//! Weights in the layout and precision that the kernels want.

use super::routing::Linear;
use crate::weights::{Weights, WeightsError};
use mlip_kernels::gated_messages::Both;
use mlip_kernels::layer_norm::LayerNorm;
use mlip_kernels::linear::Matrix;
use mlip_kernels::simd::Real;
use mlip_kernels::spherical::SphericalNorm;
use mlip_kernels::tiles::Arithmetic;

pub(super) fn narrow<T: Real>(values: &[f64]) -> Vec<T> {
    values.iter().map(|value| T::real(*value)).collect()
}

/// A linear layer `[out, in]` and its transpose. Products are added to features that are large beside them.
pub(super) fn both<T: Real>(weight: &[T], out: usize, inputs: usize, arithmetic: Arithmetic) -> Both<T> {
    Both {
        forward: Matrix::from_linear(weight, out, inputs, arithmetic).summed_apart(),
        backward: Matrix::pack(out, inputs, arithmetic, |k, c| weight[k * inputs + c]).summed_apart(),
    }
}

/// A linear layer with its bias.
#[derive(Debug)]
pub(super) struct Affine<T> {
    pub(super) matrix: Both<T>,
    pub(super) bias: Vec<T>,
}

impl<T: Real> Affine<T> {
    pub(super) fn pack(layer: &Linear, arithmetic: Arithmetic) -> Self {
        let out = layer.bias.len();
        let inputs = layer.weight.len() / out;
        Self { matrix: both(&narrow::<T>(&layer.weight), out, inputs, arithmetic), bias: narrow(&layer.bias) }
    }

    /// `rows · weight + bias` for contiguous rows.
    pub(super) fn apply(&self, rows: &[T]) -> Vec<T> {
        let mut out = self.bias.repeat(rows.len() / self.matrix.forward.depth());
        self.matrix.forward.multiply_add_all(rows, &mut out);
        out
    }

    /// `∂E/∂rows` from `∂E/∂out`.
    pub(super) fn backward(&self, gradient: &[T]) -> Vec<T> {
        let inputs = self.matrix.forward.depth();
        let mut out = vec![T::default(); gradient.len() / self.bias.len() * inputs];
        self.matrix.backward.multiply_add_all(gradient, &mut out);
        out
    }

    pub(super) fn bytes(&self) -> u64 {
        self.matrix.forward.bytes() + self.matrix.backward.bytes()
    }
}

pub(super) fn layer_norm<T: Real>(weights: &Weights, name: &str, width: usize) -> Result<LayerNorm<T>, WeightsError> {
    Ok(LayerNorm {
        scale: narrow(&weights.get(&format!("{name}.weight"), &[width])?),
        offset: narrow(&weights.get(&format!("{name}.bias"), &[width])?),
    })
}

pub(super) fn spherical_norm<T: Real>(
    weights: &Weights,
    name: &str,
    lmax: usize,
    channels: usize,
) -> Result<SphericalNorm<T>, WeightsError> {
    Ok(SphericalNorm {
        lmax,
        channels,
        scale: narrow(&weights.get(&format!("{name}.affine_weight"), &[lmax + 1, channels])?),
        offset: narrow(&weights.get(&format!("{name}.affine_bias"), &[channels])?),
    })
}

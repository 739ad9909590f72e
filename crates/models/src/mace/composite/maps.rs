//! Weights on a device, and the maps that are made of them alone.

use crate::mace::file::{FileError, ModelFile};
use crate::mace::radial::SILU_NORM;
use candle_core::{D, DType, Device, Result, Tensor};
use std::cell::Cell;

/// What PyTorch's `LayerNorm` adds to the variance.
const EPSILON: f64 = 1e-5;

/// For each l a tensor `[atoms, 2l + 1, channels]`; l that would be zero may be missing at the end.
pub(super) type Features = Vec<Tensor>;

/// Why a network cannot be put together.
#[derive(Debug)]
pub(in crate::mace) enum Failure {
    File(FileError),
    Device(candle_core::Error),
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl From<candle_core::Error> for Failure {
    fn from(error: candle_core::Error) -> Self {
        Self::Device(error)
    }
}

/// Puts weights of the file onto a device.
pub(super) struct Loader<'a> {
    pub(super) file: &'a ModelFile,
    pub(super) device: &'a Device,
    pub(super) dtype: DType,
    /// Put there so far.
    pub(super) bytes: Cell<u64>,
}

impl Loader<'_> {
    /// Multiplied by `factor` before they are rounded.
    pub(super) fn put(&self, values: &[f64], shape: &[usize], factor: f64) -> Result<Tensor> {
        self.bytes.set(self.bytes.get() + (values.len() * self.dtype.size_in_bytes()) as u64);
        (Tensor::from_slice(values, shape, &Device::Cpu)? * factor)?.to_dtype(self.dtype)?.to_device(self.device)
    }

    /// A tensor of the file.
    pub(super) fn read(&self, name: &str, shape: &[usize], factor: f64) -> std::result::Result<Tensor, Failure> {
        let values = self.file.read(name, shape.iter().product())?;
        Ok(self.put(&values, shape, factor)?)
    }

    /// Numbers in a tensor of the file.
    pub(super) fn count(&self, name: &str) -> std::result::Result<usize, Failure> {
        Ok(self.file.shape(name)?.iter().product())
    }

    /// e3nn's `Linear`: for each l that both sides have, a matrix.
    pub(super) fn linear(&self, name: &str, from: &[usize], to: &[usize]) -> std::result::Result<Linear, Failure> {
        let weights = self.file.read(name, from.iter().zip(to).map(|(a, b)| a * b).sum())?;
        let mut rest = weights.as_slice();
        let mut matrices = Vec::new();
        for (a, b) in from.iter().zip(to) {
            let (block, behind) = rest.split_at(a * b);
            matrices.push(self.put(block, &[*a, *b], 1.0 / (*a as f64).sqrt())?);
            rest = behind;
        }
        Ok(Linear(matrices))
    }

    /// e3nn's tensor product with one-hot elements: for each l that both sides have, a matrix an element.
    pub(super) fn element_linear(
        &self,
        name: &str,
        from: &[usize],
        to: &[usize],
        n_elements: usize,
    ) -> std::result::Result<ElementLinear, Failure> {
        let weights = self.file.read(name, from.iter().zip(to).map(|(a, b)| a * n_elements * b).sum())?;
        let mut rest = weights.as_slice();
        let mut matrices = Vec::new();
        for (a, b) in from.iter().zip(to) {
            let (block, behind) = rest.split_at(a * n_elements * b);
            let matrix = self.put(block, &[*a, n_elements, *b], 1.0 / ((a * n_elements) as f64).sqrt())?;
            matrices.push(matrix.transpose(0, 1)?.contiguous()?);
            rest = behind;
        }
        Ok(ElementLinear(matrices))
    }

    /// e3nn's fully connected network: a normalised silu between layers, no biases.
    pub(super) fn perceptron(&self, name: &str, widths: &[usize]) -> std::result::Result<Perceptron, Failure> {
        let mut layers = Vec::new();
        for (k, pair) in widths.windows(2).enumerate() {
            // The factor of the silu before a layer is in the layer.
            let silu = if k == 0 { 1.0 } else { SILU_NORM };
            let weight = self.read(&format!("{name}.layer{k}.weight"), pair, silu / (pair[0] as f64).sqrt())?;
            layers.push(Dense { norm: None, weight, bias: None });
        }
        Ok(Perceptron(layers))
    }

    /// MACE-MH's network: a norm and a silu between layers, biases.
    pub(super) fn normed_perceptron(&self, name: &str) -> std::result::Result<Perceptron, Failure> {
        let part = |k: usize, what: &str| format!("{name}.net.{k}.{what}");
        let mut layers = Vec::new();
        let mut number = 0;
        while self.file.has(&part(number, "weight")) {
            let shape = self.file.shape(&part(number, "weight"))?.to_vec();
            let width = shape.first().copied().unwrap_or(0);
            let depth = shape.get(1).copied().unwrap_or(0);
            let norm = match number {
                0 => None,
                // It stands before the silu, which stands before this layer.
                _ => Some([
                    self.read(&part(number - 2, "weight"), &[1, depth], 1.0)?,
                    self.read(&part(number - 2, "bias"), &[1, depth], 1.0)?,
                ]),
            };
            layers.push(Dense {
                norm,
                weight: self.read(&part(number, "weight"), &[width, depth], 1.0)?.t()?.contiguous()?,
                bias: Some(self.read(&part(number, "bias"), &[1, width], 1.0)?),
            });
            number += 3;
        }
        Ok(Perceptron(layers))
    }
}

/// For each l a matrix `[inputs, outputs]`.
pub(super) struct Linear(Vec<Tensor>);

impl Linear {
    pub(super) fn forward(&self, features: &[Tensor]) -> Result<Features> {
        let maps = features.iter().zip(&self.0).map(|(x, matrix)| {
            let (n, components, channels) = x.dims3()?;
            x.reshape((n * components, channels))?.matmul(matrix)?.reshape((n, components, ()))
        });
        maps.collect()
    }
}

/// For each l matrices `[elements, inputs, outputs]`.
pub(super) struct ElementLinear(Vec<Tensor>);

impl ElementLinear {
    pub(super) fn forward(&self, features: &[Tensor], elements: &Tensor) -> Result<Features> {
        let maps = features.iter().zip(&self.0);
        maps.map(|(x, matrices)| x.matmul(&matrices.index_select(elements, 0)?)).collect()
    }
}

struct Dense {
    /// Scale and offset of a layer norm before it.
    norm: Option<[Tensor; 2]>,
    weight: Tensor,
    bias: Option<Tensor>,
}

/// Layers with silu between them.
pub(super) struct Perceptron(Vec<Dense>);

impl Perceptron {
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        for (number, Dense { norm, weight, bias }) in self.0.iter().enumerate() {
            if let Some([scale, offset]) = norm {
                let centered = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
                let deviation = (centered.sqr()?.mean_keepdim(D::Minus1)? + EPSILON)?.sqrt()?;
                x = centered.broadcast_div(&deviation)?.broadcast_mul(scale)?.broadcast_add(offset)?;
            }
            if number > 0 {
                x = x.silu()?;
            }
            x = x.matmul(weight)?;
            if let Some(bias) = bias {
                x = x.broadcast_add(bias)?;
            }
        }
        Ok(x)
    }

    /// Numbers that one row makes on its way.
    pub(super) fn numbers_a_row(&self) -> usize {
        // What a silu and a norm leave behind is as wide as what they act upon.
        let layer = |Dense { norm, weight, .. }: &Dense| {
            let [depth, width] = [0, 1].map(|axis| weight.dims().get(axis).copied().unwrap_or(0));
            width + if norm.is_some() { 5 * depth } else { depth }
        };
        self.0.iter().map(layer).sum()
    }
}

/// By way of the hyperbolic tangent, whose gradient cannot overflow.
pub(super) fn sigmoid(x: &Tensor) -> Result<Tensor> {
    (x * 0.5)?.tanh()?.affine(0.5, 0.5)
}

/// Sums of features; what `b` lacks is zero.
pub(super) fn add(a: Features, b: &[Tensor]) -> Result<Features> {
    let sums = a.into_iter().enumerate().map(|(l, a)| match b.get(l) {
        Some(b) => a + b,
        None => Ok(a),
    });
    sums.collect()
}

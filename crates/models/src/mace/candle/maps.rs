//! Weights on a device, and the maps that are made of them alone.

use crate::e3nn::SILU_NORM;
use crate::mace::config::Config;
use candle_core::{DType, Device, Result, Tensor, bail};
use candle_nn::{Activation, LayerNorm, Linear, Module, VarBuilder};
use std::cell::Cell;

/// What PyTorch's `LayerNorm` adds to the variance.
const EPSILON: f64 = 1e-5;

/// For each l a tensor `[atoms, 2l + 1, channels]`; l that would be zero may be missing at the end.
pub(super) type Features = Vec<Tensor>;

/// Takes weights of the file, scales them in double precision, and puts them onto a device.
pub(super) struct Loader<'a> {
    /// In double precision on the CPU, by upstream's names.
    pub(super) vars: VarBuilder<'static>,
    pub(super) config: &'a Config,
    /// Whether the file holds single precision.
    pub(super) single: bool,
    pub(super) device: &'a Device,
    pub(super) dtype: DType,
    /// Put there so far.
    pub(super) bytes: Cell<u64>,
}

impl Loader<'_> {
    /// Multiplied by `factor` before it is rounded.
    pub(super) fn put(&self, values: &Tensor, factor: f64) -> Result<Tensor> {
        self.bytes.set(self.bytes.get() + (values.elem_count() * self.dtype.size_in_bytes()) as u64);
        (values * factor)?.to_dtype(self.dtype)?.to_device(self.device)
    }

    /// A tensor of the file, of this shape or flat.
    pub(super) fn read(&self, name: &str, shape: &[usize], factor: f64) -> Result<Tensor> {
        self.put(&self.all(name, shape.iter().product())?.reshape(shape)?, factor)
    }

    /// The numbers of a tensor, flat.
    fn all(&self, name: &str, n: usize) -> Result<Tensor> {
        let tensor = self.vars.get_unchecked(name)?;
        if tensor.elem_count() != n {
            bail!("tensor `{name}`: expected {n} numbers, got shape {:?}", tensor.shape());
        }
        tensor.flatten_all()
    }

    /// The numbers of a tensor, row-major.
    pub(super) fn values(&self, name: &str, n: usize) -> Result<Vec<f64>> {
        self.all(name, n)?.to_vec1()
    }

    /// The only number of a tensor.
    pub(super) fn number(&self, name: &str) -> Result<f64> {
        self.all(name, 1)?.get(0)?.to_scalar()
    }

    /// The `n` numbers of a head, where a tensor has as many for each, or those of all heads.
    pub(super) fn of_head(&self, name: &str, n: usize, head: usize) -> Result<Vec<f64>> {
        if self.count(name)? == n {
            return self.values(name, n);
        }
        self.all(name, n * self.config.heads.len())?.narrow(0, head * n, n)?.to_vec1()
    }

    /// The shape of a tensor.
    pub(super) fn shape(&self, name: &str) -> Result<Vec<usize>> {
        Ok(self.vars.get_unchecked(name)?.dims().to_vec())
    }

    /// Numbers in a tensor.
    pub(super) fn count(&self, name: &str) -> Result<usize> {
        Ok(self.shape(name)?.iter().product())
    }

    /// e3nn's `Linear`: for each l that both sides have, a map of channels.
    pub(super) fn linear(&self, name: &str, from: &[usize], to: &[usize]) -> Result<ByDegree> {
        let weights = self.all(name, from.iter().zip(to).map(|(a, b)| a * b).sum())?;
        let (mut start, mut maps) = (0, Vec::new());
        for (a, b) in from.iter().zip(to) {
            let block = weights.narrow(0, start, a * b)?.reshape((*a, *b))?.t()?.contiguous()?;
            maps.push(Linear::new(self.put(&block, 1.0 / (*a as f64).sqrt())?, None));
            start += a * b;
        }
        Ok(ByDegree(maps))
    }

    /// e3nn's tensor product with one-hot elements: for each l that both sides have, a matrix for each element.
    pub(super) fn element_linear(
        &self,
        name: &str,
        from: &[usize],
        to: &[usize],
        n_elements: usize,
    ) -> Result<ElementLinear> {
        let weights = self.all(name, from.iter().zip(to).map(|(a, b)| a * n_elements * b).sum())?;
        let (mut start, mut matrices) = (0, Vec::new());
        for (a, b) in from.iter().zip(to) {
            let n = a * n_elements * b;
            let block = weights.narrow(0, start, n)?.reshape((*a, n_elements, *b))?.transpose(0, 1)?.contiguous()?;
            matrices.push(self.put(&block, 1.0 / ((a * n_elements) as f64).sqrt())?);
            start += n;
        }
        Ok(ElementLinear(matrices))
    }

    /// e3nn's fully connected network: a normalised silu between layers, no biases.
    pub(super) fn perceptron(&self, name: &str, widths: &[usize]) -> Result<Perceptron> {
        let mut layers = Vec::new();
        for (k, pair) in widths.windows(2).enumerate() {
            // The factor of the silu before a layer is in the layer.
            let silu = if k == 0 { 1.0 } else { SILU_NORM };
            let weight = self.read(&format!("{name}.layer{k}.weight"), pair, silu / (pair[0] as f64).sqrt())?;
            layers.push(Dense { norm: None, map: Linear::new(weight.t()?.contiguous()?, None) });
        }
        Ok(Perceptron(layers))
    }

    /// MACE-MH's network: a norm and a silu between layers, biases.
    pub(super) fn normed_perceptron(&self, name: &str) -> Result<Perceptron> {
        let part = |k: usize, what: &str| format!("{name}.net.{k}.{what}");
        let mut layers = Vec::new();
        let mut number = 0;
        while self.vars.contains_tensor(&part(number, "weight")) {
            let shape = self.shape(&part(number, "weight"))?;
            let width = shape.first().copied().unwrap_or(0);
            let depth = shape.get(1).copied().unwrap_or(0);
            let norm = match number {
                0 => None,
                // It stands before the silu, which stands before this layer.
                _ => Some(Norm {
                    norm: LayerNorm::new_no_bias(self.read(&part(number - 2, "weight"), &[depth], 1.0)?, EPSILON),
                    offset: self.read(&part(number - 2, "bias"), &[depth], 1.0)?,
                }),
            };
            let weight = self.read(&part(number, "weight"), &[width, depth], 1.0)?;
            let bias = self.read(&part(number, "bias"), &[width], 1.0)?;
            layers.push(Dense { norm, map: Linear::new(weight, Some(bias)) });
            number += 3;
        }
        Ok(Perceptron(layers))
    }
}

/// For each l a map of channels.
pub(super) struct ByDegree(Vec<Linear>);

impl ByDegree {
    pub(super) fn forward(&self, features: &[Tensor]) -> Result<Features> {
        features.iter().zip(&self.0).map(|(x, map)| map.forward(&x.contiguous()?)).collect()
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

/// A layer norm. Candle's with an offset has no gradient, so the offset is added behind it.
struct Norm {
    norm: LayerNorm,
    offset: Tensor,
}

struct Dense {
    /// Before the map.
    norm: Option<Norm>,
    map: Linear,
}

/// Layers with silu between them.
pub(super) struct Perceptron(Vec<Dense>);

impl Perceptron {
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        for (number, Dense { norm, map }) in self.0.iter().enumerate() {
            if let Some(Norm { norm, offset }) = norm {
                x = norm.forward(&x)?.broadcast_add(offset)?;
            }
            if number > 0 {
                x = Activation::Silu.forward(&x)?;
            }
            x = map.forward(&x)?;
        }
        Ok(x)
    }

    /// Numbers that one row makes on its way.
    pub(super) fn numbers_per_row(&self) -> usize {
        // What a silu and a norm leave behind is as wide as what they act upon.
        let layer = |Dense { norm, map }: &Dense| {
            let [width, depth] = [0, 1].map(|axis| map.weight().dims().get(axis).copied().unwrap_or(0));
            width + if norm.is_some() { 5 * depth } else { depth }
        };
        self.0.iter().map(layer).sum()
    }
}

/// Sums of features; what `b` lacks is zero.
pub(super) fn add(a: Features, b: &[Tensor]) -> Result<Features> {
    let sums = a.into_iter().enumerate().map(|(l, a)| match b.get(l) {
        Some(b) => a + b,
        None => Ok(a),
    });
    sums.collect()
}

//! Norms.

use candle_core::{D, Device, Module, Result, Tensor};
use candle_nn::VarBuilder;

const EPSILON: f64 = 1e-5;

/// Mean 0 and deviation 1 over the last axis, then scaled and shifted. That of candle-nn takes its epsilon in single
/// precision, which would show in the eleventh digit.
#[derive(Debug)]
pub(crate) struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
}

impl LayerNorm {
    pub(crate) fn new(width: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self { weight: vb.get(width, "weight")?, bias: vb.get(width, "bias")? })
    }
}

impl Module for LayerNorm {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let centered = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let deviation = (centered.sqr()?.mean_keepdim(D::Minus1)? + EPSILON)?.sqrt()?;
        centered.broadcast_div(&deviation)?.broadcast_mul(&self.weight)?.broadcast_add(&self.bias)
    }
}

/// Divides features by the root of their mean square, in which all degrees count the same; degree 0 loses its mean over
/// channels before.
#[derive(Debug)]
pub(crate) struct SphericalNorm {
    /// `[1, components, channels]`
    scale: Tensor,
    /// `[channels]`, added to degree 0.
    offset: Tensor,
    /// `[1, components, 1]`: what a component's square counts.
    shares: Tensor,
}

/// The degree of each component of the degrees 0 to `lmax`.
pub(crate) fn degrees(lmax: usize) -> Vec<usize> {
    (0..=lmax).flat_map(|l| vec![l; 2 * l + 1]).collect()
}

/// What each component's square counts, where all degrees count the same.
pub(crate) fn even_shares(lmax: usize) -> Vec<f64> {
    degrees(lmax).into_iter().map(|l| 1.0 / ((2 * l + 1) * (lmax + 1)) as f64).collect()
}

impl SphericalNorm {
    /// `shares`: what each component's square counts.
    pub(crate) fn new(lmax: usize, channels: usize, shares: Vec<f64>, vb: &VarBuilder<'_>) -> Result<Self> {
        let degrees = degrees(lmax);
        let index = degrees.iter().map(|l| *l as u32).collect::<Vec<_>>();
        let index = Tensor::from_vec(index, degrees.len(), vb.device())?;
        let shares = Tensor::from_vec(shares, (1, degrees.len(), 1), &Device::Cpu)?;
        Ok(Self {
            scale: vb.get((lmax + 1, channels), "affine_weight")?.index_select(&index, 0)?.unsqueeze(0)?,
            offset: vb.get(channels, "affine_bias")?,
            shares: shares.to_dtype(vb.dtype())?.to_device(vb.device())?,
        })
    }
}

impl Module for SphericalNorm {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let scalars = x.narrow(1, 0, 1)?;
        let centered = scalars.broadcast_sub(&scalars.mean_keepdim(2)?)?;
        let f = with_scalars(x, &centered)?;
        let square = f.sqr()?.broadcast_mul(&self.shares)?.sum_keepdim(1)?.mean_keepdim(2)?;
        let y = f.broadcast_div(&(square + EPSILON)?.sqrt()?)?.broadcast_mul(&self.scale)?;
        add_to_scalars(&y, &self.offset)
    }
}

/// `x [items, components, channels]` with this degree 0, `[items, 1, channels]`.
pub(crate) fn with_scalars(x: &Tensor, scalars: &Tensor) -> Result<Tensor> {
    Tensor::cat(&[scalars, &x.narrow(1, 1, x.dim(1)? - 1)?], 1)
}

/// Adds something to degree 0.
pub(crate) fn add_to_scalars(x: &Tensor, more: &Tensor) -> Result<Tensor> {
    with_scalars(x, &x.narrow(1, 0, 1)?.broadcast_add(more)?)
}

/// Degree 0, `[items, channels]`.
pub(crate) fn scalars(x: &Tensor) -> Result<Tensor> {
    x.narrow(1, 0, 1)?.squeeze(1)?.contiguous()
}

/// SiLU for degree 0, and sigmoids of `gates [items, lmax · channels]` for the rows of degree 1 and more.
///
/// `x`: `[items, rows, channels]`, whose first row alone is of degree 0; `degrees`: of the rows.
pub(crate) fn gate(x: &Tensor, gates: &Tensor, degrees: &[usize]) -> Result<Tensor> {
    let gates = gates.contiguous()?.reshape((x.dim(0)?, (), x.dim(2)?))?;
    let index = degrees[1..].iter().map(|l| *l as u32 - 1).collect::<Vec<_>>();
    let index = Tensor::from_vec(index, degrees.len() - 1, x.device())?;
    let factors = candle_nn::ops::sigmoid(&gates)?.index_select(&index, 1)?;
    let others = (x.narrow(1, 1, degrees.len() - 1)? * factors)?;
    Tensor::cat(&[&x.narrow(1, 0, 1)?.silu()?, &others], 1)
}

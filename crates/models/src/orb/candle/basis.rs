//! From vectors of edges to the inputs of their encoder.

use crate::orb::shape::{CUTOFF, N_HARMONICS, Shape};
use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

/// Radial functions times spherical harmonics times a cutoff.
#[derive(Debug)]
pub(super) struct EdgeBasis {
    /// `[1, n_radial]`, 1/Å
    frequencies: Tensor,
    /// Of the radial functions, Å^-1/2; no dimension.
    prefactor: Tensor,
}

impl EdgeBasis {
    /// `rbf_transform` of the model.
    pub(super) fn new(shape: &Shape, vb: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            frequencies: vb.get(shape.n_radial, "bessel_weights")?.reshape((1, shape.n_radial))?,
            prefactor: vb.get((), "prefactor")?,
        })
    }

    /// `[n_edges, 1]` cutoff factors and `[n_edges, 16 n_radial]` features from `[n_edges, 3]` vectors, Å.
    pub(super) fn forward(&self, vectors: &Tensor) -> Result<(Tensor, Tensor)> {
        let r = vectors.sqr()?.sum_keepdim(1)?.sqrt()?;
        let cutoff = cutoff(&r)?;
        let radial = r.broadcast_mul(&self.frequencies)?.sin()?.broadcast_div(&r)?;
        let radial = radial.broadcast_mul(&self.prefactor)?.broadcast_mul(&cutoff)?;
        let harmonics = harmonics(&vectors.broadcast_div(&r)?)?.unsqueeze(1)?;
        Ok((cutoff, radial.unsqueeze(2)?.broadcast_mul(&harmonics)?.flatten_from(1)?))
    }
}

/// `1 - 15 u⁴ + 24 u⁵ - 10 u⁶` of `u = r / 6 Å` inside the cutoff, and zero beyond.
fn cutoff(r: &Tensor) -> Result<Tensor> {
    let u = (r / CUTOFF)?;
    let polynomial = ((&u * -10.0)?.affine(1.0, 24.0)? * &u)?.affine(1.0, -15.0)?;
    let inside = r.detach().lt(CUTOFF)?.to_dtype(r.dtype())?;
    (polynomial * u.sqr()?.sqr()?)?.affine(1.0, 1.0)? * inside
}

/// `[n_edges, 16]` from unit vectors, by the recursion over degrees that e3nn uses; each degree's squares sum to
/// `2 l + 1`.
fn harmonics(direction: &Tensor) -> Result<Tensor> {
    let column = |axis: usize| direction.narrow(1, axis, 1);
    let (x, y, z) = (column(0)?, column(1)?, column(2)?);
    let (xx, yy, zz) = (x.sqr()?, y.sqr()?, z.sqr()?);
    let around = (&xx + &zz)?;
    let first = [&x, &y, &z].map(|c| c * 3f64.sqrt()).into_iter().collect::<Result<Vec<_>>>()?;
    let s20 = ((&x * &z)? * 3f64.sqrt())?;
    let s24 = ((&zz - &xx)? * (3f64.sqrt() / 2.0))?;
    let second =
        [s20.clone(), ((&x * &y)? * 3f64.sqrt())?, (&yy - (&around * 0.5)?)?, ((&y * &z)? * 3f64.sqrt())?, s24.clone()];
    let ring = ((&yy * 4.0)? - &around)?;
    let third = [
        (((&s20 * &z)? + (&s24 * &x)?)? * (5f64 / 6.0).sqrt())?,
        ((&s20 * &y)? * 5f64.sqrt())?,
        ((&ring * &x)? * (3f64 / 8.0).sqrt())?,
        ((&y * ((&yy * 2.0)? - (&around * 3.0)?)?)? * 0.5)?,
        ((&ring * &z)? * (3f64 / 8.0).sqrt())?,
        ((&s24 * &y)? * 5f64.sqrt())?,
        (((&s24 * &z)? - (&s20 * &x)?)? * (5f64 / 6.0).sqrt())?,
    ];
    let mut all = vec![x.ones_like()?];
    all.extend(first);
    all.extend(second.iter().map(|c| c * 5f64.sqrt()).collect::<Result<Vec<_>>>()?);
    all.extend(third.iter().map(|c| c * 7f64.sqrt()).collect::<Result<Vec<_>>>()?);
    debug_assert_eq!(all.len(), N_HARMONICS);
    Tensor::cat(&all, 1)
}

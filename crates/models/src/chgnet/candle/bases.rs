//! Functions of distances and of angles. Geometry is in double precision; the results are rounded to the network's.

use crate::chgnet::Config;
use candle_core::{DType, Result, Tensor};
use candle_nn::VarBuilder;
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_2, PI};

/// Upstream shrinks cosines a little, so that the arc cosine has a slope everywhere.
const COSINE_SHRINK: f64 = 1.0 - 1e-6;

/// Sines of a distance with a smooth end at the cutoff.
#[derive(Debug)]
pub(super) struct Radial {
    cutoff: f64,
    exponent: f64,
    /// `[1, n_radial]`
    frequencies: Tensor,
}

impl Radial {
    /// `name`: `ag` of the atom graph, `bg` of the bond graph.
    pub(super) fn load(name: &str, cutoff: f64, config: &Config, vars: &VarBuilder) -> Result<Self> {
        let vars = vars.pp(format!("bond_basis_expansion.rbf_expansion_{name}"));
        let frequencies = vars.get(config.num_radial, "frequencies")?.unsqueeze(0)?;
        Ok(Self { cutoff, exponent: config.cutoff_coeff, frequencies })
    }

    /// Of distances `[n, 1]`.
    pub(super) fn forward(&self, distances: &Tensor) -> Result<Tensor> {
        let (cutoff, p, dtype) = (self.cutoff, self.exponent, self.frequencies.dtype());
        let x = (distances / cutoff)?;
        // 1 - (p+1)(p+2)/2 x^p + p(p+2) x^(p+1) - p(p+1)/2 x^(p+2); no distance is beyond its cutoff.
        let inner = x.affine(-p * (p + 1.0) / 2.0, p * (p + 2.0))?;
        let inner = ((inner * &x)? - (p + 1.0) * (p + 2.0) / 2.0)?;
        let envelope = ((x.powf(p)? * inner)? + 1.0)?;
        let amplitude = ((envelope / distances)? * (2.0 / cutoff).sqrt())?.to_dtype(dtype)?;
        x.to_dtype(dtype)?.broadcast_mul(&self.frequencies)?.sin()?.broadcast_mul(&amplitude)
    }
}

/// A Fourier series of angles.
#[derive(Debug)]
pub(super) struct Fourier {
    /// `[1, (n_angular - 1) / 2]`
    frequencies: Tensor,
}

impl Fourier {
    pub(super) fn load(config: &Config, vars: &VarBuilder) -> Result<Self> {
        let vars = vars.pp("angle_basis_expansion.fourier_expansion");
        Ok(Self { frequencies: vars.get((config.num_angular - 1) / 2, "frequencies")?.unsqueeze(0)? })
    }

    /// Of cosines of angles, `[n, 1]` in double precision.
    pub(super) fn forward(&self, cosines: &Tensor) -> Result<Tensor> {
        let theta = arc_cosine(&(cosines * COSINE_SHRINK)?)?.to_dtype(self.frequencies.dtype())?;
        let phases = theta.broadcast_mul(&self.frequencies)?;
        let constant = (theta.zeros_like()? + FRAC_1_SQRT_2)?;
        Tensor::cat(&[constant, phases.sin()?, phases.cos()?], 1)? / PI.sqrt()
    }
}

/// The arc cosine, which candle lacks, for arguments inside (-1, 1).
///
/// Start value: Abramowitz and Stegun 4.4.45, good to 7e-5. Newton's method on `cos θ = c` squares that
/// error twice; a third step, the only one that is differentiated, has the slope `-1 / sin θ`.
fn arc_cosine(cosine: &Tensor) -> Result<Tensor> {
    debug_assert_eq!(cosine.dtype(), DType::F64);
    let known = cosine.detach();
    let size = known.abs()?;
    let mut series = size.affine(-0.018_729_3, 0.074_261_0)?;
    for coefficient in [-0.212_114_4, 1.570_728_8] {
        series = ((series * &size)? + coefficient)?;
    }
    let acute = (size.affine(-1.0, 1.0)?.sqrt()? * series)?;
    let mut theta = (acute.affine(1.0, -FRAC_PI_2)? * known.sign()?)?.affine(1.0, FRAC_PI_2)?;
    let step = |theta: &Tensor, cosine: &Tensor| theta + ((theta.cos()? - cosine)? / theta.sin()?)?;
    for _ in 0..2 {
        theta = step(&theta, &known)?;
    }
    step(&theta, cosine)
}

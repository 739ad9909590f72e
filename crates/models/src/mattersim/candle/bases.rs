//! Functions of lengths and of angles, in double precision.

use crate::mattersim::bases::{COSINE_MARGIN, Radial, Spherical, harmonic};
use candle_core::{Device, Result, Tensor};

/// A row of numbers `[1, n]`.
fn row(values: Vec<f64>, device: &Device) -> Result<Tensor> {
    let n = values.len();
    Tensor::from_vec(values, (1, n), device)
}

/// Of lengths of edges.
pub(super) struct RadialBasis {
    weight: Tensor,
    first: Tensor,
    second: Tensor,
    mix: Tensor,
}

impl RadialBasis {
    pub(super) fn new(radial: Radial, device: &Device) -> Result<Self> {
        let n = radial.weight.len();
        Ok(Self {
            weight: row(radial.weight, device)?,
            first: row(radial.first, device)?,
            second: row(radial.second, device)?,
            mix: Tensor::from_vec(radial.mix, (n, n), device)?,
        })
    }

    /// Of lengths `[n, 1]`: `[n, max_n]`.
    pub(super) fn forward(&self, lengths: &Tensor) -> Result<Tensor> {
        let sinc = |frequency: &Tensor| {
            let phase = lengths.broadcast_mul(frequency)?;
            phase.sin()? / phase
        };
        (sinc(&self.first)? + sinc(&self.second)?)?.broadcast_mul(&self.weight)?.matmul(&self.mix)
    }
}

/// Of lengths and angles of pairs of edges.
pub(super) struct SphericalBasis {
    cutoff: f64,
    /// By power of the length: roots, amplitudes of sines, amplitudes of cosines.
    terms: Vec<[Tensor; 3]>,
    /// By power of the cosine: coefficients of the harmonics.
    harmonics: Vec<Tensor>,
}

impl SphericalBasis {
    pub(super) fn new(spherical: &Spherical, device: &Device) -> Result<Self> {
        let functions = &spherical.functions;
        let most = functions.iter().map(|function| function.terms.len()).max().unwrap_or_default();
        let terms = (0..most).map(|k| {
            let amplitude = |sine: bool| {
                let of = functions.iter().map(|function| match function.terms.get(k) {
                    Some((amplitude, _)) if function.is_sine(k) == sine => *amplitude,
                    _ => 0.0,
                });
                row(of.collect(), device)
            };
            let roots = functions.iter().map(|function| function.terms.get(k).map_or(0.0, |(_, root)| *root));
            Ok::<_, candle_core::Error>([row(roots.collect(), device)?, amplitude(true)?, amplitude(false)?])
        });
        let powers =
            (0..4).map(|power| row(functions.iter().map(|function| harmonic(function.l)[power]).collect(), device));
        Ok(Self {
            cutoff: spherical.cutoff,
            terms: terms.collect::<Result<_>>()?,
            harmonics: powers.collect::<Result<_>>()?,
        })
    }

    /// Functions of lengths `[n, 1]`: `[n, n_spherical]`.
    pub(super) fn of_lengths(&self, lengths: &Tensor) -> Result<Tensor> {
        let x = (lengths / self.cutoff)?;
        let inverse = x.recip()?;
        let (mut sum, mut power): (Option<Tensor>, Tensor) = (None, inverse.clone());
        for [roots, sine, cosine] in &self.terms {
            let phase = x.broadcast_mul(roots)?;
            let wave = (phase.sin()?.broadcast_mul(sine)? + phase.cos()?.broadcast_mul(cosine)?)?;
            let term = wave.broadcast_mul(&power)?;
            sum = Some(match sum {
                Some(sum) => (sum + term)?,
                None => term,
            });
            power = (power * &inverse)?;
        }
        sum.ok_or_else(|| candle_core::Error::Msg("a basis without functions".into()))
    }

    /// Harmonics of cosines `[n, 1]`: `[n, n_spherical]`.
    pub(super) fn of_cosines(&self, cosines: &Tensor) -> Result<Tensor> {
        let limit = 1.0 - COSINE_MARGIN;
        let x = cosines.clamp(-limit, limit)?;
        let (square, [constant, one, two, three]) = (x.sqr()?, [0, 1, 2, 3].map(|power| &self.harmonics[power]));
        let odd = x.broadcast_mul(&square.broadcast_mul(three)?.broadcast_add(one)?)?;
        (square.broadcast_mul(two)? + odd)?.broadcast_add(constant)
    }
}

/// From 1 at no length to 0, with two derivatives, at the cutoff and beyond: of lengths `[n, 1]`.
pub(super) fn envelope(lengths: &Tensor, cutoff: f64) -> Result<Tensor> {
    let x = (lengths / cutoff)?;
    let inner = ((x.affine(-6.0, 15.0)? * &x)? - 10.0)?;
    ((x.sqr()? * &x)? * inner)?.affine(1.0, 1.0)?.relu()
}

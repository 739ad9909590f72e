//! What edges carry: harmonics of their directions, functions of their lengths, the repulsion of their ends.
//!
//! Geometry is in double precision, as in the fast route; the results are rounded to the network's.

use super::maps::Loader;
use crate::e3nn::{Ladder, envelope};
use crate::mace::graph::Graph;
use crate::mace::zbl::{BOHR, COULOMB, DECAYS};
use candle_core::{DType, Device, Result, Tensor};

/// How edges are described.
pub(super) struct Geometry {
    device: Device,
    dtype: DType,
    r_max: f64,
    exponent: f64,
    /// `[1, n_bessel]`
    frequencies: Tensor,
    prefactor: f64,
    /// Whether the cutoff multiplies the basis.
    apply_cutoff: bool,
    agnesi: Option<Agnesi>,
    zbl: Option<Zbl>,
    ladder: Ladder,
}

/// `1 / (1 + a y^q / (1 + y^(q - p)))`, y the distance over the mean of two radii.
struct Agnesi {
    a: f64,
    q: f64,
    p: f64,
    radii: Vec<f64>,
}

struct Zbl {
    prefactor: f64,
    exponent: f64,
    coefficients: Vec<f64>,
    cutoff_exponent: f64,
    radii: Vec<f64>,
}

/// The edges of a structure: those from i to j of all pairs, then those from j to i.
pub(super) struct Edges {
    pub(super) senders: Tensor,
    pub(super) receivers: Tensor,
    /// For each l `[edges, 2l + 1]`.
    pub(super) harmonics: Vec<Tensor>,
    /// `[edges, n_bessel]`
    pub(super) basis: Tensor,
    /// `[edges, 1]`, where it multiplies radial weights.
    pub(super) cutoff: Option<Tensor>,
    /// eV, for the receiver: `[edges]`, always in double precision.
    pub(super) repulsion: Option<Tensor>,
}

impl Geometry {
    pub(super) fn read(load: &Loader<'_>) -> Result<Self> {
        let config = load.config;
        let all = |name: &str| load.values(name, load.count(name)?);
        let transform = |name: &str| format!("radial_embedding.distance_transform.{name}");
        let agnesi = match config.agnesi {
            false => None,
            true => Some(Agnesi {
                a: load.number(&transform("a"))?,
                q: load.number(&transform("q"))?,
                p: load.number(&transform("p"))?,
                radii: all(&transform("covalent_radii"))?,
            }),
        };
        let repulsion = |name: &str| format!("pair_repulsion_fn.{name}");
        let zbl = match config.pair_repulsion {
            false => None,
            true => Some(Zbl {
                prefactor: load.number(&repulsion("a_prefactor"))?,
                exponent: load.number(&repulsion("a_exp"))?,
                coefficients: load.values(&repulsion("c"), DECAYS.len())?,
                cutoff_exponent: load.number(&repulsion("p"))?,
                radii: all(&repulsion("covalent_radii"))?,
            }),
        };
        let frequencies = load.values("radial_embedding.bessel_fn.bessel_weights", config.n_bessel)?;
        Ok(Self {
            device: load.device.clone(),
            dtype: load.dtype,
            r_max: load.number("radial_embedding.cutoff_fn.r_max")?,
            exponent: config.cutoff_exponent,
            frequencies: Tensor::from_vec(frequencies, (1, config.n_bessel), load.device)?,
            prefactor: load.number("radial_embedding.bessel_fn.prefactor")?,
            apply_cutoff: config.apply_cutoff,
            agnesi,
            zbl,
            ladder: Ladder::new(config.max_ell, load.device)?,
        })
    }

    /// Of all edges; `vectors`: of the pairs, `[pairs, 3]`.
    pub(super) fn edges(&self, graph: &Graph<f64>, vectors: &Tensor) -> Result<Edges> {
        let there = graph.pairs.iter().map(|pair| (pair.i, pair.j));
        let (senders, receivers): (Vec<_>, Vec<_>) =
            there.chain(graph.pairs.iter().map(|pair| (pair.j, pair.i))).unzip();
        let numbers = senders.iter().zip(&receivers);
        let numbers = numbers.map(|(u, v)| [*u, *v].map(|atom| graph.numbers[atom as usize])).collect::<Vec<_>>();
        let vectors = Tensor::cat(&[vectors, &vectors.neg()?], 0)?;
        let distances = vectors.sqr()?.sum_keepdim(1)?.sqrt()?;
        let cutoff = envelope(&(&distances / self.r_max)?, self.exponent)?;
        let mut basis = self.bessel(&distances, &numbers)?;
        if self.apply_cutoff {
            basis = basis.broadcast_mul(&cutoff)?;
        }
        let index = |values: Vec<u32>| Tensor::from_vec(values, numbers.len(), &self.device);
        Ok(Edges {
            senders: index(senders)?,
            receivers: index(receivers)?,
            harmonics: self.harmonics(&vectors.broadcast_div(&distances)?)?,
            basis: basis.to_dtype(self.dtype)?,
            cutoff: if self.apply_cutoff { None } else { Some(cutoff.to_dtype(self.dtype)?) },
            repulsion: self.zbl.as_ref().map(|zbl| self.repulsion(zbl, &distances, &numbers)).transpose()?,
        })
    }

    /// A number an edge, from the atomic numbers of its ends.
    fn column(&self, numbers: &[[u8; 2]], value: impl Fn([u8; 2]) -> f64) -> Result<Tensor> {
        Tensor::from_vec(numbers.iter().map(|ends| value(*ends)).collect(), (numbers.len(), 1), &self.device)
    }

    /// Bessel functions of the distance, transformed where the model does that.
    fn bessel(&self, distances: &Tensor, numbers: &[[u8; 2]]) -> Result<Tensor> {
        let x = match &self.agnesi {
            None => distances.clone(),
            Some(Agnesi { a, q, p, radii }) => {
                let scale = self.column(numbers, |ends| 0.5 * sum(radii, ends))?;
                let y = (distances / scale)?;
                let ratio = ((y.powf(*q)? * *a)? / (y.powf(q - p)? + 1.0)?)?;
                (ratio + 1.0)?.recip()?
            }
        };
        let waves = x.broadcast_mul(&self.frequencies)?.sin()?;
        waves.broadcast_div(&x)? * self.prefactor
    }

    fn harmonics(&self, unit: &Tensor) -> Result<Vec<Tensor>> {
        self.ladder.harmonics(unit)?.iter().map(|harmonics| harmonics.to_dtype(self.dtype)).collect()
    }

    fn repulsion(&self, zbl: &Zbl, distances: &Tensor, numbers: &[[u8; 2]]) -> Result<Tensor> {
        let length = |ends: [u8; 2]| {
            let [u, v] = ends.map(|z| f64::from(z).powf(zbl.exponent));
            zbl.prefactor * BOHR / (u + v)
        };
        let x = (distances / self.column(numbers, length)?)?;
        let mut screening = x.zeros_like()?;
        for (coefficient, decay) in zbl.coefficients.iter().zip(DECAYS) {
            screening = (screening + ((&x * -decay)?.exp()? * *coefficient)?)?;
        }
        let charges = self.column(numbers, |[u, v]| 0.5 * COULOMB * f64::from(u) * f64::from(v))?;
        let cutoff = (distances / self.column(numbers, |ends| sum(&zbl.radii, ends))?)?;
        (((charges / distances)? * screening)? * envelope(&cutoff, zbl.cutoff_exponent)?)?.squeeze(1)
    }
}

fn sum(radii: &[f64], ends: [u8; 2]) -> f64 {
    ends.iter().map(|z| radii.get(usize::from(*z)).copied().unwrap_or(f64::NAN)).sum()
}

//! The screened nuclear repulsion of Ziegler, Biersack and Littmark, ended at the sum of two covalent radii; with
//! upstream's habit of looking both up one element too far.

use crate::orb::repulsion::{COULOMB, RADII, SCREENING, SCREENING_POWER, TERMS};
use candle_core::{DType, Device, Result, Tensor};

/// Constants of the edges of a batch, `[n_edges, 1]` each.
pub(super) struct Repulsion {
    /// Where it ends, Å.
    reach: Tensor,
    /// Of screening, Å.
    length: Tensor,
    /// Half the product of charges, eV Å.
    strength: Tensor,
}

impl Repulsion {
    /// `ends`: atomic numbers of the two atoms of each edge.
    pub(super) fn new(ends: &[(u8, u8)], device: &Device) -> Result<Self> {
        let column = |of: &dyn Fn(u8, u8) -> f64| {
            let values = ends.iter().map(|(a, b)| of(*a, *b)).collect::<Vec<_>>();
            Tensor::from_vec(values, (ends.len(), 1), &Device::Cpu)?.to_device(device)
        };
        // The next element's radius stands where its own would be looked up, as its charge does.
        let radius = |z: u8| RADII.get(usize::from(z)).copied().unwrap_or(0.0);
        let charge = |z: u8| f64::from(z) + 1.0;
        Ok(Self {
            reach: column(&|a, b| radius(a) + radius(b))?,
            length: column(&|a, b| SCREENING / (charge(a).powf(SCREENING_POWER) + charge(b).powf(SCREENING_POWER)))?,
            strength: column(&|a, b| 0.5 * COULOMB * charge(a) * charge(b))?,
        })
    }

    /// `[n_edges, 1]` energies, eV, from `[n_edges, 3]` vectors, Å, in double precision.
    pub(super) fn forward(&self, vectors: &Tensor) -> Result<Tensor> {
        let r = vectors.sqr()?.sum_keepdim(1)?.sqrt()?;
        let inside = r.detach().lt(&self.reach)?.to_dtype(DType::F64)?;
        // Far edges count nothing, and must not overflow on the way.
        let u = ((&r / &self.reach)? * &inside)?;
        let sixth = u.sqr()?.powf(3.0)?;
        let polynomial = ((&u * -21.0)?.affine(1.0, 48.0)? * &u)?.affine(1.0, -28.0)?;
        let envelope = (polynomial * sixth)?.affine(1.0, 1.0)?;
        let x = (&r / &self.length)?;
        let mut screening = x.zeros_like()?;
        for (coefficient, decay) in TERMS {
            screening = (screening + (x.affine(-decay, 0.0)?.exp()? * coefficient)?)?;
        }
        (((&self.strength / &r)? * screening)? * envelope)? * inside
    }
}

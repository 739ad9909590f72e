//! The Ziegler-Biersack-Littmark repulsion that newer MACE models add.
//!
//! J. F. Ziegler, J. P. Biersack, U. Littmark, *The Stopping and Range of Ions in Solids* (1985). Upstream takes
//! covalent radii for its cutoff and gives each of the two atoms half of a pair's energy.

use super::file::{FileError, ModelFile};
use crate::e3nn::polynomial_envelope;

/// e²/(4πε0) in eV Å, as upstream rounds it.
pub(super) const COULOMB: f64 = 14.3996;
/// Bohr radius in Å, as upstream rounds it.
pub(super) const BOHR: f64 = 0.529;
/// Decay of the four terms of the screening function.
pub(super) const DECAYS: [f64; 4] = [3.2, 0.9423, 0.4028, 0.2016];

/// Parameters of the file.
pub(super) struct Zbl {
    prefactor: f64,
    exponent: f64,
    coefficients: [f64; 4],
    cutoff_exponent: f64,
    radii: Vec<f64>,
}

impl Zbl {
    pub(super) fn read(file: &ModelFile) -> Result<Self, FileError> {
        let name = |name: &str| format!("pair_repulsion_fn.{name}");
        let c = file.read(&name("c"), 4)?;
        let radii = file.shape(&name("covalent_radii"))?.iter().product();
        Ok(Self {
            prefactor: file.number(&name("a_prefactor"))?,
            exponent: file.number(&name("a_exp"))?,
            coefficients: [c[0], c[1], c[2], c[3]],
            cutoff_exponent: file.number(&name("p"))?,
            radii: file.read(&name("covalent_radii"), radii)?,
        })
    }

    /// What one edge adds to its receiver, and the derivative by r: eV, eV/Å.
    pub(super) fn value_and_slope(&self, r: f64, (u, v): (u8, u8)) -> (f64, f64) {
        let radius = |z: u8| self.radii.get(usize::from(z)).copied().unwrap_or(f64::NAN);
        let reach = radius(u) + radius(v);
        if r >= reach {
            return (0.0, 0.0);
        }
        let (zu, zv) = (f64::from(u), f64::from(v));
        let a = self.prefactor * BOHR / (zu.powf(self.exponent) + zv.powf(self.exponent));
        let (cut, cut_slope) = polynomial_envelope(r, reach, self.cutoff_exponent);
        let (mut phi, mut phi_slope) = (0.0, 0.0);
        for (c, decay) in self.coefficients.iter().zip(DECAYS) {
            let term = c * (-decay * r / a).exp();
            phi += term;
            phi_slope -= decay / a * term;
        }
        let charge = 0.5 * COULOMB * zu * zv / r;
        (charge * phi * cut, charge * (phi_slope * cut + phi * cut_slope - phi * cut / r))
    }
}

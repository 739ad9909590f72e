//! What a potential says of a structure.

/// Energy, and what else was asked for.
///
/// Sign conventions are ASE's: forces are `-dE/dr`; stress is `(1/V) dE/d(strain)`,
/// so tension is positive.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Prediction {
    /// Total energy of the cell, eV.
    pub energy: f64,
    /// `[n_atoms]`, eV/Å; empty when not requested.
    pub forces: Vec<[f64; 3]>,
    /// Voigt order xx yy zz yz xz xy, eV/Å^3.
    pub stress: Option<[f64; 6]>,
    /// `[n_atoms]` magnetic moments, μ_B, where the potential has them.
    pub magmoms: Option<Vec<f64>>,
    /// `[n_atoms, width]`, row-major, where requested and available.
    pub atom_features: Option<AtomFeatures>,
}

/// One feature vector an atom.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AtomFeatures {
    /// Numbers an atom.
    pub width: usize,
    /// `[n_atoms × width]`, row-major.
    pub values: Vec<f64>,
}

impl Prediction {
    /// Largest Euclidean norm of a force, eV/Å; `None` without forces.
    pub fn max_force(&self) -> Option<f64> {
        self.forces.iter().map(|f| (f[0] * f[0] + f[1] * f[1] + f[2] * f[2]).sqrt()).reduce(f64::max)
    }

    /// Whether every number is finite.
    pub fn is_finite(&self) -> bool {
        self.energy.is_finite()
            && self.forces.iter().flatten().all(|x| x.is_finite())
            && self.stress.iter().flatten().all(|x| x.is_finite())
            && self.magmoms.iter().flatten().all(|x| x.is_finite())
    }
}

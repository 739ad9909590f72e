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

/// One feature vector an atom, in the model's own units; invariant under rotations where the model is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AtomFeatures {
    /// Numbers an atom.
    pub width: usize,
    /// `[n_atoms × width]`, row-major.
    pub values: Vec<f64>,
}

impl AtomFeatures {
    /// The structure's features: the mean over its atoms, `[width]`, in the units of the atoms' features; zeros
    /// without atoms.
    ///
    /// A mean, not a sum, so that a crystal has the same features whatever cell it is described by.
    pub fn mean(&self) -> Vec<f64> {
        let mut mean = vec![0.0; self.width];
        let n_atoms = self.values.len() / self.width.max(1);
        for atom in self.values.chunks_exact(self.width.max(1)) {
            mean.iter_mut().zip(atom).for_each(|(mean, x)| *mean += x / n_atoms as f64);
        }
        mean
    }
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
            && self.atom_features.iter().flat_map(|features| &features.values).all(|x| x.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_structures_features_are_the_mean_of_its_atoms() {
        let features = |width, values: &[f64]| AtomFeatures { width, values: values.to_vec() };
        assert_eq!(features(3, &[1.0, 2.0, 3.0, 5.0, -2.0, 0.0]).mean(), [3.0, 0.0, 1.5]);
        assert_eq!(features(2, &[]).mean(), [0.0, 0.0]);
        assert_eq!(AtomFeatures::default().mean(), [0.0; 0]);
    }
}

//! What engines are asked for, and what they give, where the energy of atoms depends on the vectors of pairs.

use mlip_atoms::gradient::PairGradient;
use mlip_atoms::neighbors::Pair;
use mlip_atoms::prediction::AtomFeatures;
use mlip_atoms::{PredictError, Prediction, Request};

/// What is to be computed beside the energies of atoms.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) gradient: bool,
    pub(crate) features: bool,
}

impl From<Request> for Wanted {
    fn from(request: Request) -> Self {
        Self { gradient: request.forces, features: request.atom_features }
    }
}

/// What comes out.
pub(crate) struct Evaluation {
    /// `[n_atoms]`, eV.
    pub(crate) sites: Vec<f64>,
    /// `∂E/∂vector` of each pair, eV/Å; empty where it was not asked for.
    pub(crate) gradient: Vec<[f64; 3]>,
    /// `[n_atoms, width]`; empty where they were not asked for.
    pub(crate) features: Vec<f64>,
}

impl Evaluation {
    /// Energy, and as they were asked for: forces and stress, features of this width. `volume`: of the cell, Å³.
    ///
    /// # Errors
    /// When an engine has not given what was asked for.
    pub(crate) fn prediction(
        self,
        request: Request,
        pairs: &[Pair],
        (volume, width): (f64, usize),
        potential: &str,
    ) -> Result<Prediction, PredictError> {
        let mut prediction = Prediction { energy: self.sites.iter().sum(), ..Prediction::default() };
        if request.forces {
            if self.gradient.len() != pairs.len() {
                let message = format!("{} slopes for {} pairs of atoms", self.gradient.len(), pairs.len());
                return Err(PredictError::Internal { potential: potential.to_owned(), message });
            }
            let gradient = PairGradient::of(self.sites.len(), pairs.iter().zip(self.gradient));
            prediction.stress = Some(gradient.stress(volume));
            prediction.forces = gradient.forces;
        }
        if request.atom_features {
            prediction.atom_features = Some(AtomFeatures { width, values: self.features });
        }
        Ok(prediction)
    }
}

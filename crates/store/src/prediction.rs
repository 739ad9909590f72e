//! A prediction as it lies on disk.

use mlip_atoms::Prediction;
use mlip_atoms::prediction::AtomFeatures;
use serde::de::Error;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The numbers of a prediction; borrowed when written, owned when read.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredPrediction<'a> {
    energy: f64,
    forces: Cow<'a, [[f64; 3]]>,
    stress: Option<[f64; 6]>,
    magmoms: Option<Cow<'a, [f64]>>,
    atom_features: Option<(u64, Cow<'a, [f64]>)>,
}

impl<'a> StoredPrediction<'a> {
    pub(crate) fn of(prediction: &'a Prediction) -> Self {
        let Prediction { energy, forces, stress, magmoms, atom_features } = prediction;
        Self {
            energy: *energy,
            forces: Cow::Borrowed(forces),
            stress: *stress,
            magmoms: magmoms.as_deref().map(Cow::Borrowed),
            atom_features: atom_features
                .as_ref()
                .map(|features| (features.width as u64, Cow::Borrowed(features.values.as_slice()))),
        }
    }

    /// # Errors
    /// When a width does not fit this machine.
    pub(crate) fn into_prediction<E: Error>(self) -> Result<Prediction, E> {
        let features = |(width, values): (u64, Cow<'_, [f64]>)| -> Result<AtomFeatures, E> {
            Ok(AtomFeatures { width: usize::try_from(width).map_err(E::custom)?, values: values.into_owned() })
        };
        Ok(Prediction {
            energy: self.energy,
            forces: self.forces.into_owned(),
            stress: self.stress,
            magmoms: self.magmoms.map(Cow::into_owned),
            atom_features: self.atom_features.map(features).transpose()?,
        })
    }
}

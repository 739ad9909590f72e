//! Which calculation a run does, as its settings name it.

use crate::{
    Calculation, Embeddings, EnergyVolume, EnergyVolumeCalculation, Relaxation, RelaxationCalculation, SinglePoint,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The calculation of a run.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CalculationConfig {
    /// Each structure as it is.
    #[default]
    SinglePoint,
    /// Each structure at several volumes.
    EnergyVolume(EnergyVolume),
    /// Each structure moved to a minimum.
    Relaxation(Relaxation),
}

impl CalculationConfig {
    /// As users write it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SinglePoint => "single-point",
            Self::EnergyVolume(_) => "energy-volume",
            Self::Relaxation(_) => "relaxation",
        }
    }

    /// The calculation, with forces and stress, and with embeddings, of each structure as it was read.
    pub fn build(&self, forces: bool, embeddings: Embeddings) -> Arc<dyn Calculation> {
        match *self {
            Self::SinglePoint => Arc::new(SinglePoint { forces, embeddings }),
            Self::EnergyVolume(volumes) => Arc::new(EnergyVolumeCalculation { volumes, forces, embeddings }),
            Self::Relaxation(settings) => Arc::new(RelaxationCalculation { settings, forces, embeddings }),
        }
    }
}

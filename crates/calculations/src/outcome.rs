//! What a calculation comes to.

use crate::{EnergyVolumeCurve, Relaxed};
use mlip_atoms::{Failure, Prediction};

/// What came of one (structure, potential).
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Numbers.
    Done(Computed),
    /// No numbers, and why.
    Failed(Failure),
}

/// The numbers of a calculation.
#[derive(Debug, Clone, PartialEq)]
pub struct Computed {
    /// What the potential says of the structure as it was read.
    pub prediction: Prediction,
    /// What the calculation found beside it; nothing for a single point.
    pub details: Option<Details>,
}

/// What calculations find beside the prediction of the structure as it was read.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Details {
    /// Energies of strained cells, and the equation of state through them.
    EnergyVolume(EnergyVolumeCurve),
    /// The structure at the end of a relaxation.
    Relaxation(Box<Relaxed>),
}

impl From<Prediction> for Computed {
    fn from(prediction: Prediction) -> Self {
        Self { prediction, details: None }
    }
}

impl Outcome {
    /// Whether other runs may take it as theirs: numbers, and no limit of this run has a part in them.
    pub fn is_for_all(&self) -> bool {
        match self {
            Self::Done(Computed { details: Some(Details::Relaxation(relaxed)), .. }) => !relaxed.ended.by_the_run(),
            Self::Done(_) => true,
            Self::Failed(_) => false,
        }
    }

    /// The prediction of the structure as it was read, if there is one.
    pub fn prediction(&self) -> Option<&Prediction> {
        match self {
            Self::Done(computed) => Some(&computed.prediction),
            Self::Failed(_) => None,
        }
    }
}

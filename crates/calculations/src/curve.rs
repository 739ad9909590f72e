//! Energies at several volumes.

use crate::EquationOfState;
use serde::{Deserialize, Serialize};

/// Energies of a cell at several volumes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnergyVolumeCurve {
    /// Å^3, ascending.
    pub volumes: Vec<f64>,
    /// eV, one a volume.
    pub energies: Vec<f64>,
}

impl EnergyVolumeCurve {
    /// The equation of state through the points; see [`EquationOfState::fit`].
    pub fn equation_of_state(&self) -> Option<EquationOfState> {
        EquationOfState::fit(&self.volumes, &self.energies)
    }
}

//! `equation_of_state.csv`: a row for each (structure, potential), with the curve's minimum where it has one.

use super::csv_rows::Rows;
use super::potential::LabeledPotential;
use super::row::{EntryRow, Status};
use crate::StoreError;
use mlip_atoms::units::GPA_PER_EV_PER_A3;
use mlip_calculations::EnergyVolumeCurve;

pub(super) const NAME: &str = "equation_of_state";

pub(super) const COLUMNS: [&str; 12] = [
    "structure_id",
    "path",
    "formula",
    "potential",
    "status",
    "volume_a3",
    "equilibrium_volume_a3",
    "equilibrium_volume_change",
    "equilibrium_energy_ev",
    "bulk_modulus_gpa",
    "bulk_modulus_derivative",
    "residual_ev",
];

pub(super) struct EquationOfStateTable(Rows);

impl EquationOfStateTable {
    pub(super) fn new() -> Self {
        Self(Rows::new(NAME))
    }

    pub(super) fn write(
        &mut self,
        entry: &EntryRow<'_>,
        formula: &str,
        potentials: &[LabeledPotential],
    ) -> Result<(), StoreError> {
        for (position, potential) in potentials.iter().enumerate() {
            for text in [entry.id, entry.path, formula, &potential.label] {
                self.0.text(text)?;
            }
            match (entry.status(position), entry.curve(position)) {
                (Status::Done(..), Some((curve, _))) => self.curve(curve)?,
                (status, _) => {
                    self.0.text(&status.to_string())?;
                    self.0.empty(7)?;
                }
            }
            self.0.end_row()?;
        }
        Ok(())
    }

    fn curve(&mut self, curve: &EnergyVolumeCurve) -> Result<(), StoreError> {
        let state = curve.equation_of_state();
        // Energies were computed all the same: they are in `energy_volume.csv`.
        self.0.text(if state.is_some() { "ok" } else { "no_minimum" })?;
        let volume = curve.volumes.get(curve.volumes.len() / 2).copied();
        self.0.optional(volume)?;
        self.0.optional(state.map(|state| state.volume))?;
        self.0.optional(state.zip(volume).map(|(state, volume)| state.volume / volume - 1.0))?;
        self.0.optional(state.map(|state| state.energy))?;
        self.0.optional(state.map(|state| state.bulk_modulus * GPA_PER_EV_PER_A3))?;
        self.0.optional(state.map(|state| state.bulk_modulus_derivative))?;
        self.0.optional(state.map(|state| state.residual))
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0.finish()
    }
}

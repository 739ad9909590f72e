//! `stability.csv`: a row for each (structure, potential), where a hull or reference energies are named.

use super::potential::LabeledPotential;
use super::row::EntryRow;
use super::stability::StabilityRow;
use super::table::Rows;
use crate::{EntryState, StoreError};
use mlip_calculations::Outcome;

pub(super) const NAME: &str = "stability";

pub(super) const COLUMNS: [&str; 11] = [
    "structure_id",
    "path",
    "formula",
    "n_atoms",
    "potential",
    "status",
    "energy_per_atom_ev",
    "formation_energy_ev_per_atom",
    "e_above_hull_ev_per_atom",
    "decomposition",
    "error",
];

pub(super) struct StabilityTable(Rows);

impl StabilityTable {
    pub(super) fn new() -> Self {
        Self(Rows::new(NAME))
    }

    pub(super) fn write(
        &mut self,
        entry: &EntryRow<'_>,
        formula: &str,
        potentials: &[LabeledPotential],
        stability: &[Option<StabilityRow>],
    ) -> Result<(), StoreError> {
        for (position, potential) in potentials.iter().enumerate() {
            let record = entry.record(position).map(|fetched| &fetched.record);
            self.0.text(entry.id)?;
            self.0.text(entry.path)?;
            self.0.text(formula)?;
            match entry.state {
                Some(EntryState::Structure { n_atoms, .. }) => self.0.count(n_atoms)?,
                _ => self.0.empty(1)?,
            }
            self.0.text(&potential.label)?;
            match (entry.state, record.map(|record| &record.outcome)) {
                (Some(EntryState::Failed(failure)), _) | (_, Some(Outcome::Failed(failure))) => {
                    self.0.text(&failure.kind.to_string())?;
                }
                (_, Some(Outcome::Done(_))) => self.0.text("ok")?,
                (_, None) => self.0.text("pending")?,
            }
            match (stability.get(position), record) {
                (Some(Some(row)), Some(record)) => {
                    let energy = entry.prediction(position).map(|found| found.energy / record.species.len() as f64);
                    self.0.optional(energy)?;
                    self.0.optional(row.formation_energy)?;
                    self.0.optional(row.above.as_ref().map(|above| above.energy))?;
                    self.0.text(&row.above.as_ref().map(ToString::to_string).unwrap_or_default())?;
                    self.0.text(&row.errors.join("; "))?;
                }
                _ => self.0.empty(5)?,
            }
            self.0.end_row()?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, StoreError> {
        self.0.finish()
    }
}

//! `stability.csv`: a row for each (structure, potential), where a hull or reference energies are named.

use super::csv_rows::Rows;
use super::potential::LabeledPotential;
use super::row::{EntryRow, Status};
use super::stability::StabilityRow;
use crate::StoreError;

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
            self.0.head(entry, formula, &potential.label)?;
            let status = entry.status(position);
            self.0.text(&status.to_string())?;
            match (stability.get(position), status) {
                (Some(Some(row)), Status::Done(record, computed)) => {
                    self.0.float(computed.prediction.energy / record.species.len() as f64)?;
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

    pub(super) fn finish(self) -> Vec<u8> {
        self.0.finish()
    }
}

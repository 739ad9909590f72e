//! `energies.csv`: a row for each (structure, potential).

use super::columns::ColumnRows;
use super::csv_rows::Rows;
use super::potential::LabeledPotential;
use super::row::{EntryRow, Status};
use crate::StoreError;
use mlip_atoms::Prediction;

pub(super) const NAME: &str = "energies";

pub(super) const COLUMNS: [&str; 20] = [
    "structure_id",
    "path",
    "formula",
    "n_atoms",
    "potential",
    "checkpoint",
    "status",
    "energy_ev",
    "energy_per_atom_ev",
    "max_force_ev_per_a",
    "stress_xx_ev_per_a3",
    "stress_yy_ev_per_a3",
    "stress_zz_ev_per_a3",
    "stress_yz_ev_per_a3",
    "stress_xz_ev_per_a3",
    "stress_xy_ev_per_a3",
    "total_magmom_mu_b",
    "volume_a3",
    "density_g_per_cm3",
    "space_group",
];

pub(super) struct Energies(Rows);

impl Energies {
    pub(super) fn new(columnar: bool) -> Self {
        Self(Rows::with_columns(NAME, &COLUMNS, columnar))
    }

    pub(super) fn write(
        &mut self,
        entry: &EntryRow<'_>,
        formula: &str,
        potentials: &[LabeledPotential],
    ) -> Result<(), StoreError> {
        for (position, potential) in potentials.iter().enumerate() {
            self.0.head(entry, formula, &potential.label)?;
            self.0.text(&potential.id.weights())?;
            let status = entry.status(position);
            self.0.text(&status.to_string())?;
            match status {
                Status::Done(record, computed) => self.numbers(&computed.prediction, record.species.len())?,
                _ => self.0.empty(10)?,
            }
            self.0.cell(entry)?;
            self.0.end_row()?;
        }
        Ok(())
    }

    fn numbers(&mut self, prediction: &Prediction, n_atoms: usize) -> Result<(), StoreError> {
        self.0.float(prediction.energy)?;
        self.0.optional((n_atoms > 0).then(|| prediction.energy / n_atoms as f64))?;
        self.0.optional(prediction.max_force())?;
        match prediction.stress {
            Some(stress) => stress.into_iter().try_for_each(|component| self.0.float(component))?,
            None => self.0.empty(6)?,
        }
        self.0.optional(prediction.magmoms.as_ref().map(|magmoms| magmoms.iter().fold(0.0, |sum, m| sum + m)))
    }

    pub(super) fn finish(self) -> (Vec<u8>, Option<ColumnRows>) {
        self.0.finish_with_columns()
    }
}

//! `energies.csv`: a row for each (structure, potential).

use super::potential::LabeledPotential;
use super::row::EntryRow;
use super::table::Rows;
use crate::{EntryState, StoreError};
use mlip_atoms::Prediction;
use mlip_calculations::Outcome;

pub(super) const NAME: &str = "energies";

pub(super) const COLUMNS: [&str; 17] = [
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
];

pub(super) struct Energies(Rows);

impl Energies {
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
            let record = entry.record(position);
            self.0.text(entry.id)?;
            self.0.text(entry.path)?;
            self.0.text(formula)?;
            match entry.state {
                Some(EntryState::Structure { n_atoms, .. }) => self.0.count(n_atoms)?,
                _ => self.0.empty(1)?,
            }
            self.0.text(&potential.label)?;
            self.0.text(&potential.id.weights())?;
            match (entry.state, record.map(|fetched| &fetched.record.outcome)) {
                (Some(EntryState::Failed(failure)), _) | (_, Some(Outcome::Failed(failure))) => {
                    self.0.text(&failure.kind.to_string())?;
                    self.0.empty(10)?;
                }
                (_, Some(Outcome::Done(computed))) => {
                    self.0.text("ok")?;
                    self.numbers(&computed.prediction, record.map_or(0, |fetched| fetched.record.species.len()))?;
                }
                (_, None) => {
                    self.0.text("pending")?;
                    self.0.empty(10)?;
                }
            }
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

    pub(super) fn finish(self) -> Result<Vec<u8>, StoreError> {
        self.0.finish()
    }
}

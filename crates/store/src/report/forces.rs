//! `forces.csv`: a row for each atom of each result.

use super::csv_rows::Rows;
use super::potential::LabeledPotential;
use super::row::EntryRow;
use crate::StoreError;
use mlip_atoms::Species;

pub(super) const NAME: &str = "forces";

pub(super) const COLUMNS: [&str; 11] = [
    "structure_id",
    "potential",
    "site",
    "element",
    "fx_ev_per_a",
    "fy_ev_per_a",
    "fz_ev_per_a",
    "magmom_mu_b",
    "frac_a",
    "frac_b",
    "frac_c",
];

pub(super) struct Forces(Rows);

impl Forces {
    pub(super) fn new() -> Self {
        Self(Rows::new(NAME))
    }

    pub(super) fn write(&mut self, entry: &EntryRow<'_>, potentials: &[LabeledPotential]) -> Result<(), StoreError> {
        for (position, potential) in potentials.iter().enumerate() {
            let Some(record) = entry.record(position).map(|fetched| &fetched.record) else {
                continue;
            };
            let Some(prediction) = record.outcome.prediction() else {
                continue;
            };
            for (site, force) in prediction.forces.iter().enumerate() {
                self.0.text(entry.id)?;
                self.0.text(&potential.label)?;
                self.0.count(site)?;
                let species = record.species.get(site).and_then(|number| Species::from_atomic_number(*number));
                self.0.text(species.map_or("", Species::symbol))?;
                force.iter().try_for_each(|component| self.0.float(*component))?;
                self.0.optional(prediction.magmoms.as_ref().and_then(|magmoms| magmoms.get(site).copied()))?;
                match entry.given.and_then(|given| given.structure.fractional().get(site)) {
                    Some(x) => x.iter().try_for_each(|part| self.0.float(*part))?,
                    None => self.0.empty(3)?,
                }
                self.0.end_row()?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0.finish()
    }
}

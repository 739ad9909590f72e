//! `forces_ensemble.csv`: a row for each atom, mean and spread of its force over the potentials.

use super::csv_rows::Rows;
use super::row::EntryRow;
use super::statistics::Statistics;
use crate::StoreError;
use mlip_atoms::Species;

pub(super) const NAME: &str = "forces_ensemble";

pub(super) const COLUMNS: [&str; 10] = [
    "structure_id",
    "site",
    "element",
    "fx_mean_ev_per_a",
    "fy_mean_ev_per_a",
    "fz_mean_ev_per_a",
    "fx_std_ev_per_a",
    "fy_std_ev_per_a",
    "fz_std_ev_per_a",
    "n_mlips",
];

pub(super) struct ForcesEnsemble(Rows);

impl ForcesEnsemble {
    /// None for a single potential: its table would repeat `forces.csv`.
    pub(super) fn new(n_potentials: usize) -> Option<Self> {
        (n_potentials >= 2).then(|| Self(Rows::new(NAME)))
    }

    pub(super) fn write(&mut self, entry: &EntryRow<'_>, species: &[Species]) -> Result<(), StoreError> {
        let forces = (0..entry.records.len()).filter_map(|position| {
            entry
                .prediction(position)
                .map(|prediction| prediction.forces.as_slice())
                .filter(|forces| !forces.is_empty())
        });
        let forces: Vec<&[[f64; 3]]> = forces.collect();
        if forces.is_empty() {
            return Ok(());
        }
        for (site, species) in species.iter().enumerate() {
            let of = |axis: usize| {
                Statistics::of(
                    forces.iter().map(move |forces| forces.get(site).and_then(|force| force.get(axis)).copied()),
                )
            };
            let components = [of(0), of(1), of(2)];
            self.0.text(entry.id)?;
            self.0.count(site)?;
            self.0.text(species.symbol())?;
            for component in &components {
                self.0.optional(component.map(|statistics| statistics.mean))?;
            }
            for component in &components {
                self.0.optional(component.map(|statistics| statistics.std))?;
            }
            match components[0] {
                Some(Statistics { n, .. }) => self.0.count(n)?,
                None => self.0.empty(1)?,
            }
            self.0.end_row()?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0.finish()
    }
}

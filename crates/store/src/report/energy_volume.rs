//! `energy_volume.csv`: a row for each point of each curve.

use super::csv_rows::Rows;
use super::potential::LabeledPotential;
use super::row::EntryRow;
use crate::StoreError;

pub(super) const NAME: &str = "energy_volume";

pub(super) const COLUMNS: [&str; 6] =
    ["structure_id", "potential", "point", "volume_a3", "energy_ev", "energy_per_atom_ev"];

pub(super) struct EnergyVolume(Rows);

impl EnergyVolume {
    pub(super) fn new() -> Self {
        Self(Rows::new(NAME))
    }

    pub(super) fn write(&mut self, entry: &EntryRow<'_>, potentials: &[LabeledPotential]) -> Result<(), StoreError> {
        for (position, potential) in potentials.iter().enumerate() {
            let Some((curve, n_atoms)) = entry.curve(position) else { continue };
            for (point, (volume, energy)) in curve.volumes.iter().zip(&curve.energies).enumerate() {
                self.0.text(entry.id)?;
                self.0.text(&potential.label)?;
                self.0.count(point)?;
                self.0.float(*volume)?;
                self.0.float(*energy)?;
                self.0.optional((n_atoms > 0).then(|| energy / n_atoms as f64))?;
                self.0.end_row()?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0.finish()
    }
}

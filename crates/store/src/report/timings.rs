//! `timings.csv`: where and how long each evaluation ran. It differs from run to run.

use super::csv_rows::Rows;
use super::potential::LabeledPotential;
use super::row::EntryRow;
use crate::StoreError;

pub(super) const NAME: &str = "timings";

pub(super) const COLUMNS: [&str; 7] = ["structure_id", "potential", "n_atoms", "host", "rank", "attempt", "wall_s"];

pub(super) struct Timings(Rows);

impl Timings {
    pub(super) fn new() -> Self {
        Self(Rows::new(NAME))
    }

    pub(super) fn write(&mut self, entry: &EntryRow<'_>, potentials: &[LabeledPotential]) -> Result<(), StoreError> {
        for (position, potential) in potentials.iter().enumerate() {
            let Some(fetched) = entry.record(position) else {
                continue;
            };
            self.0.text(entry.id)?;
            self.0.text(&potential.label)?;
            self.0.count(fetched.record.species.len())?;
            self.0.text(&fetched.host)?;
            self.0.count(fetched.rank)?;
            self.0.count(fetched.attempt)?;
            // As `f32`: widened to `f64` it would show digits that were never measured.
            self.0.plain(fetched.record.wall_s)?;
            self.0.end_row()?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0.finish()
    }
}

//! `failures.csv`: a row for each entry that could not be read and each (structure, potential) without a result.

use super::csv_rows::Rows;
use super::potential::LabeledPotential;
use super::row::EntryRow;
use crate::{EntryState, StoreError};
use mlip_atoms::Failure;
use mlip_calculations::Outcome;

pub(super) const NAME: &str = "failures";

pub(super) const COLUMNS: [&str; 7] = ["structure_id", "path", "potential", "line", "kind", "message", "attempts"];

pub(super) struct Failures(Rows);

impl Failures {
    pub(super) fn new() -> Self {
        Self(Rows::new(NAME))
    }

    pub(super) fn write(&mut self, entry: &EntryRow<'_>, potentials: &[LabeledPotential]) -> Result<(), StoreError> {
        if let Some(EntryState::Failed(failure)) = entry.state {
            return self.row(entry, "", failure, 1);
        }
        for (position, potential) in potentials.iter().enumerate() {
            let Some(record) = entry.record(position).map(|fetched| &fetched.record) else {
                continue;
            };
            if let Outcome::Failed(failure) = &record.outcome {
                self.row(entry, &potential.label, failure, record.attempts)?;
            }
        }
        Ok(())
    }

    fn row(
        &mut self,
        entry: &EntryRow<'_>,
        potential: &str,
        failure: &Failure,
        attempts: u32,
    ) -> Result<(), StoreError> {
        self.0.text(entry.id)?;
        self.0.text(entry.path)?;
        self.0.text(potential)?;
        match failure.line {
            Some(line) => self.0.count(line)?,
            None => self.0.empty(1)?,
        }
        self.0.text(&failure.kind.to_string())?;
        self.0.text(&failure.message)?;
        self.0.count(attempts)?;
        self.0.end_row()
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0.finish()
    }
}

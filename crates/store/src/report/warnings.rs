//! `warnings.csv`: what the reader had to assume.

use super::csv_rows::Rows;
use super::row::EntryRow;
use crate::{EntryState, StoreError};

pub(super) const NAME: &str = "warnings";

pub(super) const COLUMNS: [&str; 4] = ["structure_id", "path", "class", "message"];

pub(super) struct Warnings(Rows);

impl Warnings {
    pub(super) fn new() -> Self {
        Self(Rows::new(NAME))
    }

    pub(super) fn write(&mut self, entry: &EntryRow<'_>) -> Result<(), StoreError> {
        let Some(EntryState::Structure { warnings, .. }) = entry.state else {
            return Ok(());
        };
        for (class, message) in warnings {
            for text in [entry.id, entry.path, class, message] {
                self.0.text(text)?;
            }
            self.0.end_row()?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0.finish()
    }
}

//! `warnings.csv`: what the reader had to assume.

use super::table::Table;
use super::{EntryRow, ReportOptions};
use crate::{EntryState, StoreError};
use std::path::{Path, PathBuf};

pub(super) struct Warnings(Table);

impl Warnings {
    pub(super) fn create(folder: &Path, options: ReportOptions) -> Result<Self, StoreError> {
        Table::create(folder, "warnings", options.compress, ["structure_id", "path", "class", "message"]).map(Self)
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

    pub(super) fn commit(self) -> Result<PathBuf, StoreError> {
        self.0.commit()
    }
}

//! Columns of a table, found by their names.

use super::super::table::TableReader;
use crate::StoreError;
use csv::StringRecord;
use std::path::{Path, PathBuf};

/// A table that was written for this report.
#[derive(Debug, Clone)]
pub(super) struct Table(PathBuf);

impl Table {
    /// That of this name among the files of the report, compressed or not.
    pub(super) fn find(files: &[PathBuf], name: &str) -> Option<Self> {
        let is_it = |file: &&PathBuf| {
            let file = file.file_name().and_then(|file| file.to_str()).unwrap_or_default();
            ["csv", "csv.zst"].iter().any(|ending| file.strip_suffix(ending) == Some(&format!("{name}.")))
        };
        files.iter().find(is_it).cloned().map(Self)
    }

    /// Its name, for links.
    pub(super) fn file_name(&self) -> String {
        self.0.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Visits each row with its place below the heading, from 0, and the numbers of the columns with these names; a name that
    /// is missing has a column that no row has.
    pub(super) fn visit<const N: usize>(
        &self,
        names: [&str; N],
        mut visit: impl FnMut(u64, &StringRecord, [usize; N]),
    ) -> Result<(), StoreError> {
        self.visit_all(
            |columns| names.map(|name| place(columns, name)),
            |row, record, places| visit(row, record, *places),
        )
    }

    /// The same with columns that depend on the heading.
    pub(super) fn visit_all<C>(
        &self,
        choose: impl FnOnce(&[String]) -> C,
        mut visit: impl FnMut(u64, &StringRecord, &C),
    ) -> Result<(), StoreError> {
        let mut table = TableReader::open(Path::new(&self.0))?;
        let columns = choose(&table.columns()?);
        for (row, record) in (0..).zip(table.rows()) {
            visit(row, &record?, &columns);
        }
        Ok(())
    }
}

/// The number of a column; beyond all of them where there is none.
pub(super) fn place(columns: &[String], name: &str) -> usize {
    columns.iter().position(|column| column == name).unwrap_or(usize::MAX)
}

/// A finite number of a row.
pub(super) fn number(record: &StringRecord, column: usize) -> Option<f64> {
    record.get(column)?.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// A text of a row.
pub(super) fn text(record: &StringRecord, column: usize) -> &str {
    record.get(column).unwrap_or_default()
}

//! Opens a table of any kind.

use super::csv::CsvTable;
use super::error::TableError;
use super::json_lines::JsonLines;
use super::parquet::ParquetTable;
use super::provenance::TableProvenance;
use super::row::TableRow;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Rows of a table, in their order; what is in memory is a buffer.
///
/// The name of the file tells its format: `.csv`, `.jsonl` or `.ndjson`, these with `.gz` behind, `.parquet`. Columns:
/// `material_id` (or `immutable_id`, `id`, or none), `composition` (a formula; in JSON lines also an object of amounts),
/// else `species_at_sites` or `species` (a list with an element for each site), and the total energy of the cell, eV.
/// A row with a defect is a row whose content is an error, and rows go on behind it; what cannot be read further ends the
/// rows with an error. Lines of a CSV that begin with `#` before the heading are gone past, but for what
/// [`TableReader::provenance`] gives.
pub struct TableReader {
    table: Table,
    /// Nothing comes any more.
    is_over: bool,
}

enum Table {
    Csv(Box<CsvTable>),
    JsonLines(Box<JsonLines>),
    Parquet(Box<ParquetTable>),
}

impl TableReader {
    /// With energies from the column of this name, eV a cell.
    ///
    /// # Errors
    /// When the file cannot be read, is of no known kind, or misses a column.
    pub fn open(path: &Path, energy_column: &str) -> Result<Self, TableError> {
        let io = |source| TableError::Io { path: path.into(), source };
        let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        let (stem, zipped) = name.strip_suffix(".gz").map_or((name.as_str(), false), |stem| (stem, true));
        let text = || -> Result<Box<dyn Read + Send>, TableError> {
            let file = File::open(path).map_err(io)?;
            Ok(if zipped { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
        };
        let table = match stem.rsplit_once('.').map(|(_, extension)| extension) {
            Some("csv") => Table::Csv(Box::new(CsvTable::open(path, text()?, energy_column)?)),
            Some("jsonl" | "ndjson") => Table::JsonLines(Box::new(JsonLines::open(path, text()?, energy_column))),
            Some("parquet") if !zipped => {
                let file = File::open(path).map_err(io)?;
                Table::Parquet(Box::new(ParquetTable::open(path, file, energy_column)?))
            }
            _ => return Err(TableError::UnknownFormat { path: path.into() }),
        };
        Ok(Self { table, is_over: false })
    }

    /// Where the column `energy` is from, if the table says so.
    pub fn provenance(&self) -> Option<&TableProvenance> {
        match &self.table {
            Table::Csv(table) => table.provenance(),
            Table::JsonLines(_) => None,
            Table::Parquet(table) => table.provenance(),
        }
    }
}

impl Iterator for TableReader {
    type Item = Result<TableRow, TableError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = match &mut self.table {
            Table::Csv(table) => table.next_row(),
            Table::JsonLines(table) => table.next_row(),
            Table::Parquet(table) => table.next_row(),
        };
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }
}

impl std::iter::FusedIterator for TableReader {}

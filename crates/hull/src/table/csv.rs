//! CSV with a heading.

use super::error::TableError;
use super::row::{COMPOSITION_COLUMNS, ID_COLUMNS, RowError, TableRow, composition_of_sites, energy_of_text};
use crate::composition::{Composition, parse_composition};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Rows of a CSV.
pub(super) struct CsvTable {
    path: PathBuf,
    reader: csv::Reader<Box<dyn Read + Send>>,
    record: csv::StringRecord,
    n_rows: u64,
    id: Option<usize>,
    composition: usize,
    composition_name: &'static str,
    energy: usize,
}

impl CsvTable {
    pub(super) fn open(path: &Path, input: Box<dyn Read + Send>, energy: &str) -> Result<Self, TableError> {
        let fail = |source| TableError::Csv { path: path.into(), source };
        let mut reader = csv::ReaderBuilder::new().buffer_capacity(1 << 16).from_reader(input);
        let headings = reader.headers().map_err(fail)?.clone();
        let position = |name: &str| headings.iter().position(|heading| heading.trim() == name);
        let missing = |wanted: &[&str]| TableError::missing(path, wanted, &headings);
        let (composition_name, composition) = COMPOSITION_COLUMNS
            .into_iter()
            .find_map(|name| Some((name, position(name)?)))
            .ok_or_else(|| missing(&COMPOSITION_COLUMNS))?;
        let energy = position(energy).ok_or_else(|| missing(&[energy]))?;
        let id = ID_COLUMNS.into_iter().find_map(position);
        let record = csv::StringRecord::new();
        Ok(Self { path: path.into(), reader, record, n_rows: 0, id, composition, composition_name, energy })
    }

    pub(super) fn next_row(&mut self) -> Option<Result<TableRow, TableError>> {
        match self.reader.read_record(&mut self.record) {
            Ok(false) => None,
            Ok(true) => {
                self.n_rows += 1;
                Some(Ok(self.row()))
            }
            Err(source) => Some(Err(TableError::Csv { path: self.path.clone(), source })),
        }
    }

    fn row(&self) -> TableRow {
        let field = |position: usize| self.record.get(position).unwrap_or_default();
        let id = self.id.map_or_else(|| format!("row {}", self.n_rows), |position| field(position).to_owned());
        let place = self.record.position().map_or(0, csv::Position::line);
        TableRow { place, id, content: self.content(field(self.composition), field(self.energy)) }
    }

    fn content(&self, composition: &str, energy: &str) -> Result<Option<(Composition, f64)>, RowError> {
        let Some(energy) = energy_of_text(energy)? else { return Ok(None) };
        let composition = match self.composition_name {
            "composition" => parse_composition(composition)?,
            // A list as JSON, Python or numpy write it: what stands between brackets, quotes, commas and blanks.
            name => composition_of_sites(
                composition
                    .split(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | '\'' | '"' | ','))
                    .filter(|part| !part.is_empty()),
                name,
            )?,
        };
        Ok(Some((composition, energy)))
    }
}

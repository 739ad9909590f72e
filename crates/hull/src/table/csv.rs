//! CSV with a heading.

use super::error::TableError;
use super::provenance::{CSV_LINE, TableProvenance};
use super::row::{
    COMPOSITION_COLUMNS, ID_COLUMNS, RowError, TableRow, composition_of_sites, energy_of_text, name_of_row,
};
use crate::composition::{Composition, parse_composition};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Rows of a CSV.
pub(super) struct CsvTable {
    path: PathBuf,
    reader: csv::Reader<BufReader<Box<dyn Read + Send>>>,
    /// Lines before the heading.
    n_comments: u64,
    provenance: Option<TableProvenance>,
    record: csv::ByteRecord,
    n_headings: usize,
    n_rows: u64,
    id: Option<usize>,
    composition: usize,
    composition_name: &'static str,
    energy: usize,
}

impl CsvTable {
    pub(super) fn open(path: &Path, input: Box<dyn Read + Send>, energy: &str) -> Result<Self, TableError> {
        let mut input = BufReader::with_capacity(1 << 16, input);
        let (n_comments, provenance) = comments(path, &mut input)?;
        let mut reader = csv::ReaderBuilder::new().flexible(true).buffer_capacity(1 << 16).from_reader(input);
        let headings = reader.headers().map_err(|error| TableError::csv(path, error))?.clone();
        let position = |name: &str| headings.iter().position(|heading| heading.trim() == name);
        let missing = |wanted: &[&str]| TableError::missing(path, wanted, &headings);
        let (composition_name, composition) = COMPOSITION_COLUMNS
            .into_iter()
            .find_map(|name| Some((name, position(name)?)))
            .ok_or_else(|| missing(&COMPOSITION_COLUMNS))?;
        let energy = position(energy).ok_or_else(|| missing(&[energy]))?;
        let id = ID_COLUMNS.into_iter().find_map(position);
        Ok(Self {
            path: path.into(),
            reader,
            n_comments,
            provenance,
            record: csv::ByteRecord::new(),
            n_headings: headings.len(),
            n_rows: 0,
            id,
            composition,
            composition_name,
            energy,
        })
    }

    pub(super) fn provenance(&self) -> Option<&TableProvenance> {
        self.provenance.as_ref()
    }

    pub(super) fn next_row(&mut self) -> Option<Result<TableRow, TableError>> {
        match self.reader.read_byte_record(&mut self.record) {
            Ok(false) => None,
            Ok(true) => {
                self.n_rows += 1;
                Some(Ok(self.row()))
            }
            Err(error) => Some(Err(TableError::csv(&self.path, error))),
        }
    }

    fn row(&self) -> TableRow {
        let name = self.id.and_then(|position| self.field(position));
        let place = self.record.position().map_or(0, csv::Position::line) + self.n_comments;
        TableRow { place, id: name_of_row(name, self.n_rows), content: self.content() }
    }

    fn field(&self, position: usize) -> Option<&str> {
        self.record.get(position).and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    fn content(&self) -> Result<Option<(Composition, f64)>, RowError> {
        if self.record.len() != self.n_headings {
            return Err(RowError::Ragged { n_fields: self.record.len(), n_headings: self.n_headings });
        }
        if self.record.iter().any(|bytes| std::str::from_utf8(bytes).is_err()) {
            return Err(RowError::NotUtf8);
        }
        let [composition, energy] =
            [self.composition, self.energy].map(|position| self.field(position).unwrap_or_default());
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

/// Goes past the lines before the heading that begin with `#`: how many, and what one of them says of the energies.
fn comments(path: &Path, input: &mut impl BufRead) -> Result<(u64, Option<TableProvenance>), TableError> {
    let io = |source| TableError::Io { path: path.into(), source };
    let (mut n_lines, mut provenance) = (0, None);
    while input.fill_buf().map_err(io)?.first() == Some(&b'#') {
        let mut line = Vec::new();
        input.read_until(b'\n', &mut line).map_err(io)?;
        n_lines += 1;
        let text = String::from_utf8_lossy(&line);
        if let Some(said) = text.strip_prefix(CSV_LINE) {
            let read = TableProvenance::parse(said.trim_end());
            provenance = Some(read.map_err(|source| TableError::Provenance { path: path.into(), source })?);
        }
    }
    Ok((n_lines, provenance))
}

//! An object a line.

use super::error::TableError;
use super::row::{
    COMPOSITION_COLUMNS, ID_COLUMNS, RowError, TableRow, composition_of_sites, energy_of_number, energy_of_text,
    name_of_row,
};
use crate::composition::{Composition, parse_composition, parse_element};
use serde_json::{Map, Value};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Rows of JSON lines. Empty lines are none.
pub(super) struct JsonLines {
    path: PathBuf,
    input: BufReader<Box<dyn Read + Send>>,
    bytes: Vec<u8>,
    line: u64,
    n_rows: u64,
    /// Whether an object had the energy.
    has_energy: bool,
    energy: String,
}

impl JsonLines {
    pub(super) fn open(path: &Path, input: Box<dyn Read + Send>, energy: &str) -> Self {
        let input = BufReader::with_capacity(1 << 16, input);
        let (path, energy) = (path.into(), energy.into());
        Self { path, input, bytes: Vec::new(), line: 0, n_rows: 0, has_energy: false, energy }
    }

    pub(super) fn next_row(&mut self) -> Option<Result<TableRow, TableError>> {
        loop {
            self.bytes.clear();
            self.line += 1;
            match self.input.read_until(b'\n', &mut self.bytes) {
                Ok(0) => return None,
                Ok(_) if self.bytes.trim_ascii().is_empty() => {}
                Ok(_) => return Some(self.row()),
                Err(source) => return Some(Err(TableError::Io { path: self.path.clone(), source })),
            }
        }
    }

    fn row(&mut self) -> Result<TableRow, TableError> {
        self.n_rows += 1;
        let object = match object(&self.bytes) {
            Ok(object) => object,
            Err(error) => {
                return Ok(TableRow { place: self.line, id: name_of_row(None, self.n_rows), content: Err(error) });
            }
        };
        // Objects may leave out what is empty, but a name that no object has is a mistake: the first must have it.
        if !self.has_energy && !object.contains_key(&self.energy) {
            return Err(TableError::missing(&self.path, &[&self.energy], object.keys().map(String::as_str)));
        }
        self.has_energy = true;
        let id = match ID_COLUMNS.into_iter().find_map(|name| object.get(name)) {
            Some(Value::String(id)) => name_of_row(Some(id), self.n_rows),
            Some(Value::Null) | None => name_of_row(None, self.n_rows),
            Some(other) => other.to_string(),
        };
        Ok(TableRow { place: self.line, id, content: self.content(&object) })
    }

    fn content(&self, object: &Map<String, Value>) -> Result<Option<(Composition, f64)>, RowError> {
        let energy = match object.get(&self.energy) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => match energy_of_text(text)? {
                Some(energy) => energy,
                None => return Ok(None),
            },
            Some(Value::Number(number)) => energy_of_number(number.as_f64().unwrap_or(f64::NAN))?,
            Some(other) => return Err(RowError::Energy { text: other.to_string() }),
        };
        let found = COMPOSITION_COLUMNS.into_iter().find_map(|name| Some((name, object.get(name)?)));
        let nothing = |column: &str| RowError::NoComposition { column: column.into() };
        let composition = match found {
            Some((_, Value::String(formula))) => parse_composition(formula)?,
            Some((_, Value::Object(amounts))) => of_amounts(amounts)?,
            Some((name, Value::Array(sites))) => {
                let symbols = sites.iter().map(Value::as_str).collect::<Option<Vec<_>>>();
                composition_of_sites(symbols.ok_or_else(|| nothing(name))?, name)?
            }
            Some((name, _)) => return Err(nothing(name)),
            None => return Err(nothing(COMPOSITION_COLUMNS[0])),
        };
        Ok(Some((composition, energy)))
    }
}

fn object(line: &[u8]) -> Result<Map<String, Value>, RowError> {
    let text = std::str::from_utf8(line).map_err(|_| RowError::NotUtf8)?;
    serde_json::from_str(text).map_err(|error| {
        // It counts lines in the line.
        let (said, behind) = (error.to_string(), format!(" at line {} column {}", error.line(), error.column()));
        RowError::Json { problem: said.strip_suffix(&behind).unwrap_or(&said).to_owned(), place: error.column() }
    })
}

/// `{"Fe": 2, "O": 3}`.
fn of_amounts(amounts: &Map<String, Value>) -> Result<Composition, RowError> {
    let amount = |(symbol, amount): (&String, &Value)| {
        Ok::<_, RowError>((parse_element(symbol)?, amount.as_f64().unwrap_or(f64::NAN)))
    };
    let pairs = amounts.iter().map(amount).collect::<Result<Vec<_>, _>>()?;
    Ok(Composition::from_amounts(pairs, &Value::Object(amounts.clone()).to_string())?)
}

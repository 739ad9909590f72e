//! One row.

use crate::composition::{Composition, CompositionError, EnergyError, parse_element};
use thiserror::Error;

/// Columns that may name a row, the first that is there.
pub(super) const ID_COLUMNS: [&str; 3] = ["material_id", "immutable_id", "id"];

/// Columns that may hold the composition: a formula, or a list with the element of each site.
pub(super) const COMPOSITION_COLUMNS: [&str; 3] = ["composition", "species_at_sites", "species"];

/// A row of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct TableRow {
    /// Where it begins: the line of a text file, the row of a Parquet file, both from 1.
    pub place: u64,
    /// What it is called; `row 17` where it has no name.
    pub id: String,
    /// Composition and total energy of the cell in eV; `None` where the energy is empty.
    pub content: Result<Option<(Composition, f64)>, RowError>,
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum RowError {
    /// The composition is none.
    #[error(transparent)]
    Composition(#[from] CompositionError),
    /// No composition is there, or a list that has a gap.
    #[error("the column `{column}` holds no composition")]
    NoComposition {
        /// The column.
        column: String,
    },
    /// A row of another length than the heading.
    #[error("the row has {n_fields} fields, the heading {n_headings}")]
    Ragged {
        /// Fields of the row.
        n_fields: usize,
        /// Fields of the heading.
        n_headings: usize,
    },
    /// Bytes that are no text.
    #[error("the row is not UTF-8")]
    NotUtf8,
    /// A line that is no JSON object.
    #[error("the row is no JSON object: {problem}, character {place}")]
    Json {
        /// What is wrong.
        problem: String,
        /// Where, in bytes.
        place: usize,
    },
    /// The energy is no number, or not finite.
    #[error("the energy `{text}` is not a finite number of eV")]
    Energy {
        /// What stands there.
        text: String,
    },
    /// The energy of an atom is not finite.
    #[error(transparent)]
    EnergyPerAtom(#[from] EnergyError),
}

/// What a row is called: by its number, from 1, where there is no name or an empty one.
pub(super) fn name_of_row(name: Option<&str>, number: u64) -> String {
    match name {
        Some(name) if !name.trim().is_empty() => name.to_owned(),
        _ => format!("row {number}"),
    }
}

/// The energy in a field of text; empty means none.
pub(super) fn energy_of_text(text: &str) -> Result<Option<f64>, RowError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<f64>() {
        Ok(energy) => energy_of_number(energy).map(Some),
        Err(_) => Err(RowError::Energy { text: text.into() }),
    }
}

/// An energy that is finite.
pub(super) fn energy_of_number(energy: f64) -> Result<f64, RowError> {
    if energy.is_finite() { Ok(energy) } else { Err(RowError::Energy { text: energy.to_string() }) }
}

/// The composition of a list with an element, or a charged species, for each site.
pub(super) fn composition_of_sites<'s>(
    symbols: impl IntoIterator<Item = &'s str>,
    column: &str,
) -> Result<Composition, RowError> {
    let elements = symbols.into_iter().map(parse_element).collect::<Result<Vec<_>, _>>()?;
    Composition::from_species(elements).ok_or_else(|| RowError::NoComposition { column: column.into() })
}

//! Rows of a table column by column, as Parquet files take them.

use crate::StoreError;
use mlip_atoms::Species;
use serde::{Deserialize, Serialize};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Count,
    Flag,
    Number,
    /// Symbols of elements, one a site.
    Elements,
    /// Numbers, one a site.
    Numbers,
}

/// A column of a Parquet file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// Columns with words; all that are not here nor below hold numbers with a fraction.
const TEXTS: [&str; 12] = [
    "structure_id",
    "path",
    "formula",
    "potential",
    "checkpoint",
    "status",
    "ended",
    "message",
    "decomposition",
    "error",
    "element",
    "class",
];
const COUNTS: [&str; 5] = ["n_atoms", "steps", "evaluations", "space_group", "site"];

impl Column {
    /// A column of a table, known by its name.
    pub(super) fn of_table(name: &str) -> Self {
        let kind = if TEXTS.contains(&name) || name.starts_with("relaxation_ended_") {
            Kind::Text
        } else if COUNTS.contains(&name) || name.ends_with("_n_mlips") {
            Kind::Count
        } else if name == "converged" {
            Kind::Flag
        } else {
            Kind::Number
        };
        Self { name: name.to_owned(), kind }
    }

    /// The unit of its numbers, told by its name.
    pub(super) fn unit(&self) -> Option<&'static str> {
        if !matches!(self.kind, Kind::Number | Kind::Numbers) {
            return None;
        }
        const SUFFIXES: [(&str, &str); 10] = [
            ("_ev_per_atom", "eV/atom"),
            ("_per_atom_ev", "eV/atom"),
            ("_ev_per_a3", "eV/Å^3"),
            ("_ev_per_a", "eV/Å"),
            ("_g_per_cm3", "g/cm^3"),
            ("_a3", "Å^3"),
            ("_mu_b", "μ_B"),
            ("_ev", "eV"),
            ("_a", "Å"),
            ("_deg", "°"),
        ];
        // Those of LeMat-GenBench have no unit in their names; the longer beginnings come first.
        const PREFIXES: [(&str, &str); 10] = [
            ("relaxed_formation_energy_", "eV/atom"),
            ("relaxed_e_above_hull_", "eV/atom"),
            ("relaxation_energy_", "eV"),
            ("relaxation_rmse_", "Å"),
            ("formation_energy_", "eV/atom"),
            ("e_above_hull_", "eV/atom"),
            ("max_force_", "eV/Å"),
            ("stress_", "eV/Å^3"),
            ("relaxation_steps_", ""),
            ("energy_", "eV"),
        ];
        const CELL: [(&str, &str); 15] = [
            ("a", "Å"),
            ("b", "Å"),
            ("c", "Å"),
            ("alpha", "°"),
            ("beta", "°"),
            ("gamma", "°"),
            ("ax", "Å"),
            ("ay", "Å"),
            ("az", "Å"),
            ("bx", "Å"),
            ("by", "Å"),
            ("bz", "Å"),
            ("cx", "Å"),
            ("cy", "Å"),
            ("cz", "Å"),
        ];
        let name = self.name.as_str();
        let named = |(known, _): &&(&str, &str)| *known == name;
        let begins = |(prefix, _): &&(&str, &str)| name.starts_with(prefix);
        let ends = |(suffix, _): &&(&str, &str)| name.ends_with(suffix);
        // `frac_a` is a part of a vector.
        if name.starts_with("frac_") {
            return None;
        }
        let found = CELL.iter().find(named).or_else(|| SUFFIXES.iter().find(ends));
        let found = found.or_else(|| PREFIXES.iter().find(begins));
        found.map(|(_, unit)| *unit).filter(|unit| !unit.is_empty())
    }
}

/// Values of a column, one a row; `None` where there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Cells {
    Text(Vec<Option<String>>),
    Count(Vec<Option<i64>>),
    Flag(Vec<Option<bool>>),
    Number(Vec<Option<f64>>),
    /// Atomic numbers.
    Elements(Vec<Option<Vec<u8>>>),
    Numbers(Vec<Option<Vec<f64>>>),
}

impl Cells {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(Vec::new()),
            Kind::Count => Self::Count(Vec::new()),
            Kind::Flag => Self::Flag(Vec::new()),
            Kind::Number => Self::Number(Vec::new()),
            Kind::Elements => Self::Elements(Vec::new()),
            Kind::Numbers => Self::Numbers(Vec::new()),
        }
    }

    fn append(&mut self, more: Self) -> bool {
        match (self, more) {
            (Self::Text(cells), Self::Text(more)) => cells.extend(more),
            (Self::Count(cells), Self::Count(more)) => cells.extend(more),
            (Self::Flag(cells), Self::Flag(more)) => cells.extend(more),
            (Self::Number(cells), Self::Number(more)) => cells.extend(more),
            (Self::Elements(cells), Self::Elements(more)) => cells.extend(more),
            (Self::Numbers(cells), Self::Numbers(more)) => cells.extend(more),
            _ => return false,
        }
        true
    }
}

/// Some rows of a table, column by column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ColumnRows {
    pub(super) columns: Vec<Cells>,
    pub(super) n_rows: u64,
    /// Roughly what the values take.
    pub(super) bytes: u64,
}

impl ColumnRows {
    pub(super) fn new(columns: &[Column]) -> Self {
        Self { columns: columns.iter().map(|column| Cells::new(column.kind)).collect(), n_rows: 0, bytes: 0 }
    }

    /// Adds the next field of a row as its table has it; empty ones have no value.
    ///
    /// # Errors
    /// Where the text is not what the column holds.
    pub(super) fn field(&mut self, column: usize, text: &str) -> Result<(), StoreError> {
        let wrong = || StoreError::Source {
            what: "the rows",
            source: format!("`{text}` cannot stand in column {column}, which holds something else").into(),
        };
        let some = (!text.is_empty()).then_some(text);
        self.bytes += 9 + text.len() as u64;
        match self.columns.get_mut(column) {
            Some(Cells::Text(cells)) => cells.push(some.map(str::to_owned)),
            Some(Cells::Count(cells)) => cells.push(some.map(str::parse).transpose().map_err(|_| wrong())?),
            Some(Cells::Flag(cells)) => cells.push(some.map(str::parse).transpose().map_err(|_| wrong())?),
            // The text is the shortest that reads back to the same bits.
            Some(Cells::Number(cells)) => cells.push(some.map(str::parse).transpose().map_err(|_| wrong())?),
            _ => return Err(wrong()),
        }
        Ok(())
    }

    /// Adds the elements of sites.
    pub(super) fn elements(&mut self, column: usize, numbers: &[u8]) {
        self.bytes += 8 + numbers.len() as u64;
        if let Some(Cells::Elements(cells)) = self.columns.get_mut(column) {
            cells.push(Some(numbers.to_vec()));
        }
    }

    /// Adds numbers of sites.
    pub(super) fn numbers(&mut self, column: usize, numbers: Option<Vec<f64>>) {
        self.bytes += 8 + 8 * numbers.as_ref().map_or(0, Vec::len) as u64;
        if let Some(Cells::Numbers(cells)) = self.columns.get_mut(column) {
            cells.push(numbers);
        }
    }

    pub(super) fn end_row(&mut self) {
        self.n_rows += 1;
    }

    /// Adds rows of the same columns.
    ///
    /// # Errors
    /// Where the columns are others.
    pub(super) fn append(&mut self, more: Self) -> Result<(), StoreError> {
        let fits = self.columns.len() == more.columns.len();
        self.n_rows += more.n_rows;
        self.bytes += more.bytes;
        let appended = self.columns.iter_mut().zip(more.columns).all(|(cells, more)| cells.append(more));
        if fits && appended {
            return Ok(());
        }
        Err(StoreError::Source { what: "the rows", source: "their columns are others than those before".into() })
    }
}

/// The symbol of an element.
pub(super) fn symbol(number: u8) -> &'static str {
    Species::from_atomic_number(number).map_or("", Species::symbol)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_known_by_their_names() {
        let of = |name: &str| (Column::of_table(name).kind, Column::of_table(name).unit());
        assert_eq!(of("energy_ev"), (Kind::Number, Some("eV")));
        assert_eq!(of("energy_per_atom_ev"), (Kind::Number, Some("eV/atom")));
        assert_eq!(of("stress_xy_ev_per_a3"), (Kind::Number, Some("eV/Å^3")));
        assert_eq!(of("stress_xy_std"), (Kind::Number, Some("eV/Å^3")));
        assert_eq!(of("e_above_hull_mace"), (Kind::Number, Some("eV/atom")));
        assert_eq!(of("relaxation_steps_mean"), (Kind::Number, None));
        assert_eq!(of("e_above_hull_n_mlips"), (Kind::Count, None));
        assert_eq!(of("relaxation_ended_a"), (Kind::Text, None));
        assert_eq!(of("volume_change"), (Kind::Number, None));
        assert_eq!(of("frac_a"), (Kind::Number, None));
        assert_eq!(of("gamma"), (Kind::Number, Some("°")));
    }

    #[test]
    fn a_field_of_another_kind_is_an_error() {
        let columns = ["n_atoms", "energy_ev"].map(Column::of_table);
        let mut rows = ColumnRows::new(&columns);
        rows.field(0, "").unwrap();
        rows.field(1, "-0.1").unwrap();
        rows.end_row();
        assert_eq!(rows.columns, [Cells::Count(vec![None]), Cells::Number(vec![Some(-0.1)])]);
        assert!(rows.field(0, "two").is_err());
        let mut other = ColumnRows::new(&columns[1..]);
        assert!(other.append(rows).is_err());
    }
}

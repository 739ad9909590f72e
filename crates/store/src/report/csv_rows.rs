//! Rows of a CSV in memory.

use super::columns::{Column, ColumnRows};
use super::row::EntryRow;
use crate::StoreError;
use std::fmt::Write as _;

/// Whether a spreadsheet that opens the table would call a function or a program: ids and paths come from inputs. No
/// number looks like this. Behind an apostrophe it calls nothing. What stands behind apostrophes already gets one more, so
/// that reading gives back what was written.
pub(super) fn calls_something(text: &str) -> bool {
    let text = text.trim_start_matches('\'');
    text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.contains(['(', '|', '!'])
}

/// Rows of one table: comma, `\n`, quotes only where needed.
///
/// Most fields are numbers and need none. Written here, where that is known, rows take a fifth fewer instructions than with
/// a writer that looks at each byte of them.
pub(super) struct Rows {
    csv: Vec<u8>,
    table: String,
    text: String,
    /// The same rows by columns, where that is asked for.
    columns: Option<ColumnRows>,
    /// Fields of the row that is under way, and of those before it.
    n_fields: usize,
    n_before: Option<usize>,
}

impl Rows {
    /// None yet, of the table with this name.
    pub(super) fn new(table: &str) -> Self {
        let (csv, text) = (Vec::new(), String::new());
        Self { csv, table: table.into(), text, columns: None, n_fields: 0, n_before: None }
    }

    /// None yet, of the table with this name and these columns, whose rows are kept by columns as well if that is asked
    /// for.
    pub(super) fn with_columns(table: &str, columns: &[impl AsRef<str>], columnar: bool) -> Self {
        let columns = || columns.iter().map(|name| Column::of_table(name.as_ref())).collect::<Vec<_>>();
        Self { columns: columnar.then(|| ColumnRows::new(&columns())), ..Self::new(table) }
    }

    /// Any text, in quotes where it needs them.
    pub(super) fn text(&mut self, text: &str) -> Result<(), StoreError> {
        self.begin_field(text)?;
        let apostrophe = if calls_something(text) { "'" } else { "" };
        let needs_quotes = memchr::memchr3(b',', b'"', b'\n', text.as_bytes()).is_some() || text.contains('\r');
        if !needs_quotes {
            self.csv.extend_from_slice(apostrophe.as_bytes());
            self.csv.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        self.csv.push(b'"');
        self.csv.extend_from_slice(apostrophe.as_bytes());
        self.csv.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        self.csv.push(b'"');
        Ok(())
    }

    /// A number, which calls nothing and needs no quotes.
    fn number(&mut self, text: &str) -> Result<(), StoreError> {
        self.begin_field(text)?;
        self.csv.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn begin_field(&mut self, text: &str) -> Result<(), StoreError> {
        if let Some(columns) = &mut self.columns {
            columns.field(self.n_fields, text)?;
        }
        if self.n_fields > 0 {
            self.csv.push(b',');
        }
        self.n_fields += 1;
        Ok(())
    }

    pub(super) fn empty(&mut self, fields: usize) -> Result<(), StoreError> {
        (0..fields).try_for_each(|_| self.begin_field(""))
    }

    pub(super) fn count(&mut self, number: impl itoa::Integer) -> Result<(), StoreError> {
        self.number(itoa::Buffer::new().format(number))
    }

    /// A number without an exponent.
    pub(super) fn plain(&mut self, number: f32) -> Result<(), StoreError> {
        self.formatted(format_args!("{number}"))
    }

    /// The shortest text that reads back to the same bits: `-0.0`, `1e-7`, `0.1`. Where two are as short and as near, the
    /// one with the even last digit, as Python writes it.
    pub(super) fn float(&mut self, number: f64) -> Result<(), StoreError> {
        // Digits take a good part of the time of tables. Elsewhere the two write exponents differently.
        let size = number.abs();
        if size < 1e-5 || (1e-4..1e16).contains(&size) {
            return self.number(zmij::Buffer::new().format_finite(number));
        }
        self.formatted(format_args!("{number:?}"))
    }

    pub(super) fn optional(&mut self, number: Option<f64>) -> Result<(), StoreError> {
        match number {
            Some(number) => self.float(number),
            None => self.empty(1),
        }
    }

    fn formatted(&mut self, arguments: std::fmt::Arguments<'_>) -> Result<(), StoreError> {
        self.text.clear();
        // Formatting numbers into a string cannot fail.
        let _ = self.text.write_fmt(arguments);
        let text = std::mem::take(&mut self.text);
        let written = self.number(&text);
        self.text = text;
        written
    }

    /// Volume, density and space group of an entry.
    pub(super) fn cell(&mut self, entry: &EntryRow<'_>) -> Result<(), StoreError> {
        let Some(given) = entry.given else { return self.empty(3) };
        self.float(given.volume())?;
        self.float(given.density)?;
        match given.space_group {
            Some(group) => self.count(group.number()),
            None => self.empty(1),
        }
    }

    /// What begins the row of a structure with a potential: id, path, formula, number of atoms, label.
    pub(super) fn head(&mut self, entry: &EntryRow<'_>, formula: &str, label: &str) -> Result<(), StoreError> {
        for text in [entry.id, entry.path, formula] {
            self.text(text)?;
        }
        match entry.n_atoms() {
            Some(n_atoms) => self.count(n_atoms)?,
            None => self.empty(1)?,
        }
        self.text(label)
    }

    pub(super) fn end_row(&mut self) -> Result<(), StoreError> {
        if let Some(columns) = &mut self.columns {
            columns.end_row();
        }
        let n_fields = std::mem::take(&mut self.n_fields);
        // A line with nothing on it is no row.
        if n_fields == 1 && self.csv.last().is_none_or(|byte| *byte == b'\n') {
            self.csv.extend_from_slice(b"\"\"");
        }
        match *self.n_before.get_or_insert(n_fields) {
            expected if expected != n_fields => {
                Err(StoreError::UnequalRows { path: format!("{}.csv", self.table).into(), n_fields, expected })
            }
            _ => {
                self.csv.push(b'\n');
                Ok(())
            }
        }
    }

    /// The text of the rows.
    pub(super) fn finish(self) -> Vec<u8> {
        self.csv
    }

    /// The text of the rows, and the rows by columns.
    pub(super) fn finish_with_columns(self) -> (Vec<u8>, Option<ColumnRows>) {
        (self.csv, self.columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn said(number: f64) -> String {
        let mut rows = Rows::new("numbers");
        rows.float(number).unwrap();
        rows.end_row().unwrap();
        String::from_utf8(rows.finish()).unwrap()
    }

    #[test]
    fn numbers_are_the_shortest_text_that_reads_back() {
        let odd =
            [0.0, -0.0, 1.0, -3.0, 1e-4, 9.999_999e-5, 1e15, 1e16, 123_456_789_012_345_680.0, 1e-300, 1e22, 0.1 + 0.2];
        for number in odd.into_iter().chain([f64::MAX, f64::MIN_POSITIVE, 5e-324, f64::INFINITY, f64::NAN]) {
            assert_eq!(said(number), format!("{number:?}\n"));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn any_number_is_as_short_as_the_standard_library_writes_it_and_reads_back(bits: u64, power in -6..18_i32, part in -1.0..1.0_f64) {
            for number in [f64::from_bits(bits), part * 10f64.powi(power), f64::from(part as f32), (part * 1e6).round() / 1e6] {
                let (ours, theirs) = (said(number), format!("{number:?}\n"));
                // The standard library ends a tie otherwise.
                if ours != theirs {
                    prop_assert_eq!(ours.len(), theirs.len());
                    prop_assert_eq!(ours.trim().parse::<f64>().unwrap().to_bits(), number.to_bits());
                    prop_assert!(ours.trim().ends_with(['0', '2', '4', '6', '8']));
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn rows_are_those_of_the_csv_crate(table in (1..4_usize).prop_flat_map(|width| {
            let field = prop_oneof!["[ab,\"'#;\n\r\t =(]{0,5}", ".{0,3}"];
            prop::collection::vec(prop::collection::vec(field, width), 1..4)
        })) {
            let (mut ours, mut theirs) = (Rows::new("ids"), csv::Writer::from_writer(Vec::new()));
            for row in &table {
                row.iter().try_for_each(|text| ours.text(text)).unwrap();
                ours.end_row().unwrap();
                let safe = |text: &String| if calls_something(text) { format!("'{text}") } else { text.clone() };
                theirs.write_record(row.iter().map(safe)).unwrap();
            }
            let theirs = String::from_utf8(theirs.into_inner().unwrap()).unwrap();
            prop_assert_eq!(String::from_utf8(ours.finish()).unwrap(), theirs);
        }
    }

    #[test]
    fn a_row_of_another_length_is_an_error() {
        let mut rows = Rows::new("ids");
        rows.empty(2).unwrap();
        rows.end_row().unwrap();
        rows.empty(3).unwrap();
        let error = rows.end_row().unwrap_err().to_string();
        assert!(error.contains("`ids.csv`: a row has 3 fields where the rows before it have 2"), "{error}");
    }

    #[test]
    fn no_field_is_a_formula_that_calls_something() {
        let mut rows = Rows::new("energies");
        for text in ["=HYPERLINK(\"http://x\",\"y\")", "@SUM(1)", "-2+cmd|' /C calc'!A0", "=x", "-1", "Fe(OH)2", "+"] {
            rows.text(text).unwrap();
        }
        rows.float(-1.5e-7).unwrap();
        rows.end_row().unwrap();
        let text = String::from_utf8(rows.finish()).unwrap();
        let expected =
            "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\",'@SUM(1),'-2+cmd|' /C calc'!A0,=x,-1,Fe(OH)2,+,-1.5e-7\n";
        assert_eq!(text, expected);
    }
}

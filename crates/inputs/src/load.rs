//! From a locator to a structure.

use crate::Locator;
use crate::locator::Columns;
use mlip_atoms::{Failure, FailureKind, Structure};
use mlip_formats::cif::{CifError, CifOptions, parse_cif};
use mlip_formats::{Format, parse_json, parse_poscar, parse_spin, parse_whole, parse_xyz};
use std::path::Path;

/// Reads and parses one entry; its relative paths start from `folder`. Gives class and sentence of each remark of the
/// reader.
///
/// # Errors
/// When the text cannot be read, or is refused by its reader: a row of `failures.csv`.
pub fn load(
    locator: &Locator,
    folder: &Path,
    options: &CifOptions,
) -> Result<(Structure, Vec<(String, String)>), Failure> {
    let bytes = locator.read(folder)?;
    let format = match locator {
        // No CIF begins like this; `[` only a list of structures, which is refused by name.
        Locator::CsvCell { .. } if matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'[')) => Format::Json,
        _ => locator.format(),
    };
    let parsed = match format {
        Format::Cif => parse_cif(&bytes, options).map_err(as_failure).map(|parsed| {
            let remarks = parsed.warnings.into_iter().map(|warning| (warning.class.to_string(), warning.message));
            (parsed.structure, remarks.collect())
        }),
        Format::Xyz => parse_xyz(&bytes),
        Format::Poscar => parse_poscar(&bytes),
        Format::Json | Format::JsonLines => parse_json(&bytes, options.frame),
    };
    let parsed = parsed.map_err(|failure| {
        let line = failure.line.map(|line| line.saturating_add(locator.first_line() - 1));
        Failure { line, ..failure }
    });
    let (structure, remarks) = parsed?;
    Ok((with_cells(structure, locator, folder)?, remarks))
}

/// With charge and spin of the row of a table; empty cells say nothing.
fn with_cells(structure: Structure, locator: &Locator, folder: &Path) -> Result<Structure, Failure> {
    let Locator::CsvCell { columns: Columns { charge, spin, .. }, .. } = locator else { return Ok(structure) };
    let cell = |column: &Option<u32>, what: &str| -> Result<Option<i32>, Failure> {
        let Some(column) = *column else { return Ok(None) };
        let bytes = locator.read_column(folder, column)?;
        let text = String::from_utf8_lossy(bytes.trim_ascii()).into_owned();
        if text.is_empty() { Ok(None) } else { parse_whole(&text, what).map(Some) }
    };
    let charge = cell(charge, "the column charge")?.or(structure.charge());
    let spin = cell(spin, "the column spin")?.map(parse_spin).transpose()?.or(structure.spin());
    Ok(structure.with_charge(charge).with_spin(spin))
}

fn as_failure(error: CifError) -> Failure {
    let CifError { class, line, message, hint } = error;
    Failure { kind: FailureKind::Cif(class.to_string()), line, message: format!("{message}; {hint}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_file_is_a_failure_with_class_line_cause_and_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.cif");
        std::fs::write(&path, "data_x\n_cell_length_a 1,5\nloop_\n_atom_site_fract_x\n0\n").unwrap();
        let failure = load(&Locator::File { path: "x.cif".into() }, folder.path(), &CifOptions::default()).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Cif("bad_number".into()));
        assert_eq!(failure.line, Some(2));
        assert_eq!(
            failure.message,
            "_cell_length_a is \"1,5\", which is not a finite number; write decimal points, not commas"
        );
    }

    #[test]
    fn columns_of_a_table_give_charge_and_spin() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        let json = r#"{""lattice"": {""matrix"": [[4,0,0],[0,4,0],[0,0,4]]}, ""charge"": 3, ""sites"": [{""species"": [{""element"": ""Na""}], ""abc"": [0,0,0]}]}"#;
        let rows = ["-1,2", ",", "abc,", "0,-1"].map(|cells| format!("\"{json}\",{cells}\n"));
        std::fs::write(&path, format!("structure,Charge,spin\n{}", rows.concat())).unwrap();
        let manifest = crate::enumerate(&[crate::Source::from_path(&path).unwrap()], &Default::default()).unwrap();
        let read = |entry: Result<crate::Entry, _>| {
            load(&entry.unwrap().locator, Path::new(""), &CifOptions::default())
                .map(|(read, _)| (read.charge(), read.spin()))
        };
        let found: Vec<_> = manifest.iter().map(read).collect();
        assert_eq!(found[0], Ok((Some(-1), Some(2))));
        assert_eq!(found[1], Ok((Some(3), None)));
        let message = |at: usize| found[at].clone().unwrap_err().message;
        let expected = "the column charge is \"abc\", which is not a whole number; write a whole number, for example -1, or leave it out";
        assert_eq!(message(2), expected);
        assert!(message(3).contains("the spin is -1, which is no multiplicity"));
    }
}

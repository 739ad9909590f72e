//! From a locator to a structure.

use crate::Locator;
use mlip_atoms::{Failure, FailureKind, Structure};
use mlip_formats::cif::{CifError, CifOptions, parse_cif};
use mlip_formats::{Format, parse_json, parse_poscar, parse_xyz};

/// Reads and parses one entry. Gives class and sentence of each remark of the reader.
///
/// # Errors
/// When the text cannot be read, or is refused by its reader: a row of `failures.csv`.
pub fn load(locator: &Locator, options: &CifOptions) -> Result<(Structure, Vec<(String, String)>), Failure> {
    let bytes = locator.read()?;
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
    parsed.map_err(|failure| {
        let line = failure.line.map(|line| line.saturating_add(locator.first_line() - 1));
        Failure { line, ..failure }
    })
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
        let failure = load(&Locator::File { path }, &CifOptions::default()).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Cif("bad_number".into()));
        assert_eq!(failure.line, Some(2));
        assert_eq!(
            failure.message,
            "_cell_length_a is \"1,5\", which is not a finite number; write decimal points, not commas"
        );
    }
}

//! From a locator to a structure.

use crate::Locator;
use crate::locator::Columns;
use mlip_atoms::{Failure, FailureKind, Frame, Structure};
use mlip_formats::cif::{CifError, CifOptions, Coordinates, parse_cif};
use mlip_formats::{
    Format, Parsed, check_matter, parse_json, parse_poscar, parse_spin, parse_whole, parse_xyz, text_within_json,
};
use std::path::Path;

/// How structures are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoadOptions {
    /// Cartesian axes of cells given by lengths and angles.
    pub frame: Frame,
    /// What becomes of rounded fractional coordinates of CIFs.
    pub coordinates: Coordinates,
    /// Whether atoms on top of each other are a structure.
    pub allow_overlap: bool,
}

/// Reads and parses one entry; its relative paths start from `folder`. Gives class and sentence of each remark of the
/// reader.
///
/// # Errors
/// When the text cannot be read, or is refused by its reader: a row of `failures.csv`.
pub fn load(
    locator: &Locator,
    folder: &Path,
    options: &LoadOptions,
) -> Result<(Structure, Vec<(String, String)>), Failure> {
    let bytes = locator.read(folder)?;
    let format = match locator {
        // No CIF begins like this; `[` only a list of structures, which is refused by name.
        Locator::CsvCell { .. } if matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'[')) => Format::Json,
        _ => locator.format(),
    };
    let parsed = parse(&bytes, format, options, 0);
    let parsed = parsed.and_then(|parsed| check_matter(parsed, options.allow_overlap)).map_err(|failure| {
        if matches!(locator, Locator::CsvCell { .. })
            && let Some(cause) = lost_line_ends(&bytes)
        {
            let remedy = "write the table with real line ends in quoted cells, as pandas and Python's csv do";
            return Failure { message: format!("{cause}; {remedy}"), ..failure };
        }
        let line = failure.line.map(|line| line.saturating_add(locator.first_line() - 1));
        Failure { line, ..failure }
    });
    let (structure, remarks) = parsed?;
    Ok((with_cells(structure, locator, folder)?, remarks))
}

/// Texts within texts that are looked into.
const DEEPEST: usize = 3;

fn parse(bytes: &[u8], format: Format, options: &LoadOptions, depth: usize) -> Result<Parsed, Failure> {
    match format {
        Format::Cif => parse_cif(bytes, &CifOptions { frame: options.frame, coordinates: options.coordinates })
            .map_err(as_failure)
            .map(|parsed| {
                let remarks = parsed.warnings.into_iter().map(|warning| (warning.class.to_string(), warning.message));
                (parsed.structure, remarks.collect())
            }),
        Format::Xyz => parse_xyz(bytes),
        Format::Poscar => parse_poscar(bytes),
        Format::Json | Format::JsonLines => parse_json(bytes, options.frame).or_else(|failure| {
            let Some((key, text)) = text_within_json(bytes).filter(|_| depth < DEEPEST) else { return Err(failure) };
            let format = match text.trim_start().starts_with(['{', '[']) {
                true => Format::Json,
                false => Format::Cif,
            };
            parse(text.as_bytes(), format, options, depth + 1).map_err(|Failure { kind, line, message }| {
                let line = line.map_or_else(String::new, |line| format!(", line {line}"));
                Failure { kind, line: Some(1), message: format!("in the text under {key:?}{line}: {message}") }
            })
        }),
    }
}

/// What became of the line ends of a text of one line that should have several.
fn lost_line_ends(text: &[u8]) -> Option<&'static str> {
    let text = text.trim_ascii();
    let holds = |words: &[&[u8]]| words.iter().any(|word| memchr::memmem::find(text, word).is_some());
    if text.contains(&b'\n') || text.starts_with(b"{") {
        return None;
    }
    if holds(&[b"\\n_", b"\\nd"]) {
        return Some("the line ends of the text are written as \\n, two characters, so it is one line");
    }
    let is_one_comment = text.starts_with(b"#") && holds(&[b" data_", b"\tdata_"]);
    is_one_comment.then_some("the line ends of the text became blanks, so all of it is the comment that it begins with")
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
        let failure =
            load(&Locator::File { path: "x.cif".into() }, folder.path(), &LoadOptions::default()).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Cif("bad_number".into()));
        assert_eq!(failure.line, Some(2));
        assert_eq!(
            failure.message,
            "_cell_length_a is \"1,5\", which is not a finite number; write decimal points, not commas"
        );
    }

    #[test]
    fn a_structure_may_be_a_text_within_json() {
        let folder = tempfile::tempdir().unwrap();
        let json = r#"{"lattice": {"matrix": [[4, 0, 0], [0, 4, 0], [0, 0, 4]]}, "sites": [{"species": [{"element": "Na"}], "abc": [0, 0, 0]}]}"#;
        let cif = "data_x\n_cell_length_a 4\n_cell_length_b 4\n_cell_length_c 4\n_cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\nloop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\nNa 0 0 0\n";
        let text = |text: &str| serde_json::to_string(text).unwrap();
        let lines = [
            format!("{{\"id\": \"a\", \"structure\": {}, \"e\": NaN}}", text(json)),
            format!("{{\"id\": \"b\", \"structure\": {}}}", text(&format!("{{\"structure\": {}}}", text(json)))),
            format!("{{\"id\": \"c\", \"structure\": {}}}", text(cif)),
            format!("{{\"id\": \"d\", \"cif\": {}}}", text(cif)),
            format!("{{\"id\": \"e\", \"cif\": {}}}", text(&cif.replace("Na 0", "Na 1,5"))),
        ];
        std::fs::write(folder.path().join("t.jsonl"), lines.join("\n")).unwrap();
        let source = crate::Source::from_path(folder.path().to_owned()).unwrap();
        let manifest = crate::enumerate(&[source], &Default::default()).unwrap();
        let read = |entry: Result<crate::Entry, _>| load(&entry.unwrap().locator, Path::new(""), &Default::default());
        let found: Vec<_> = manifest.iter().map(read).collect();
        let expected = parse_json(json.as_bytes(), Frame::default()).unwrap().0;
        assert_eq!(found.len(), 5);
        for one in &found[..4] {
            assert_eq!(one.as_ref().unwrap().0, expected);
        }
        let failure = found[4].as_ref().unwrap_err();
        assert_eq!((failure.kind.to_string().as_str(), failure.line), ("bad_number", Some(5)));
        assert!(failure.message.starts_with("in the text under \"cif\", line 13: "), "{}", failure.message);
    }

    #[test]
    fn lines_that_were_joined_by_letters_and_atoms_on_top_of_each_other_are_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("t.csv"), "id,cif\na,\"# x\\ndata_a\\n_cell_length_a 4\"\n").unwrap();
        std::fs::write(
            folder.path().join("x.xyz"),
            "2\nLattice=\"4 0 0 0 4 0 0 0 4\"\nNa 0 0 0\nCl 4 0 0\n1\nLattice=\"4 0 0 0 4 0 0 0 4\"\nNa 1e300 0 0\n",
        )
        .unwrap();
        let read = |name: &str, allow_overlap| {
            let source = crate::Source::from_path(folder.path().join(name)).unwrap();
            let manifest = crate::enumerate(&[source], &Default::default()).unwrap();
            let options = LoadOptions { allow_overlap, ..LoadOptions::default() };
            let entry = |entry: Result<crate::Entry, _>| load(&entry.unwrap().locator, Path::new(""), &options);
            manifest.iter().map(entry).collect::<Vec<_>>()
        };
        let said = read("t.csv", false).remove(0).unwrap_err().message;
        assert!(said.contains("written as \\n"), "{said}");
        std::fs::write(folder.path().join("b.csv"), "cif\n# written by data_x _cell_length_a 4\n").unwrap();
        let said = read("b.csv", false).remove(0).unwrap_err().message;
        assert!(said.contains("line ends of the text became blanks"), "{said}");
        let kinds: Vec<_> = read("x.xyz", false).into_iter().map(|one| one.unwrap_err().kind.to_string()).collect();
        assert_eq!(kinds, ["overlap", "bad_number"]);
        let allowed = read("x.xyz", true);
        assert!(allowed[0].as_ref().is_ok_and(|(_, remarks)| remarks[0].0 == "overlap") && allowed[1].is_err());
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
            load(&entry.unwrap().locator, Path::new(""), &LoadOptions::default())
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

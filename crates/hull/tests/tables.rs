//! Tables of all kinds say the same, and defects are named.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use mlip_hull::composition::parse_composition;
use mlip_hull::table::{Entry, TableError, TableFormat, TableProvenance, TableReader, TableRow, TableWriter};
use mlip_hull::{Entries, EntriesError};
use parquet::data_type::{ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::file::writer::SerializedFileWriter;
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name)
}

/// The entries that `lemat.parquet` and `formulas.parquet` were written from: id, formula, energy.
fn four_elements() -> Vec<(String, String, f64)> {
    let goldens: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(golden("goldens.json")).unwrap()).unwrap();
    let rows = goldens[1]["entries"].as_array().unwrap().iter();
    rows.map(|row| (row[0].as_str().unwrap().into(), row[1].as_str().unwrap().into(), row[2].as_f64().unwrap()))
        .collect()
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    let file = std::fs::File::create(&path).unwrap();
    if name.ends_with(".gz") {
        // Two members, as appending to an archive leaves them.
        let (head, tail) = text.split_at(text.len() / 2);
        let mut file = file;
        for part in [head, tail] {
            let mut member = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
            member.write_all(part.as_bytes()).unwrap();
            file = member.finish().unwrap();
        }
    } else {
        std::io::BufWriter::new(file).write_all(text.as_bytes()).unwrap();
    }
    path
}

fn rows(path: &Path, energy: &str) -> Vec<TableRow> {
    TableReader::open(path, energy).unwrap().map(Result::unwrap).collect()
}

fn said(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}

#[test]
fn parquet_in_lemats_layout_is_read_as_it_is() {
    let read = rows(&golden("lemat.parquet"), "energy");
    let expected = four_elements();
    assert_eq!(read.len(), expected.len() + 2);
    for (place, (row, (id, formula, energy))) in read.iter().zip(&expected).enumerate() {
        assert_eq!((&row.id, row.place), (id, place as u64 + 1));
        assert_eq!(row.content, Ok(Some((parse_composition(formula).unwrap(), *energy))));
    }
    assert!(read[expected.len()..].iter().all(|row| row.content == Ok(None)));
    let entries = Entries::read(&golden("lemat.parquet"), "energy").unwrap();
    assert_eq!((entries.counts.n_rows, entries.counts.n_without_energy), (expected.len() as u64 + 2, 2));
}

#[test]
fn parquet_of_other_writers_is_read_too() {
    let read = rows(&golden("formulas.parquet"), "energy");
    let expected = four_elements();
    assert_eq!(read.len(), expected.len());
    for (row, (_, formula, energy)) in read.iter().zip(&expected) {
        let (composition, found) = row.content.clone().unwrap().unwrap();
        #[expect(clippy::cast_possible_truncation, reason = "the file is in single precision")]
        let single = *energy as f32;
        assert_eq!((composition, found), (parse_composition(formula).unwrap(), f64::from(single)));
    }
    assert_eq!(read[3].id, "row 4");
}

#[test]
fn csv_and_json_lines_say_the_same_as_parquet() {
    let folder = tempfile::tempdir().unwrap();
    let (mut csv, mut list, mut json) = (
        "material_id,composition,energy\n".to_owned(),
        "immutable_id,energy,species_at_sites\n".to_owned(),
        String::new(),
    );
    for row in rows(&golden("lemat.parquet"), "energy") {
        let id = &row.id;
        let Ok(Some((composition, energy))) = row.content else {
            csv += &format!("{id},Li1,\n");
            list += &format!("{id},,\"['Li']\"\n");
            json += &format!("{{\"id\": \"{id}\", \"composition\": \"Li\", \"energy\": null}}\n\n");
            continue;
        };
        let sites: Vec<String> = composition
            .amounts()
            .iter()
            .flat_map(|(element, n)| (0..*n as usize).map(move |_| format!("'{element}'")))
            .collect();
        csv += &format!("{id},{composition},{energy:?}\n");
        list += &format!("{id},{energy:?},\"[{}]\"\n", sites.join(", "));
        let amounts: Vec<String> =
            composition.amounts().iter().map(|(element, n)| format!("\"{element}\": {n}")).collect();
        let as_list = sites.join(",").replace('\'', "\"");
        json += &match id.len() % 3 {
            0 => format!("{{\"id\": \"{id}\", \"composition\": {{{}}}, \"energy\": {energy:?}}}\n", amounts.join(", ")),
            1 => format!("{{\"id\": \"{id}\", \"composition\": \"{composition}\", \"energy\": {energy:?}}}\n"),
            _ => format!("{{\"id\": \"{id}\", \"species\": [{as_list}], \"energy\": {energy:?}}}\n"),
        };
    }
    let expected: Vec<_> =
        rows(&golden("lemat.parquet"), "energy").into_iter().map(|row| (row.id, row.content)).collect();
    for (name, text) in
        [("a.csv", &csv), ("a.csv.gz", &csv), ("list.csv", &list), ("a.jsonl", &json), ("a.ndjson.gz", &json)]
    {
        let read = rows(&write(folder.path(), name, text), "energy");
        assert_eq!(read.into_iter().map(|row| (row.id, row.content)).collect::<Vec<_>>(), expected, "{name}");
    }
}

#[test]
fn rows_with_a_defect_are_rows_and_no_entries() {
    let folder = tempfile::tempdir().unwrap();
    let csv = "material_id,composition,e\na,Li,-1\nb,Xx2,-1\nc,Li,nan\nd,Li,1 eV\ne,,-1\nf,Xx,\n";
    let csv = write(folder.path(), "a.csv", csv);
    let read = rows(&csv, "e");
    let errors: Vec<String> =
        read.iter().filter_map(|row| row.content.as_ref().err()).map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "`Xx` in the composition `Xx2`, character 1, is no element",
            "the energy `NaN` is not a finite number of eV",
            "the energy `1 eV` is not a finite number of eV",
            "the composition `` holds no atom",
        ]
    );
    assert_eq!(read[5].content, Ok(None));
    let error = Entries::read(&csv, "e").unwrap_err();
    let expected = format!(
        "the table `{}`, line 3 (`b`), is no entry: `Xx` in the composition `Xx2`, character 1, is no element",
        csv.display()
    );
    assert_eq!(said(&error), expected);
    let errors = rows(&golden("defects.parquet"), "energy").into_iter().filter_map(|row| row.content.err());
    let errors: Vec<String> = errors.map(|error| error.to_string()).collect();
    assert_eq!(errors.len(), 4);
    assert!(errors[..3].iter().all(|error| error == "the column `species` holds no composition"), "{errors:?}");
    assert!(said(&Entries::read(&golden("defects.parquet"), "energy").unwrap_err()).contains("row 1 (`row 1`)"));
}

#[test]
fn files_that_are_no_tables_are_named_with_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let fails = |name: &str, text: &str| {
        let path = write(folder.path(), name, text);
        let error = match TableReader::open(&path, "e") {
            Ok(mut rows) => rows.find_map(Result::err).unwrap(),
            Err(error) => error,
        };
        said(&error).replace(&folder.path().display().to_string(), "")
    };
    assert_eq!(
        fails("a.csv", "material_id,composition,energy\n"),
        "the table `/a.csv` has no column `e`; it has `material_id`, `composition`, `energy`"
    );
    assert_eq!(
        fails("b.csv", "id,e\n"),
        "the table `/b.csv` has no column `composition` or `species_at_sites` or `species`; it has `id`, `e`"
    );
    assert!(fails("e.jsonl", "{\"energy\": 1}\n").contains("no column `e`; it has `energy`"));
    assert!(fails("f.csv.gz", "").contains("no column"));
    assert!(fails("g.parquet", "PAR1").starts_with("the Parquet file `/g.parquet` cannot be read: "));
    assert!(fails("h.txt", "").contains("its name should end in"));
    let no_column = TableReader::open(&golden("lemat.parquet"), "e").err().unwrap();
    assert!(
        no_column
            .to_string()
            .ends_with("has no column `e`; it has `immutable_id`, `elements`, `species_at_sites`, `energy`")
    );
    let is_list = TableReader::open(&golden("lemat.parquet"), "elements").err().unwrap();
    assert!(matches!(is_list, TableError::ColumnType { .. }), "{is_list}");
    let is_text = TableReader::open(&golden("lemat.parquet"), "immutable_id").unwrap().next().unwrap();
    assert!(matches!(is_text, Err(TableError::ColumnType { .. })));
    assert!(matches!(TableReader::open(Path::new("nowhere.csv"), "e"), Err(TableError::Io { .. })));
    let empty = write(folder.path(), "i.csv", "composition,e\nLi,\n");
    assert!(matches!(Entries::read(&empty, "e"), Err(EntriesError::NoEnergy { n_rows: 1, .. })));
}

#[test]
fn a_parquet_file_that_was_cut_or_damaged_is_an_error_and_no_panic() {
    let whole = std::fs::read(golden("lemat.parquet")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.parquet");
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        TableReader::open(&path, "energy").map(Iterator::count).unwrap_or(0)
    };
    for end in (0..whole.len()).step_by(97) {
        assert_eq!(read(&whole[..end]), 0);
    }
    for at in (0..whole.len()).step_by(5) {
        let mut damaged = whole.clone();
        damaged[at] ^= if at % 2 == 0 { 0x80 } else { 0x05 };
        assert!(read(&damaged) <= 1000, "byte {at}");
    }
}

#[test]
fn rows_that_are_no_regular_csv_or_json_are_wrong_and_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let csv = b"material_id,composition,e\na,Li,-1\nb,Li\nc,Li,-1,2\nd,Li\xff,-1\ne,Li,-2\n\xfff,Li,-1\n";
    let json = b"[1]\n{\"e\": -1, \"composition\": \"Li\"}\n{\"e\": 1,,}\n{\"e\": -1, \"composition\": \"Li\xff\"}\n{\"e\": -2, \"composition\": \"Li\"}\n";
    let of = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let place = |row: TableRow| match row.content {
            Ok(content) => (row.place, row.id, content.unwrap().1.to_string()),
            Err(error) => (row.place, row.id, error.to_string()),
        };
        let rows: Vec<(u64, String, String)> = rows(&path, "e").into_iter().map(place).collect();
        // No hull without one of its entries.
        assert!(matches!(Entries::read(&path, "e"), Err(EntriesError::Table(TableError::Row { .. }))));
        rows
    };
    let expected = [
        (2, "a", "-1"),
        (3, "b", "the row has 2 fields, the heading 3"),
        (4, "c", "the row has 4 fields, the heading 3"),
        (5, "d", "the row is not UTF-8"),
        (6, "e", "-2"),
        (7, "row 6", "the row is not UTF-8"),
    ];
    assert_eq!(of("a.csv", csv), expected.map(|(place, id, content)| (place, id.to_owned(), content.to_owned())));
    let expected = [
        (1, "row 1", "the row is no JSON object: invalid type: sequence, expected a map, character 0"),
        (2, "row 2", "-1"),
        (3, "row 3", "the row is no JSON object: key must be a string, character 9"),
        (4, "row 4", "the row is not UTF-8"),
        (5, "row 5", "-2"),
    ];
    assert_eq!(of("a.jsonl", json), expected.map(|(place, id, content)| (place, id.to_owned(), content.to_owned())));
}

#[test]
fn nothing_comes_after_a_table_that_cannot_be_read_further() {
    let folder = tempfile::tempdir().unwrap();
    let whole =
        std::fs::read(write(folder.path(), "a.csv.gz", &format!("composition,e\n{}", "Li,-1\n".repeat(99)))).unwrap();
    for (name, bytes) in
        [("b.csv.gz", &whole[..whole.len() - 9]), ("c.jsonl.gz", &whole[..1]), ("d.jsonl", b"{\"f\": 1}\n{}\n")]
    {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let mut rows = TableReader::open(&path, "e").unwrap();
        assert!(rows.by_ref().take(200).any(|row| row.is_err()), "{name}");
        assert!(rows.next().is_none(), "{name}");
    }
}

#[test]
fn rows_with_an_empty_name_are_called_by_their_number() {
    let folder = tempfile::tempdir().unwrap();
    let csv = write(folder.path(), "a.csv", "id,composition,e\na,Li,-1\n,Li,-1\n");
    let json = "{\"id\": 7, \"composition\": \"Li\", \"e\": 1}\n{\"id\": null, \"e\": 1}\n{\"id\": \"\", \"e\": 1}\n";
    let json = write(folder.path(), "a.jsonl", json);
    let ids = |path: &Path| rows(path, "e").into_iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(&csv), ["a", "row 2"]);
    assert_eq!(ids(&json), ["7", "row 2", "row 3"]);
}

/// A Parquet file of two rows: names of some type, `Li`, -1 eV.
fn parquet_with_names<T: DataType>(path: &Path, column: &str, names: &[T::T], levels: &[i16]) {
    let schema = format!("message m {{ optional {column}; required binary composition (STRING); required double e; }}");
    let schema = Arc::new(parquet::schema::parser::parse_message_type(&schema).unwrap());
    let mut file = SerializedFileWriter::new(std::fs::File::create(path).unwrap(), schema, Arc::default()).unwrap();
    let mut group = file.next_row_group().unwrap();
    let mut of_names = group.next_column().unwrap().unwrap();
    of_names.typed::<T>().write_batch(names, Some(levels), None).unwrap();
    of_names.close().unwrap();
    let mut compositions = group.next_column().unwrap().unwrap();
    compositions.typed::<ByteArrayType>().write_batch(&["Li".into(), "Li".into()], None, None).unwrap();
    compositions.close().unwrap();
    let mut energies = group.next_column().unwrap().unwrap();
    energies.typed::<DoubleType>().write_batch(&[-1.0, -1.0], None, None).unwrap();
    energies.close().unwrap();
    group.close().unwrap();
    file.close().unwrap();
}

#[test]
fn names_in_parquet_are_texts_or_whole_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let ids = || rows(&path, "e").into_iter().map(|row| row.id).collect::<Vec<_>>();
    parquet_with_names::<Int64Type>(&path, "int64 id", &[1 << 40], &[1, 0]);
    assert_eq!(ids(), ["1099511627776", "row 2"]);
    parquet_with_names::<Int32Type>(&path, "int32 id", &[-7, 8], &[1, 1]);
    assert_eq!(ids(), ["-7", "8"]);
    parquet_with_names::<Int32Type>(&path, "int32 id (INTEGER(32, false))", &[-1, 8], &[1, 1]);
    assert_eq!(ids(), ["4294967295", "8"]);
    parquet_with_names::<ByteArrayType>(&path, "binary id (STRING)", &["".into(), "b".into()], &[1, 1]);
    assert_eq!(ids(), ["row 1", "b"]);
    parquet_with_names::<DoubleType>(&path, "double id", &[1.5, 2.5], &[1, 1]);
    let error = TableReader::open(&path, "e").err().unwrap();
    assert!(error.to_string().contains("the column `id` of") && matches!(error, TableError::ColumnType { .. }));
    parquet_with_names::<Int32Type>(&path, "int32 id (DATE)", &[1, 8], &[1, 1]);
    assert!(matches!(TableReader::open(&path, "e"), Err(TableError::ColumnType { .. })));
}

#[test]
fn a_table_that_was_written_says_the_same_in_all_forms_and_where_it_is_from() {
    let folder = tempfile::tempdir().unwrap();
    let provenance = TableProvenance {
        potential: "mace".into(),
        digest: "ab12".into(),
        runs: vec!["00".into()],
        ..Default::default()
    };
    let entry = |n: u32| Entry {
        material_id: format!("mp-{n}#2"),
        composition: format!("Fe{n} O1"),
        energy_ev: -0.1 - f64::from(n),
        n_atoms: n + 1,
        path: format!("a, \"b\"/{n}.cif"),
    };
    let mut read = Vec::new();
    for name in ["t.csv", "t.csv.gz", "t.parquet"] {
        let path = folder.path().join(name);
        let file = std::fs::File::create(&path).unwrap();
        let mut table = TableWriter::begin(file, TableFormat::of_name(&path).unwrap(), &provenance).unwrap();
        (1..=70_000).for_each(|n| table.write(entry(n)).unwrap());
        table.finish().unwrap();
        assert_eq!(TableReader::open(&path, "energy").unwrap().provenance(), Some(&provenance), "{name}");
        read.push(rows(&path, "energy"));
    }
    let said: Vec<(&str, f64)> =
        read[2].iter().map(|row| (row.id.as_str(), row.content.as_ref().unwrap().as_ref().unwrap().1)).collect();
    assert_eq!(said.len(), 70_000);
    assert_eq!((said[0], said[69_999]), (("mp-1#2", -1.1), ("mp-70000#2", -70_000.1)));
    assert!(read[0] == read[1]);
    assert!(
        read[0].iter().zip(&read[2]).all(|(a, b)| a.id == b.id && a.content == b.content && a.place == b.place + 2)
    );
    assert!(TableFormat::of_name(Path::new("t.jsonl")).unwrap_err().to_string().contains("should end in .csv"));
}

#[test]
fn lines_before_the_heading_are_gone_past_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let text = "# of somebody\n# mlip-batch {\"potential\": \"orb\"}\ncomposition,energy\nFe1,-8\n#Fe2,-16\nFe3,many\n";
    let path = write(folder.path(), "t.csv", text);
    assert_eq!(TableReader::open(&path, "energy").unwrap().provenance().unwrap().potential, "orb");
    let rows = rows(&path, "energy");
    assert!(rows[0].content.is_ok() && rows[1].content.is_err(), "a row is no comment");
    assert_eq!(rows[2].place, 6);
    let path = write(folder.path(), "u.csv", "# mlip-batch {\"digset\": \"ab\"}\ncomposition,energy\nFe1,-8\n");
    let text = said(&TableReader::open(&path, "energy").err().unwrap());
    assert!(text.contains("u.csv` says of its potential") && text.contains("unknown field `digset`"), "{text}");
}

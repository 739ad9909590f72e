//! Energies above the hull, from table to table.

use crate::support::{run, said};
use std::path::Path;

const ENTRIES: &str = "\
material_id,composition,energy
iron,Fe2,-16.5
oxygen,O8,-39.5
hematite,Fe4 O6,-67.0
none,Fe1 O1,
";

const QUERY: &str = "\
material_id,composition,energy
above,Fe2 O3,-33.0
below,Fe1 O1,-14.5
on,Fe8 O12,-134.0
skipped,Fe1,
foreign,Cs1 Fe1,-9.0
wrong,Fe1 Xq2,-9.0
ragged,Fe1
";

fn ask(folder: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    std::fs::write(folder.join("entries.csv"), ENTRIES).unwrap();
    std::fs::write(folder.join("query.csv"), QUERY).unwrap();
    let arguments = ["hull", "--entries", "entries.csv", "--query", "query.csv", "--out", "out.csv"];
    let output = run(&[&arguments[..], more].concat(), folder);
    let table = std::fs::read_to_string(folder.join("out.csv")).unwrap_or_default();
    (output.status.code(), table, said(&output))
}

#[test]
fn rows_are_answered_in_their_order_and_no_loss_is_silent() {
    let folder = tempfile::tempdir().unwrap();
    let (code, table, said) = ask(folder.path(), &[]);
    assert_eq!(code, Some(0), "{said}");
    let rows: Vec<csv::StringRecord> =
        csv::Reader::from_reader(table.as_bytes()).records().map(Result::unwrap).collect();
    let names: Vec<&str> = rows.iter().map(|row| &row[0]).collect();
    assert_eq!(names, ["above", "below", "on", "foreign", "wrong", "ragged"]);
    let number = |row: usize, column: usize| rows[row][column].parse::<f64>().unwrap();
    assert!((number(0, 1) - 0.1).abs() < 1e-12);
    let formation = (-67.0 + 4.0 * 8.25 + 6.0 * 39.5 / 8.0) / 10.0;
    assert!((number(0, 2) - (formation + 0.1)).abs() < 1e-12);
    // At FeO the hull is a mixture of iron and hematite: five atoms of six in hematite.
    let mixture = -8.25 / 6.0 - 6.7 * 5.0 / 6.0;
    assert!((number(1, 1) - (-7.25 - mixture)).abs() < 1e-12, "{table}");
    assert_eq!(&rows[1][3], "0.166666667 Fe (iron) + 0.833333333 Fe2O3 (hematite)");
    assert_eq!((&rows[2][1], &rows[2][3]), ("0.0", "1 Fe2O3 (hematite)"));
    assert_eq!(&rows[3][4], "the hull has no elemental entry for Cs");
    assert_eq!(&rows[4][4], "`Xq` in the composition `Fe1 Xq2`, character 5, is no element");
    assert_eq!(&rows[5][4], "the row has 2 fields, the heading 3");
    assert!(
        said.contains("entries: 3 with an energy (1 more without, left out), 3 of them may lie on a hull"),
        "{said}"
    );
    assert!(
        said.contains("query: 6 rows (1 more without, left out), 3 failed (1 not reached by the hull, 2 not readable)"),
        "{said}"
    );
    assert_eq!(ask(folder.path(), &["--strict"]).0, Some(3));
}

#[test]
fn reference_energies_are_those_that_were_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mu.json"), r#"{"Fe": {"pbe": -8.0}, "Cs": -1.0}"#).unwrap();
    let (code, table, said) = ask(folder.path(), &["--reference", "mu.json"]);
    assert_eq!(code, Some(0), "{said}");
    let rows: Vec<csv::StringRecord> =
        csv::Reader::from_reader(table.as_bytes()).records().map(Result::unwrap).collect();
    assert!(!rows[0][1].is_empty() && rows[0][2].is_empty());
    assert_eq!(&rows[0][4], "no reference energy for O");
    assert_eq!((&rows[3][1], &rows[3][2]), ("", "0.0"));
    assert!(said.contains("6 failed (1 not reached by the hull, 2 not readable, 3 without reference energy"), "{said}");
    let (code, table, said) = ask(folder.path(), &["--reference", "genbench"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(table.lines().nth(4).is_some_and(|row| row.starts_with("foreign,,") && !row.starts_with("foreign,,,")));
    assert_eq!(ask(folder.path(), &["--reference", "genbensh"]).0, Some(2));
}

#[test]
fn mistakes_leave_no_table_and_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (code, table, said) = ask(folder.path(), &["--energy", "orb"]);
    assert_eq!((code, table.as_str()), (Some(2), ""));
    assert!(said.contains("no column `orb`; it has `material_id`") && said.contains("hint: --energy"), "{said}");
    std::fs::write(folder.path().join("bad.csv"), "composition,energy\nFe1,-8\nFe1,many\n").unwrap();
    let arguments = ["hull", "--entries", "bad.csv", "--query", "query.csv", "--out", "out.csv"];
    let output = run(&arguments, folder.path());
    assert_eq!(output.status.code(), Some(1));
    let text = crate::support::said(&output);
    assert!(
        text.contains("`bad.csv`, line 3 (`row 2`)") && text.contains("`many`") && text.contains("hint: mend"),
        "{text}"
    );
    let output =
        run(&["hull", "--entries", "entries.csv", "--query", "query.csv", "--out", "query.csv"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(std::fs::read_to_string(folder.path().join("query.csv")).unwrap(), QUERY);
    let arguments =
        ["hull", "--entries", "entries.csv", "--query", "query.csv", "--out", "mu.csv", "--reference", "mu.csv"];
    std::fs::write(folder.path().join("mu.csv"), "Fe,-8\n").unwrap();
    assert_eq!(run(&arguments, folder.path()).status.code(), Some(2));
    assert_eq!(std::fs::read_to_string(folder.path().join("mu.csv")).unwrap(), "Fe,-8\n");
    std::fs::write(folder.path().join("cs.csv"), "composition,energy\nCs1,-1\n").unwrap();
    let output = run(&["hull", "--entries", "entries.csv", "--query", "cs.csv", "--out", "out.csv"], folder.path());
    assert_eq!(output.status.code(), Some(4), "{}", crate::support::said(&output));
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("partial")), "{left:?}");
}

#[test]
fn one_table_may_be_entries_and_query() {
    let folder = tempfile::tempdir().unwrap();
    let mp20 = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/mp20/hull_entries.csv");
    let arguments = [
        "hull",
        "--entries",
        mp20,
        "--query",
        mp20,
        "--energy",
        "uma_energy_ev",
        "--out",
        "uma.csv",
        "--reference",
        "genbench",
    ];
    let output = run(&arguments, folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(output.stdout, b"uma.csv\n");
    let expected = std::fs::read_to_string(mp20.replace("hull_entries", "e_above_hull")).unwrap();
    let table = std::fs::read_to_string(folder.path().join("uma.csv")).unwrap();
    let found: std::collections::HashMap<&str, &str> = table.lines().filter_map(|row| row.split_once(',')).collect();
    let mut n_compared = 0;
    for row in expected.lines().skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        let Ok(expected) = fields[3].parse::<f64>() else { continue };
        let above: f64 = found[fields[0]].split(',').next().unwrap().parse().unwrap();
        assert!((above - expected).abs() < 1e-12, "{row}: {above}");
        n_compared += 1;
    }
    assert!(n_compared > 200);
}

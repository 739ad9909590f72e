//! Runs that older versions of the program began are reported and resumed: `tests/fixtures/runs`.

use crate::support::{TABLES, history, run, said, tables};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const VERSION: &str = "0.1.0";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, to).unwrap();
        }
    }
}

/// A run of the older version and the structures it reads, in a new folder.
fn older(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("cifs")).unwrap();
    for cif in fs::read_to_string(fixtures().join("runs/cifs.txt")).unwrap().lines() {
        let file = format!("{cif}.cif");
        fs::copy(fixtures().join("cifs").join(&file), folder.path().join("cifs").join(&file)).unwrap();
    }
    copy(&fixtures().join("runs").join(VERSION).join(name), &folder.path().join("RUN"));
    folder
}

/// The columns that the older version wrote, of a table that may have more by now.
fn of_columns(wanted: &str, table: &str) -> String {
    let header = |text: &str| csv::Reader::from_reader(text.as_bytes()).headers().unwrap().clone();
    let (wanted, found) = (header(wanted), header(table));
    let column = |name| found.iter().position(|column| column == name).unwrap_or_else(|| panic!("{name} is gone"));
    let columns: Vec<usize> = wanted.iter().map(column).collect();
    if columns.len() == found.len() {
        return table.to_owned();
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(table.as_bytes());
    for row in reader.records() {
        let row = row.unwrap();
        writer.write_record(columns.iter().map(|column| &row[*column])).unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

/// The tables of a run are those that the older version wrote of the same structures.
fn has_the_older_tables(run_dir: &Path) {
    let folder = fixtures().join("runs").join(VERSION).join("finished/report");
    for (name, found) in tables(run_dir) {
        let expected = fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!(of_columns(&expected, &found), expected, "{name}");
    }
    assert!(TABLES.iter().all(|name| folder.join(name).is_file()));
}

/// How far a number that is computed anew may be from that of the older version. CHGNet's kernels changed between the versions,
/// so fresh numbers agree to what single precision rounds, and no further; all that is not computed is the same. Forces and
/// moments are allowed three times the largest difference that was found, with AVX-512, AVX2 (the same bits) and portable
/// kernels: 2.6e-7 eV/Å, 4.7e-7 of a site and 5.4e-7 of a cell. Stresses differed by 6.3e-8 eV/Å³, energies by 5.3e-7 eV/atom.
fn rounding(column: &str, n_atoms: f64) -> f64 {
    match column {
        "energy_ev" | "energy_chgnet" | "energy_mean" => 2e-6 * n_atoms,
        "energy_per_atom_ev" => 2e-6,
        column if column.starts_with("stress_") && !column.ends_with("_std") && column != "stress_n_mlips" => 1e-7,
        "fx_ev_per_a" | "fy_ev_per_a" | "fz_ev_per_a" => 8e-7,
        "max_force_ev_per_a" | "max_force_chgnet" | "max_force_mean" => 8e-7,
        "magmom_mu_b" => 1.4e-6,
        "total_magmom_mu_b" => 1.6e-6,
        _ => 0.0,
    }
}

/// Rows of a table with their text, without the header.
fn rows(table: &str) -> Vec<(csv::StringRecord, String)> {
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let text = |row: &csv::StringRecord| {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(row).unwrap();
        String::from_utf8(writer.into_inner().unwrap()).unwrap()
    };
    reader.records().map(|row| row.unwrap()).map(|row| (row.clone(), text(&row))).collect()
}

/// The tables of a run are those that the older version wrote of the same structures: byte for byte of those with these ids,
/// which it had computed itself, and of others but for [`rounding`].
fn has_nearly_the_older_tables(run_dir: &Path, recorded: &BTreeSet<String>) {
    let folder = fixtures().join("runs").join(VERSION).join("finished/report");
    for (name, found) in tables(run_dir) {
        let expected = fs::read_to_string(folder.join(name)).unwrap();
        let found = of_columns(&expected, &found);
        assert_eq!(found.lines().next(), expected.lines().next(), "{name}");
        let header = csv::Reader::from_reader(expected.as_bytes()).headers().unwrap().clone();
        let n_atoms = header.iter().position(|column| column == "n_atoms");
        let (found, expected) = (rows(&found), rows(&expected));
        assert_eq!(found.len(), expected.len(), "{name}");
        for ((found, found_text), (expected, expected_text)) in found.iter().zip(&expected) {
            if recorded.contains(&expected[0]) {
                assert_eq!(found_text, expected_text, "{name}");
                continue;
            }
            assert_eq!(found.len(), expected.len(), "{name}");
            let n_atoms = n_atoms.map_or(0.0, |place| expected[place].parse().unwrap_or(0.0));
            for ((found, expected), column) in found.iter().zip(expected).zip(&header) {
                let difference = || (found.parse::<f64>().unwrap() - expected.parse::<f64>().unwrap()).abs();
                let is_near = found == expected || difference() <= rounding(column, n_atoms);
                assert!(is_near, "{name}, {column}: {found} instead of {expected}");
            }
        }
    }
}

/// Ids of the structures of which a run has a result.
fn computed(run_dir: &Path) -> BTreeSet<String> {
    let table = fs::read_to_string(run_dir.join("report/energies.csv")).unwrap();
    let header = csv::Reader::from_reader(table.as_bytes()).headers().unwrap().clone();
    let status = header.iter().position(|column| column == "status").unwrap();
    rows(&table).into_iter().filter(|(row, _)| &row[status] == "ok").map(|(row, _)| row[0].to_owned()).collect()
}

#[test]
fn a_finished_run_of_an_older_version_is_reported_byte_for_byte() {
    let folder = older("finished");
    let run_dir = folder.path().join("RUN");
    fs::remove_dir_all(run_dir.join("report")).unwrap();
    let output = run(&["report", "RUN"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    has_the_older_tables(&run_dir);
    let status = String::from_utf8(run(&["status", "RUN"], folder.path()).stdout).unwrap();
    assert!(status.contains("complete") && status.contains("7 done, 0 failed, 0 pending"), "{status}");
}

#[test]
fn a_run_of_an_older_version_goes_on_where_it_was() {
    let folder = older("drained");
    let run_dir = folder.path().join("RUN");
    let before = history(&run_dir).tasks.len();
    assert_eq!(before, 2);
    let output = run(&["report", "RUN"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let recorded = computed(&run_dir);
    assert_eq!(recorded.len(), before);
    let output = run(&["resume", "RUN"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    has_nearly_the_older_tables(&run_dir, &recorded);
    let history = history(&run_dir);
    // Two were recorded under the keys that this version gives them too, and were not computed again.
    assert_eq!(history.tasks.len(), 7);
    history.check();
}

#[test]
fn a_finished_run_of_an_older_version_is_resumed_without_an_evaluation() {
    let folder = older("finished");
    let run_dir = folder.path().join("RUN");
    let output = run(&["resume", "RUN"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    has_the_older_tables(&run_dir);
    assert_eq!(history(&run_dir).tasks.values().filter(|(started, _)| *started == 1).count(), 7);
    history(&run_dir).check();
}

#[test]
fn structures_of_an_older_run_are_read_again_and_missed_where_they_are_gone() {
    let folder = older("finished");
    let run_dir = folder.path().join("RUN");
    let output = run(&["report", "RUN", "--format", "extxyz"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let frames = || {
        let text = fs::read_to_string(run_dir.join("report/structures.extxyz")).unwrap();
        text.lines().filter(|line| line.starts_with("Lattice")).count()
    };
    assert_eq!(frames(), 7);
    assert!(!said(&output).contains("older version"), "{}", said(&output));
    let gone = fs::read_dir(folder.path().join("cifs")).unwrap().map(|file| file.unwrap().path());
    let mut gone: Vec<PathBuf> = gone.filter(|path| !path.to_string_lossy().contains("bad")).collect();
    gone.sort();
    fs::remove_file(&gone[0]).unwrap();
    fs::copy(&gone[2], &gone[1]).unwrap();
    let output = run(&["report", "RUN", "--format", "extxyz"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("2 structures were journaled by an older version"), "{}", said(&output));
    assert_eq!(frames(), 5);
    has_the_older_tables(&run_dir);
}

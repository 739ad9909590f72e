//! Runs that older versions of the program began are reported and resumed: `tests/fixtures/runs`.

use crate::support::{TABLES, history, run, said, tables};
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

/// The tables of a run are those that the older version wrote of the same structures, but for what single precision rounds:
/// kernels of versions differ by that, as those of instruction sets do. Gives how many rows of energies are the same to the
/// last digit.
fn has_nearly_the_older_tables(run_dir: &Path) -> usize {
    let folder = fixtures().join("runs").join(VERSION).join("finished/report");
    let mut n_same = 0;
    for (name, found) in tables(run_dir) {
        let expected = fs::read_to_string(folder.join(name)).unwrap();
        let found = of_columns(&expected, &found);
        assert_eq!(found.lines().count(), expected.lines().count(), "{name}");
        let header = expected.lines().next().unwrap_or_default().split(',').collect::<Vec<_>>();
        for (found, expected) in found.lines().zip(expected.lines()).skip(1) {
            n_same += usize::from(name == "energies.csv" && found == expected);
            if found == expected {
                continue;
            }
            for ((found, expected), column) in found.split(',').zip(expected.split(',')).zip(&header) {
                let rounding = match *column {
                    "energy_per_atom_ev" => 2e-6,
                    column if column.contains("energy") => 2e-5,
                    _ => 1e-4,
                };
                let is_near = || (found.parse::<f64>().unwrap() - expected.parse::<f64>().unwrap()).abs() <= rounding;
                assert!(found == expected || is_near(), "{name}, {column}: {found} instead of {expected}");
            }
        }
    }
    n_same
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
    let output = run(&["resume", "RUN"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(has_nearly_the_older_tables(&run_dir) >= before, "what was computed before stays as it was");
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

//! Whatever the structures come in, the tables are the same.

use crate::support::{crystals, program, rock_salt, run, said, tables};
use mlip_formats::cif::{CifOptions, parse_cif};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

const LJ: [&str; 2] = ["--model", "lennard-jones"];

fn compute(cifs: &str, out: &str, folder: &Path) {
    let output = run(&[&["run", "--cifs", cifs, "--out", out], &LJ[..]].concat(), folder);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

/// The numbers of a run, without the paths.
fn energies(folder: &Path, out: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(folder.join(out).join("report/energies.csv")).unwrap();
    let mut table = csv::Reader::from_reader(text.as_bytes());
    let row = |row: Result<csv::StringRecord, csv::Error>| {
        row.unwrap().iter().enumerate().filter(|(column, _)| *column != 1).map(|(_, cell)| cell.to_owned()).collect()
    };
    table.records().map(row).collect()
}

fn pack(folder: &Path, name: &str) {
    let file = std::fs::File::create(folder.join(name)).unwrap();
    let out: Box<dyn Write> = if name.ends_with("gz") {
        Box::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()))
    } else {
        Box::new(file)
    };
    let mut archive = tar::Builder::new(out);
    let mut names: Vec<_> = std::fs::read_dir(folder.join("cifs")).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    for name in names {
        archive.append_path_with_name(folder.join("cifs").join(&name), Path::new("set").join(&name)).unwrap();
    }
    archive.into_inner().unwrap().flush().unwrap();
}

#[test]
fn archives_give_what_their_folder_gives_and_move_with_their_run() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 6, 2);
    compute("cifs", "A", folder.path());
    let expected = energies(folder.path(), "A");
    for (archive, out) in [("set.tar", "B"), ("set.tar.gz", "C")] {
        pack(folder.path(), archive);
        compute(archive, out, folder.path());
        assert_eq!(energies(folder.path(), out), expected, "{archive}");
    }
    // What was unpacked is all that a resumed run needs, wherever it lies.
    let before = tables(&folder.path().join("C"));
    assert!(before[0].1.contains(",set.tar.gz:set/salt-0003.cif,"), "{}", before[0].1);
    std::fs::rename(folder.path().join("C"), folder.path().join("D")).unwrap();
    std::fs::remove_file(folder.path().join("set.tar.gz")).unwrap();
    for journals in ["D/journal", "D/report"] {
        std::fs::remove_dir_all(folder.path().join(journals)).unwrap();
    }
    let output = run(&["resume", "D"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(tables(&folder.path().join("D")), before);
}

/// The crystal of a CIF as pymatgen writes it.
fn as_dict(cif: &str) -> String {
    let structure = parse_cif(cif.as_bytes(), &CifOptions::default()).unwrap().structure;
    let site = |(species, abc): (_, &[f64; 3])| serde_json::json!({"species": [{"element": format!("{species}"), "occu": 1}], "abc": abc});
    let sites: Vec<_> = structure.species().iter().zip(structure.fractional()).map(site).collect();
    serde_json::json!({"lattice": {"matrix": structure.lattice().vectors()}, "sites": sites}).to_string()
}

#[test]
fn compressed_cifs_and_json_give_the_energies_of_the_cifs() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    ["plain", "packed", "json"].iter().for_each(|name| std::fs::create_dir(at(name)).unwrap());
    let mut table = csv::Writer::from_path(at("table.csv")).unwrap();
    table.write_record(["id", "LeMatStructs"]).unwrap();
    for number in 0..5 {
        let (cif, id) = (rock_salt(number, 1 + number % 2), format!("salt-{number}"));
        std::fs::write(at(&format!("plain/{id}.cif")), &cif).unwrap();
        let file = std::fs::File::create(at(&format!("packed/{id}.cif.gz"))).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        gzip.write_all(cif.as_bytes()).unwrap();
        gzip.finish().unwrap();
        std::fs::write(at(&format!("json/{id}.json")), as_dict(&cif)).unwrap();
        table.write_record([id, as_dict(&cif)]).unwrap();
    }
    table.flush().unwrap();
    compute("plain", "A", folder.path());
    let expected = energies(folder.path(), "A");
    assert!(expected.len() == 5 && expected.iter().all(|row| row.contains(&"ok".to_owned())), "{expected:?}");
    for (cifs, out) in [("packed", "B"), ("json", "C"), ("table.csv", "D")] {
        compute(cifs, out, folder.path());
        assert_eq!(energies(folder.path(), out), expected, "{cifs}");
    }
}

#[test]
fn a_list_may_come_from_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 3, 1);
    let mut child = program()
        .args(["run", "--cifs", "-", "--out", "RUN"])
        .args(LJ)
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"cifs/salt-0002.cif\n# comment\ncifs/salt-0000.cif\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let rows = energies(folder.path(), "RUN");
    assert_eq!(rows.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(), ["salt-0002", "salt-0000"]);
}

#[test]
fn a_broken_archive_leaves_no_run_behind() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.tar.gz"), b"\x1f\x8b no gzip at all").unwrap();
    let output = run(&[&["run", "--cifs", "x.tar.gz"], &LJ[..]].concat(), folder.path());
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("cannot read the archive `x.tar.gz`"), "{}", said(&output));
    assert!(!folder.path().join("RUN").exists());
}

//! Parts of a list, each a run of its own, and the run that is made of them.

use crate::support::{crystals, program, run, said};
use std::path::{Path, PathBuf};
use std::process::Command;

const LJ: [&str; 2] = ["--model", "lennard-jones"];

fn part(folder: &Path, cifs: &str, part: &str, out: &str, more: &[&str]) -> (Option<i32>, String) {
    let output = run(&[&["run", "--cifs", cifs, "--part", part, "--out", out], &LJ[..], more].concat(), folder);
    (output.status.code(), said(&output))
}

fn merge(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(&[&["merge"], arguments].concat(), folder);
    (output.status.code(), said(&output))
}

/// All that is in a report, but for what tells of times and places.
fn report(run_dir: &Path) -> Vec<(String, Vec<u8>)> {
    let names = std::fs::read_dir(run_dir.join("report")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.retain(|name| !["timings", "memory", "run.json"].iter().any(|other| name.starts_with(other)));
    names.sort();
    names.into_iter().map(|name| (name.clone(), std::fs::read(run_dir.join("report").join(name)).unwrap())).collect()
}

#[test]
fn the_parts_of_a_list_make_the_run_over_all_of_it_whatever_it_comes_in() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let cifs = crystals(folder.path(), 9, 2);
    std::fs::write(
        at("all.list"),
        "cifs/salt-0000.cif\ncifs/twin.cif\ncifs/broken.cif\nnowhere.cif\ncifs/salt-0003.cif\ncifs/salt-0003.cif\n",
    )
    .unwrap();
    let file = std::fs::File::create(at("set.tar.gz")).unwrap();
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()));
    archive.append_dir_all("set", &cifs).unwrap();
    archive.into_inner().unwrap().finish().unwrap();
    for (number, cifs) in ["all.list", "cifs", "set.tar.gz"].into_iter().enumerate() {
        let more: &[&str] =
            if number == 1 { &["--relax", "--max-steps", "2", "--csv-zst", "--format", "extxyz,parquet"] } else { &[] };
        let (whole, parts) = (format!("whole-{number}"), format!("parts-{number}"));
        let output = run(&[&["run", "--cifs", cifs, "--out", &whole], &LJ[..], more].concat(), folder.path());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        for k in ["3/4", "1/4", "4/4", "2/4"] {
            let (code, text) = part(folder.path(), cifs, k, &parts, more);
            // Of a part nothing of which can be read this is said as of any run.
            assert!(code == Some(0) || code == Some(4), "{text}");
        }
        let (code, text) = merge(folder.path(), &[&parts]);
        assert_eq!(code, Some(0), "{text}");
        assert!(report(&at(&whole)) == report(&at(&parts)), "{cifs}");
        // It is a run as any other.
        let output = run(&["status", &parts], folder.path());
        assert!(String::from_utf8_lossy(&output.stdout).contains("complete"), "{output:?}");
        let (code, text) = merge(folder.path(), &[&parts]);
        assert!(code == Some(2) && text.contains("holds a run already"), "{text}");
    }
}

#[test]
fn parts_that_are_missing_double_foreign_or_unfinished_are_named_by_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    crystals(folder.path(), 10, 1);
    for k in ["1/5", "2/5", "4/5"] {
        assert_eq!(part(folder.path(), "cifs", k, "R", &[]).0, Some(0));
    }
    let (code, text) = merge(folder.path(), &["R"]);
    assert!(code == Some(1) && text.contains("of 5 parts some are missing: 3,5"), "{text}");
    assert!(text.contains("--array=2,4") && !at("R/run.toml").exists(), "{text}");
    // Another number of parts, another list: refused before anything is computed.
    let (code, text) = part(folder.path(), "cifs", "3/4", "R", &[]);
    assert!(code == Some(2) && text.contains("divided into 5 parts and would be into 4"), "{text}");
    assert!(!at("R/part-00003").exists());
    std::fs::write(at("cifs/zzz.cif"), "").unwrap();
    let (code, text) = part(folder.path(), "cifs", "3/5", "R", &[]);
    assert!(code == Some(2) && text.contains("had 12 entries and has 13"), "{text}");
    let (code, text) = part(folder.path(), "cifs", "1/5", "R", &["--resume"]);
    assert!(code == Some(2) && text.contains("had 12 entries and has 13"), "{text}");
    std::fs::remove_file(at("cifs/zzz.cif")).unwrap();
    for k in ["3/5", "5/5"] {
        assert_eq!(part(folder.path(), "cifs", k, "R", &[]).0, Some(0));
    }
    // As a part that was killed leaves it.
    std::fs::rename(at("R/part-00003/journal"), at("kept")).unwrap();
    let (code, text) = merge(folder.path(), &["R"]);
    assert!(code == Some(1) && text.contains("of 5 parts one is not finished: 3"), "{text}");
    std::fs::rename(at("kept"), at("R/part-00003/journal")).unwrap();
    // Doubled and foreign ones.
    let runs: Vec<PathBuf> = (1..=5).map(|k| format!("R/part-{k:05}").into()).collect();
    let runs: Vec<&str> = runs.iter().map(|path| path.to_str().unwrap()).collect();
    let (code, text) = merge(folder.path(), &[&runs[..], &["R/part-00002", "--out", "X"]].concat());
    assert!(code == Some(1) && text.contains("part 2 is there twice"), "{text}");
    for k in ["1/5", "2/5"] {
        assert_eq!(part(folder.path(), "cifs", k, "other", &["--no-forces"]).0, Some(0));
    }
    let (code, text) = merge(folder.path(), &[runs[0], "other/part-00002", runs[2], runs[3], runs[4], "--out", "X"]);
    assert!(code == Some(1) && text.contains("part 2 in") && text.contains("forces were computed"), "{text}");
    assert_eq!(part(folder.path(), "cifs", "1/2", "halves", &[]).0, Some(0));
    let (code, text) = merge(folder.path(), &[&runs[..], &["halves/part-00001", "--out", "X"]].concat());
    assert!(code == Some(1) && text.contains("part 1 in") && text.contains("5 parts"), "{text}");
    assert_eq!(merge(folder.path(), &[&runs[..], &["--out", "X"]].concat()).0, Some(0));
    assert_eq!(merge(folder.path(), &["cifs"]).0, Some(1));
    assert_eq!(merge(folder.path(), &runs).0, Some(2));
    assert_eq!(part(folder.path(), "cifs", "1/13", "many", &[]).0, Some(2));
}

#[test]
fn a_merge_that_was_stopped_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    crystals(folder.path(), 4, 1);
    for k in ["1/2", "2/2"] {
        assert_eq!(part(folder.path(), "cifs", k, "R", &[]).0, Some(0));
    }
    std::fs::create_dir_all(at("R/journal/0001")).unwrap();
    std::fs::write(at("R/journal/0001/rank-00000.journal"), "half of one").unwrap();
    std::fs::write(at("R/merging"), "").unwrap();
    let (code, text) = merge(folder.path(), &["R"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(!at("R/merging").exists() && at("R/report/energies.csv").exists());
}

/// A task of an array, with the variables that Slurm sets.
fn task(folder: &Path, id: u32, array: (u32, u32, u32), list: &str, parts: Option<u32>) -> (Option<i32>, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (min, max, count) = array;
    let mut command = Command::new("bash");
    command.args([root.join("slurm/array.sbatch").to_str().unwrap(), list, "R"]).args(LJ).current_dir(folder);
    command.env_clear().envs(std::env::vars().filter(|(name, _)| ["PATH", "HOME"].contains(&name.as_str())));
    command.env("MLIP_BATCH", crate::support::PROGRAM).env("MLIP_HOME", root).env("MLIP_LAUNCH", "env");
    if let Some(parts) = parts {
        command.env("MLIP_PARTS", parts.to_string());
    }
    for (name, value) in [("ID", id), ("MIN", min), ("MAX", max), ("COUNT", count)] {
        command.env(format!("SLURM_ARRAY_TASK_{name}"), value.to_string());
    }
    let output = command.env("SLURM_JOB_ID", "9").output().expect("bash starts");
    (output.status.code(), said(&output))
}

fn joined(folder: &Path) -> (Option<i32>, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new("bash");
    let output = command.arg(root.join("slurm/merge.sh")).arg("R").env("MLIP_BATCH", crate::support::PROGRAM);
    let output = output.current_dir(folder).output().expect("bash starts");
    (output.status.code(), said(&output))
}

#[test]
fn an_array_knows_its_parts_and_takes_a_failed_one_again() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 8, 1);
    let task = |id, array, parts| task(folder.path(), id, array, "cifs", parts);
    // Of gaps and single tasks nobody can tell how many parts there are.
    let (code, text) = task(0, (0, 4, 3), None);
    assert!(code == Some(2) && text.contains("range without gaps"), "{text}");
    let (code, text) = task(3, (3, 3, 1), None);
    assert!(code == Some(2) && text.contains("submit the whole array first"), "{text}");
    for id in [1, 2, 3] {
        let (code, text) = task(id, (1, 4, 4), None);
        assert_eq!(code, Some(0), "{text}");
    }
    let (code, text) = joined(folder.path());
    assert!(code == Some(1) && text.contains("one is missing: 4"), "{text}");
    // Another range over the same folder.
    let (code, text) = task(1, (0, 4, 5), None);
    assert!(code == Some(2) && text.contains("tasks 1 to 4") && text.contains("from 0 to 4"), "{text}");
    let (code, text) = task(4, (4, 4, 1), None);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = joined(folder.path());
    assert_eq!(code, Some(0), "{text}");
    let table = crate::support::Table::read(&folder.path().join("R/report/energies.csv"));
    assert_eq!(table.rows.len(), 10);
}

#[test]
fn the_number_of_parts_may_be_said_where_arrays_are_short() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 8, 1);
    for (id, array) in [(3, (2, 3, 2)), (0, (0, 1, 2)), (1, (0, 1, 2)), (2, (2, 2, 1))] {
        let (code, text) = task(folder.path(), id, array, "cifs", Some(4));
        assert_eq!(code, Some(0), "{text}");
    }
    let (code, text) = task(folder.path(), 0, (0, 1, 2), "cifs", Some(5));
    assert!(code == Some(2) && text.contains("MLIP_PARTS is 5"), "{text}");
    assert_eq!(joined(folder.path()).0, Some(0));
    assert!(program().arg("--version").output().is_ok());
}

//! What a run computes and prints does not depend on who computed it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Trial, tables};
use mlip_driver::{End, Resources};
use mlip_store::report::{ReportFormat, WrittenReport};
use std::fs;
use std::path::Path;

fn does_not_depend_on_time(file: &Path) -> bool {
    let name = file.file_name().unwrap().to_str().unwrap();
    // The page and its plot of costs show times and memory of ranks.
    !["memory.csv", "timings.csv", "run.json", "report.html", "cost.svg"].contains(&name)
}

#[test]
fn any_number_of_ranks_writes_the_same_tables() {
    let mut trial = Trial::new(300);
    trial.resources.formats = ReportFormat::ALL.into();
    let folder = tempfile::tempdir().unwrap();
    let solo = folder.path().join("solo");
    let finish = trial.run(1, &solo).unwrap();
    assert_eq!(finish.end, End::Complete);
    let WrittenReport { counts, files, .. } = finish.report.unwrap();
    assert_eq!(counts.entries, 300);
    assert_eq!(counts.unreadable, 23);
    assert_eq!(counts.ok, 2 * 277);
    assert_eq!(counts.pending, 0);
    assert!(files.iter().all(|file| file.is_file()));
    let expected = tables(&solo);
    assert_eq!(expected[0].1.lines().count(), 601);
    for ranks in [2, 3, 5] {
        let run = folder.path().join(ranks.to_string());
        assert_eq!(trial.run(ranks, &run).unwrap().end, End::Complete);
        assert_eq!(tables(&run), expected, "{ranks} ranks");
        for file in files.iter().filter(|file| does_not_depend_on_time(file)) {
            let other = run.join("report").join(file.file_name().unwrap());
            assert!(fs::read(file).unwrap() == fs::read(&other).unwrap(), "{}, {ranks} ranks", other.display());
        }
    }
}

#[test]
fn any_division_of_threads_writes_the_same_tables() {
    let mut trial = Trial::new(120);
    let folder = tempfile::tempdir().unwrap();
    let mut expected = None;
    for (structures, mlips, threads) in [(1, 1, 1), (4, 1, 1), (1, 2, 1), (2, 2, 2)] {
        trial.resources = Resources {
            structure_workers: Some(structures),
            mlip_workers: Some(mlips),
            threads_per_mlip: Some(threads),
            oversubscribe: true,
            ..Resources::default()
        };
        let run = folder.path().join(format!("{structures}-{mlips}-{threads}"));
        trial.run(2, &run).unwrap();
        let found = tables(&run);
        assert_eq!(*expected.get_or_insert(found.clone()), found);
    }
}

#[test]
fn an_empty_list_gives_empty_tables() {
    let folder = tempfile::tempdir().unwrap();
    let finish = Trial::new(0).run(2, folder.path()).unwrap();
    assert_eq!(finish.end, End::Complete);
    assert_eq!(tables(folder.path())[0].1.lines().count(), 1);
}

#[test]
fn a_finished_run_is_resumed_without_a_single_evaluation() {
    let trial = Trial::new(100);
    let folder = tempfile::tempdir().unwrap();
    trial.run(3, folder.path()).unwrap();
    let before = tables(folder.path());
    trial.run(2, folder.path()).unwrap();
    assert_eq!(tables(folder.path()), before);
    for file in mlip_store::Attempts::list(folder.path()).unwrap().files.iter().filter(|file| file.attempt == 2) {
        let mut reader = mlip_store::JournalReader::open(&file.path).unwrap();
        while let Some((frame, _)) = reader.next_frame().unwrap() {
            use mlip_store::Frame::{Finished, Started, Structures};
            // Structures are journaled once a run.
            assert!(!matches!(frame, Started { .. } | Finished(_) | Structures(_)));
        }
        assert!(reader.is_closed());
    }
}

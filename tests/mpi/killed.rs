//! Ranks that agree, that are killed, and that go on in another number.

use crate::job::{
    end, is_pending, kill, launcher_passes_signals_on, machine, processes, start, wait_until, wait_until_gone,
};
use crate::support::{crystals, history, run, said, tables};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Brings a run to its end.
fn finish(ranks: usize, folder: &Path) {
    for _ in 0..3 {
        let begun = folder.join("RUN/run.toml").is_file();
        let arguments: &[&str] = if begun { &["resume", "RUN"] } else { &BEGIN };
        if let Some(code) = end(&mut start(ranks, arguments, folder), folder) {
            assert_eq!(code, 0, "{ranks} ranks: {}", fs::read_to_string(folder.join("said.txt")).unwrap());
            return;
        }
    }
    panic!("mpirun hung three times");
}

fn reference(folder: &Path, n: usize, side: usize) -> Vec<(&'static str, String)> {
    crystals(folder, n, side);
    let output = run(&["run", "--cifs", "cifs", "--model", "lennard-jones", "--out", "REFERENCE"], folder);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    tables(&folder.join("REFERENCE"))
}

const BEGIN: [&str; 7] = ["run", "--cifs", "cifs", "--model", "lennard-jones", "--out", "RUN"];

#[test]
fn any_number_of_ranks_writes_the_same_tables() {
    let _machine = machine();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let expected = reference(&folder, 60, 3);
    for ranks in [1, 2, 3, 64] {
        let _ = fs::remove_dir_all(folder.join("RUN"));
        finish(ranks, &folder);
        assert_eq!(tables(&folder.join("RUN")), expected, "{ranks} ranks");
        let history = history(&folder.join("RUN"));
        history.check();
        assert_eq!(history.journals, history.closed);
        assert_eq!(history.journals % ranks, 0);
    }
}

/// Starts the job and, so long after its ranks are there, kills one of them or all.
fn disturbed(ranks: usize, folder: &Path, after: Duration, all: bool) -> bool {
    let begun = folder.join("RUN/run.toml").is_file();
    let arguments: &[&str] = if begun { &["resume", "RUN"] } else { &BEGIN };
    let mut job = start(ranks, arguments, folder);
    wait_until(&mut job, || processes(folder).iter().filter(|(_, launcher)| !launcher).count() >= ranks);
    std::thread::sleep(after);
    let alive = job.try_wait().unwrap().is_none();
    let mut victims = processes(folder);
    victims.retain(|(_, launcher)| all || !launcher);
    let count = if all { victims.len() } else { 1 };
    let skip = if all { 0 } else { after.as_micros() as usize % victims.len().max(1) };
    victims.iter().skip(skip).take(count).for_each(|(id, _)| kill(*id, "-KILL"));
    end(&mut job, folder);
    wait_until_gone(folder);
    alive
}

#[test]
fn killed_at_any_moment_a_run_goes_on_with_another_number_of_ranks() {
    let _machine = machine();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let expected = reference(&folder, 90, 6);
    let mut alive = 0;
    for round in 0..8u64 {
        if round % 4 == 0 {
            let _ = fs::remove_dir_all(folder.join("RUN"));
        }
        let ranks = [3, 2, 1, 4][round as usize % 4];
        let after = Duration::from_micros(40_000 + 61_357 * (round * 5 % 8));
        alive += usize::from(disturbed(ranks, &folder, after, round % 2 == 1));
        if round % 4 == 3 {
            finish(2, &folder);
            assert_eq!(tables(&folder.join("RUN")), expected);
            history(&folder.join("RUN")).check();
        }
    }
    assert!(alive > 0, "every job ended before it could be killed");
}

#[test]
fn a_signal_to_the_launcher_drains_all_ranks() {
    let _machine = machine();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    // On one worker each, whatever the machine has.
    let expected = reference(&folder, 90, 8);
    let mut job = start(2, &[&BEGIN[..], &["--structure-workers", "1"]].concat(), &folder);
    wait_until(&mut job, || {
        folder.join("RUN/journal").is_dir() && history(&folder.join("RUN")).tasks.values().any(|(_, ended)| *ended > 0)
    });
    // The launcher takes its time to pass a signal on; meanwhile fast ranks would be done.
    let ranks = processes(&folder).into_iter().filter(|(_, launcher)| !launcher).map(|(id, _)| id).collect::<Vec<_>>();
    ranks.iter().for_each(|id| kill(*id, "-STOP"));
    kill(job.id(), "-USR1");
    wait_until(&mut job, || ranks.iter().all(|id| is_pending(*id, 10)));
    let none_came = ranks.iter().all(|id| !is_pending(*id, 10));
    ranks.iter().for_each(|id| kill(*id, "-CONT"));
    let code = end(&mut job, &folder);
    if none_came && !launcher_passes_signals_on(&folder) {
        return eprintln!("skipped: a signal to the launcher (the mpirun of this host passes no signals on)");
    }
    let said = fs::read_to_string(folder.join("said.txt")).unwrap_or_default();
    assert!(matches!(code, Some(75) | None), "code {code:?}: {said}");
    let drained = history(&folder.join("RUN"));
    assert_eq!((drained.journals, drained.closed), (2, 2));
    assert!(drained.tasks.values().all(|(started, ended)| started == ended));
    finish(3, &folder);
    assert_eq!(tables(&folder.join("RUN")), expected);
    history(&folder.join("RUN")).check();
}

#[test]
fn a_finished_run_lets_all_ranks_go_at_once() {
    let _machine = machine();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let expected = reference(&folder, 20, 3);
    finish(2, &folder);
    for ranks in [2, 5] {
        assert_eq!(end(&mut start(ranks, &["resume", "RUN"], &folder), &folder), Some(0));
        let text = fs::read_to_string(folder.join("said.txt")).unwrap();
        assert!(text.contains("there is nothing to compute"), "{text}");
        assert_eq!(tables(&folder.join("RUN")), expected);
        assert!(!folder.join("RUN/journal/0002").exists());
    }
}

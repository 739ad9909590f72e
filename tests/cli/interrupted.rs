//! Runs that are killed, asked to stop, or run out of disk; and go on.

use crate::support::{crystals, history, program, run, said, tables};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const MODEL: [&str; 2] = ["--model", "lennard-jones"];

/// An undisturbed run of the same crystals.
fn reference(folder: &Path) -> Vec<(&'static str, String)> {
    crystals(folder, 60, 6);
    let output = run(&[&["run", "--cifs", "cifs", "--out", "REFERENCE"][..], &MODEL].concat(), folder);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    tables(&folder.join("REFERENCE"))
}

fn start(arguments: &[&str], folder: &Path) -> Child {
    program().args(arguments).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Waits until the journals of a run hold more bytes than a survey alone, or the process is gone.
fn wait_for_results(run_dir: &Path, child: &mut Child) {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(20) && child.try_wait().unwrap().is_none() {
        if run_dir.join("journal").is_dir() && history(run_dir).tasks.values().any(|(_, ended)| *ended > 0) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(name: &str, child: &Child) {
    let status = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

#[test]
fn killed_again_and_again_a_run_ends_with_the_same_tables() {
    let folder = tempfile::tempdir().unwrap();
    let expected = reference(folder.path());
    let run_dir = folder.path().join("RUN");
    let mut first = vec!["run", "--cifs", "cifs", "--out", "RUN", "--structure-workers", "1"];
    first.extend(MODEL);
    let mut killed = 0;
    for round in 0..5u64 {
        let mut child =
            if round == 0 { start(&first, folder.path()) } else { start(&["resume", "RUN"], folder.path()) };
        std::thread::sleep(Duration::from_millis(60 + 45 * round));
        killed += usize::from(child.try_wait().unwrap().is_none());
        signal_if_alive(&mut child);
        child.wait().unwrap();
    }
    assert!(killed > 0, "the run was too fast to be killed");
    if !run_dir.join("run.toml").is_file() {
        start(&first, folder.path()).wait().unwrap();
    }
    let output = run(&["resume", "RUN", "--structure-workers", "3"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(tables(&run_dir), expected);
    history(&run_dir).check();
}

fn signal_if_alive(child: &mut Child) {
    // It may end between question and kill.
    let _ = child.kill();
}

#[test]
fn a_signal_drains_the_run_and_resume_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let expected = reference(folder.path());
    for name in ["TERM", "USR1", "INT"] {
        let run_dir = folder.path().join(name);
        let mut arguments = vec!["run", "--cifs", "cifs", "--out", name, "--structure-workers", "1"];
        arguments.extend(MODEL);
        let mut child = start(&arguments, folder.path());
        wait_for_results(&run_dir, &mut child);
        signal(name, &child);
        assert_eq!(child.wait().unwrap().code(), Some(75), "SIG{name}");
        let drained = history(&run_dir);
        assert_eq!(drained.closed, drained.journals, "a drained journal is closed");
        assert!(drained.tasks.values().all(|(started, ended)| started == ended), "nothing was left in flight");
        let output = run(&["resume", name], folder.path());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        assert_eq!(tables(&run_dir), expected);
        history(&run_dir).check();
    }
}

#[test]
fn a_second_signal_ends_the_process_whatever_it_waits_for() {
    let folder = tempfile::tempdir().unwrap();
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let mut command = program();
        command.args(["run", "--cifs", "-", "--out", name]).args(MODEL).current_dir(folder.path());
        // A list that does not end.
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begin = Instant::now();
        while !folder.path().join(name).join("run.lock").exists() && begin.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(5));
        }
        signal(name, &child);
        signal(name, &child);
        std::thread::sleep(Duration::from_millis(300));
        assert!(child.try_wait().unwrap().is_none(), "two within a second are one request");
        while child.try_wait().unwrap().is_none() && begin.elapsed() < Duration::from_secs(20) {
            signal(name, &child);
            std::thread::sleep(Duration::from_millis(200));
        }
        // It would wait for its list, and this for it.
        let _ = child.kill();
        assert_eq!(child.wait().unwrap().code(), Some(code), "SIG{name}");
    }
}

#[test]
fn a_full_disk_stops_the_run_cleanly_and_resume_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let expected = reference(folder.path());
    let mut command = Command::new("bash");
    let script = "trap '' XFSZ; ulimit -f 60; exec \"$0\" run --cifs cifs --out RUN --model lennard-jones";
    let output = command.args(["-c", script, crate::support::PROGRAM]).current_dir(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("rank-00000.journal"), "{}", said(&output));
    let output = run(&["resume", "RUN"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(tables(&folder.path().join("RUN")), expected);
}

#[test]
fn an_evaluation_over_its_time_is_a_failure_that_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let expected = reference(folder.path());
    let arguments = ["run", "--cifs", "cifs", "--out", "RUN", "--model", "lennard-jones", "--timeout", "0"];
    let output = run(&arguments, folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let run_dir = folder.path().join("RUN");
    assert!(tables(&run_dir)[3].1.contains("timeout"));
    let output = run(&["resume", "RUN", "--timeout", "1000"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(tables(&run_dir)[3].1.contains("timeout"), "a failure is a result");
    let output = run(&["resume", "RUN", "--retry-failed"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(tables(&run_dir), expected);
}

#[test]
fn a_finished_run_that_goes_on_begins_no_attempt_and_writes_its_tables_again() {
    let folder = tempfile::tempdir().unwrap();
    let expected = reference(folder.path());
    let run_dir = folder.path().join("REFERENCE");
    std::fs::remove_file(run_dir.join("report/energies.csv")).unwrap();
    let output = run(&["resume", "REFERENCE", "--format", "extxyz"], folder.path());
    let text = said(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("there is nothing to compute") && !text.contains("attempt 2"), "{text}");
    assert_eq!(tables(&run_dir), expected);
    assert!(run_dir.join("report/structures.extxyz").is_file() && !run_dir.join("journal/0002").exists());
    // Where something is to be computed after all there is an attempt.
    let journal = run_dir.join("journal/0001/rank-00000.journal");
    let bytes = std::fs::read(&journal).unwrap();
    std::fs::write(&journal, &bytes[..bytes.len() / 2]).unwrap();
    let output = run(&["resume", "REFERENCE"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(tables(&run_dir), expected);
    assert!(run_dir.join("journal/0002").is_dir());
}

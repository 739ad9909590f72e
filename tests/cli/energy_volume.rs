//! Energies at several volumes: a calculation that asks several times, killed in its middle.

use crate::support::{crystals, history, program, run, said};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

const TABLES: [&str; 5] = ["energies.csv", "forces.csv", "failures.csv", "energy_volume.csv", "equation_of_state.csv"];

/// With a sync interval of zero every answer is journaled at once.
const CURVES: [&str; 8] =
    ["--model", "lennard-jones", "--calculation", "energy-volume", "--volume-points", "9", "--sync", "0"];

fn tables(run_dir: &Path) -> Vec<String> {
    let read = |name| std::fs::read_to_string(run_dir.join("report").join(name)).unwrap();
    TABLES.iter().map(read).collect()
}

#[test]
fn killed_in_the_middle_of_curves_a_run_asks_for_no_answer_again() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 24, 7);
    let arguments = |out| [&["run", "--cifs", "cifs", "--structure-workers", "1", "--out", out][..], &CURVES].concat();
    let output = run(&arguments("REFERENCE"), folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let expected = tables(&folder.path().join("REFERENCE"));
    assert_eq!(expected[3].lines().count(), 1 + 25 * 9, "{}", expected[3]);

    let run_dir = folder.path().join("RUN");
    let mut killed = 0;
    for round in 0..6u64 {
        let again = run_dir.join("run.toml").is_file();
        let words = if again { vec!["resume", "RUN", "--structure-workers", "1"] } else { arguments("RUN") };
        let mut command = program();
        command.args(words).current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(80 + 50 * round));
        killed += usize::from(child.try_wait().unwrap().is_none());
        // It may end between question and kill.
        let _ = child.kill();
        child.wait().unwrap();
    }
    assert!(killed > 0, "the run was too fast to be killed");
    let output = run(&["resume", "RUN", "--structure-workers", "2"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(tables(&run_dir), expected);
    let history = history(&run_dir);
    history.check();
    // Of one structure at a time, what a kill costs is the evaluation in hand.
    let begun: usize = history.tasks.values().map(|(begun, _)| begun).sum();
    assert!(begun <= 9 * history.tasks.len() + killed, "{begun} evaluations of {} tasks", history.tasks.len());
}

#[test]
fn every_part_of_a_curve_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 3, 2);
    let output = run(&[&["run", "--cifs", "cifs", "--out", "RUN"][..], &CURVES].concat(), folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let states = std::fs::read_to_string(folder.path().join("RUN/report/equation_of_state.csv")).unwrap();
    let header: Vec<&str> = states.lines().next().unwrap().split(',').collect();
    assert!(header.contains(&"bulk_modulus_gpa") && header.contains(&"equilibrium_volume_a3"), "{header:?}");
    assert!(folder.path().join("RUN/report/energy_volume.svg").is_file());
    let output = run(&["resume", "RUN", "--quiet"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

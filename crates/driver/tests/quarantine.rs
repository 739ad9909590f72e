//! A structure on which the process dies does not stop a run for ever.
//!
//! The program starts itself: as a child it runs one attempt with a potential that aborts on one
//! crystal, as the parent it counts deaths and looks at the tables.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Trial, Wrapped, crystal, tables, two_potentials};
use mlip_atoms::Structure;
use mlip_driver::End;
use mlip_ranks::Solo;
use mlip_store::RetryFailed;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// The crystal that kills: `cell-22`.
const POISON: u64 = 22;
const N_ENTRIES: u64 = 40;

fn trial(deadly: bool) -> Trial {
    let mut trial = Trial::new(N_ENTRIES);
    trial.resources.structure_workers = Some(3);
    if deadly {
        let mut potentials = two_potentials();
        let die = |structures: &[&Structure]| {
            // Long enough for others to be in flight when the process dies.
            std::thread::sleep(std::time::Duration::from_millis(2));
            if structures.contains(&&crystal(POISON)) {
                std::process::abort();
            }
        };
        potentials[0] = Arc::new(Wrapped::new(potentials[0].clone()).before(die));
        trial.potentials = potentials;
    }
    trial
}

fn attempt(run_dir: &Path) {
    mlip_driver::name_fatal_signals().expect("handlers");
    let finish = trial(true).life(&mut Solo::new("here".into()), run_dir).expect("the attempt goes well");
    assert_eq!(finish.end, End::Complete);
}

fn main() {
    if let Some(run_dir) = std::env::args().nth(1).filter(|argument| argument.starts_with('/')) {
        return attempt(Path::new(&run_dir));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let run_dir = folder.path().join("RUN");
    std::fs::create_dir(&run_dir).expect("a folder");
    let child = || {
        let program = std::env::current_exe().expect("this program");
        Command::new(program).arg(&run_dir).output().expect("it starts").status.success()
    };
    let survived: Vec<bool> = (0..4).map(|_| child()).collect();
    assert_eq!(survived, [false, false, false, true], "three deaths, the third of them alone, are enough");

    let healthy = folder.path().join("HEALTHY");
    trial(false).run(1, &healthy).expect("a run without poison");
    let (found, expected) = (tables(&run_dir), tables(&healthy));
    let differing: Vec<&str> =
        found[0].1.lines().zip(expected[0].1.lines()).filter(|(a, b)| a != b).map(|(a, _)| a).collect();
    assert_eq!(differing.len(), 1, "{differing:#?}");
    assert!(differing[0].starts_with("s22,cell-22,") && differing[0].contains(",crashed,"), "{}", differing[0]);
    let failures: Vec<&str> = found[3].1.lines().filter(|line| line.contains("crashed")).collect();
    assert_eq!(failures.len(), 1);
    assert!(failures[0].ends_with(",3"), "{}", failures[0]);

    let mut repaired = trial(false);
    repaired.retry = RetryFailed::WorthRetrying;
    repaired.run(2, &run_dir).expect("the repaired potential");
    assert_eq!(tables(&run_dir)[1], expected[1], "--retry-failed forgives");
    eprintln!("quarantine: ok");
}

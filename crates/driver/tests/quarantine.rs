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

/// How the process dies of the crystal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Death {
    None,
    /// By a signal that it brings on itself.
    Abort,
    /// Without a word.
    Kill,
}

fn trial(death: Death) -> Trial {
    let mut trial = Trial::new(N_ENTRIES);
    trial.resources.structure_workers = Some(3);
    if death != Death::None {
        let mut potentials = two_potentials();
        let die = move |structures: &[&Structure]| {
            // Long enough for others to be in flight when the process dies.
            std::thread::sleep(std::time::Duration::from_millis(2));
            if structures.contains(&&crystal(POISON)) {
                if death == Death::Abort {
                    std::process::abort();
                }
                let own = std::process::id().to_string();
                Command::new("kill").args(["-9", &own]).status().expect("a kill");
                std::thread::sleep(std::time::Duration::from_secs(60));
            }
        };
        potentials[0] = Arc::new(Wrapped::new(potentials[0].clone()).before(die));
        trial.potentials = potentials;
    }
    trial
}

fn attempt(run_dir: &Path, death: Death) {
    mlip_driver::name_fatal_signals().expect("handlers");
    let finish = trial(death).life(&mut Solo::new("here".into()), run_dir).expect("the attempt goes well");
    assert_eq!(finish.end, End::Complete);
}

/// Whether each of this number of attempts came to its end.
fn attempts(number: u32, run_dir: &Path, death: &str) -> Vec<bool> {
    std::fs::create_dir_all(run_dir).expect("a folder");
    let child = |_| {
        let program = std::env::current_exe().expect("this program");
        Command::new(program).arg(run_dir).arg(death).output().expect("it starts").status.success()
    };
    (0..number).map(child).collect()
}

/// Rows of the energies that differ from those of a healthy run: that of the poison alone.
fn check_tables(run_dir: &Path, healthy: &Path, attempts: u32) {
    let (found, expected) = (tables(run_dir), tables(healthy));
    let differing: Vec<&str> =
        found[0].1.lines().zip(expected[0].1.lines()).filter(|(a, b)| a != b).map(|(a, _)| a).collect();
    assert_eq!(differing.len(), 1, "{differing:#?}");
    assert!(differing[0].starts_with("s22,cell-22,") && differing[0].contains(",crashed,"), "{}", differing[0]);
    let failures: Vec<&str> = found[3].1.lines().filter(|line| line.contains("crashed")).collect();
    assert_eq!(failures.len(), 1);
    assert!(failures[0].ends_with(&format!(",{attempts}")), "{}", failures[0]);
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(run_dir) = arguments.first().filter(|argument| argument.starts_with('/')) {
        let death = if arguments.get(1).is_some_and(|death| death == "kill") { Death::Kill } else { Death::Abort };
        return attempt(Path::new(run_dir), death);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let run_dir = folder.path().join("RUN");
    let healthy = folder.path().join("HEALTHY");
    trial(Death::None).run(1, &healthy).expect("a run without poison");

    let survived = attempts(4, &run_dir, "abort");
    assert_eq!(survived, [false, false, false, true], "three deaths, the third of them alone, are enough");
    check_tables(&run_dir, &healthy, 3);
    let mut repaired = trial(Death::None);
    repaired.retry = RetryFailed::WorthRetrying;
    repaired.run(2, &run_dir).expect("the repaired potential");
    assert_eq!(tables(&run_dir)[1], tables(&healthy)[1], "--retry-failed forgives");

    // Nobody can tell this from kills that come from outside, so it takes more; but it comes to an end.
    let run_dir = folder.path().join("SILENT");
    let survived = attempts(30, &run_dir, "kill");
    let deaths = survived.iter().take_while(|survived| !**survived).count();
    assert!((21..=26).contains(&deaths) && survived[deaths..].iter().all(|survived| *survived), "{survived:?}");
    check_tables(&run_dir, &healthy, 20);
    let message = std::fs::read_to_string(run_dir.join("report/failures.csv")).expect("failures");
    assert!(message.contains("nothing says why"), "{message}");
    eprintln!("quarantine: ok ({deaths} deaths without a word)");
}

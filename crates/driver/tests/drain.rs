//! A signal ends a run in good order, whatever is in flight.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Trial, Wrapped, tables, two_potentials};
use mlip_atoms::Structure;
use mlip_driver::{End, Signals};
use mlip_store::{Attempts, JournalReader, Ledger, RunId};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Lennard-Jones that takes its time.
fn slow(n_entries: u64, duration: Duration, drain_s: f64) -> Trial {
    let mut trial = Trial::new(n_entries);
    let wait = move |_: &[&Structure]| std::thread::sleep(duration);
    trial.potentials =
        two_potentials().into_iter().map(|inner| Arc::new(Wrapped::new(inner).before(wait)) as _).collect();
    trial.resources.drain_s = drain_s;
    trial
}

/// Runs on two ranks and asks for the end after a while.
fn drained(trial: &Trial, run_dir: &Path) -> mlip_driver::Finish {
    std::thread::scope(|scope| {
        let run = scope.spawn(|| trial.run(2, run_dir).unwrap());
        std::thread::sleep(Duration::from_millis(300));
        trial.signals.ask();
        run.join().unwrap()
    })
}

fn all_closed(run_dir: &Path) -> bool {
    Attempts::list(run_dir).unwrap().files.iter().all(|file| {
        let mut reader = JournalReader::open(&file.path).unwrap();
        while reader.next_frame().unwrap().is_some() {}
        reader.is_closed()
    })
}

#[test]
fn what_is_in_flight_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let mut trial = slow(200, Duration::from_millis(20), 20.0);
    let finish = drained(&trial, folder.path());
    assert_eq!((finish.end, finish.abandoned_threads), (End::Drained, false));
    assert!(all_closed(folder.path()));
    trial.signals = Signals::default();
    trial.potentials = two_potentials();
    trial.run(3, folder.path()).unwrap();
    let undisturbed = tempfile::tempdir().unwrap();
    trial.run(1, undisturbed.path()).unwrap();
    assert_eq!(tables(folder.path()), tables(undisturbed.path()));
}

#[test]
fn a_signal_ends_the_report_and_the_next_attempt_writes_it() {
    for ranks in 1..=3 {
        let folder = tempfile::tempdir().unwrap();
        let mut trial = Trial::new(3000);
        trial.ask_at_report = true;
        let finish = trial.run(ranks, folder.path()).unwrap();
        assert!(finish.end == End::Drained && finish.report.is_none(), "{ranks} ranks: {finish:?}");
        assert!(all_closed(folder.path()));
        assert!(!folder.path().join("report/energies.csv").exists() && !folder.path().join("report/run.json").exists());
        trial.signals = Signals::default();
        trial.ask_at_report = false;
        assert_eq!(trial.run(ranks, folder.path()).unwrap().end, End::Complete);
        let undisturbed = tempfile::tempdir().unwrap();
        trial.run(1, undisturbed.path()).unwrap();
        assert_eq!(tables(folder.path()), tables(undisturbed.path()));
    }
}

#[test]
fn what_takes_too_long_is_left_and_not_held_against_its_structure() {
    let folder = tempfile::tempdir().unwrap();
    let trial = slow(40, Duration::from_secs(6), 0.2);
    let begin = Instant::now();
    let finish = drained(&trial, folder.path());
    assert!(begin.elapsed() < Duration::from_secs(4), "the drain limit is 0.2 s");
    assert_eq!((finish.end, finish.abandoned_threads), (End::Drained, true));
    assert!(all_closed(folder.path()));
    let mut ledger = Ledger::new(folder.path());
    for file in &Attempts::list(folder.path()).unwrap().files {
        ledger.scan(file, RunId::parse(&trial.config().run).unwrap()).unwrap();
    }
    assert!(ledger.journals().iter().all(|journal| journal.n_records == 0));
    // Evaluations were in flight, but no process died.
    let mut resumed = Trial::new(40);
    resumed.resources.max_crashes = 1;
    resumed.run(1, folder.path()).unwrap();
    assert!(!tables(folder.path())[3].1.contains("crashed"));
}

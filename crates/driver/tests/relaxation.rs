//! Relaxations ask one thing after another: whoever evaluates, and however often they are interrupted, they come to the
//! same end.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Trial, tables};
use mlip_calculations::{CalculationConfig, Computed, Details, Ended, Method, Outcome, Relaxation, Relaxed};
use mlip_driver::{End, Signals};
use mlip_store::{Attempts, Frame, JournalReader, TaskKey};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Relaxations of up to 30 steps, whose ways are kept; every evaluation is counted and takes some time.
fn counting(n_entries: u64, count: &Arc<AtomicU64>, duration: Duration) -> Trial {
    let settings = Relaxation {
        optimizer: Method::BfgsLineSearch,
        fmax: 1e-3,
        max_steps: 30,
        trajectory: true,
        ..Relaxation::default()
    };
    Trial::counting(n_entries, CalculationConfig::Relaxation(settings), count, duration)
}

/// All relaxations of a run, from its journals.
fn relaxed(run_dir: &Path) -> BTreeMap<TaskKey, Relaxed> {
    let mut found = BTreeMap::new();
    for file in Attempts::list(run_dir).unwrap().files {
        let mut reader = JournalReader::open(&file.path).unwrap();
        while let Some((frame, _)) = reader.next_frame().unwrap() {
            let Frame::Finished(record) = frame else { continue };
            if let Outcome::Done(Computed { details: Some(Details::Relaxation(relaxed)), .. }) = record.outcome {
                assert!(found.insert(record.key, *relaxed).is_none(), "a relaxation was done twice");
            }
        }
    }
    found
}

/// Tasks of which journals hold answers and no record.
fn n_put_down(run_dir: &Path) -> usize {
    let (mut answered, mut finished) = (BTreeSet::new(), BTreeSet::new());
    for file in Attempts::list(run_dir).unwrap().files {
        let mut reader = JournalReader::open(&file.path).unwrap();
        while let Some((frame, _)) = reader.next_frame().unwrap() {
            match frame {
                Frame::Answered(answers) => answered.insert(answers.key),
                Frame::Finished(record) => finished.insert(record.key),
                _ => continue,
            };
        }
    }
    answered.difference(&finished).count()
}

#[test]
fn a_run_that_drains_within_its_relaxations_goes_on_to_the_same_bits() {
    let undisturbed = tempfile::tempdir().unwrap();
    let whole = Arc::new(AtomicU64::new(0));
    counting(20, &whole, Duration::ZERO).run(1, undisturbed.path()).unwrap();
    let whole = whole.load(Ordering::Relaxed);

    let folder = tempfile::tempdir().unwrap();
    let count = Arc::new(AtomicU64::new(0));
    let mut trial = counting(20, &count, Duration::from_millis(3));
    let finish = std::thread::scope(|scope| {
        let run = scope.spawn(|| trial.run(2, folder.path()).unwrap());
        while count.load(Ordering::Relaxed) < whole / 4 && !run.is_finished() {
            std::thread::sleep(Duration::from_millis(1));
        }
        trial.signals.ask();
        run.join().unwrap()
    });
    assert_eq!(finish.end, End::Drained);
    assert!(count.load(Ordering::Relaxed) < whole, "the run was over before it was asked to end");
    assert!(n_put_down(folder.path()) > 0, "no relaxation was under way");
    trial.signals = Signals::default();
    assert_eq!(trial.run(3, folder.path()).unwrap().end, End::Complete);
    assert_eq!(count.load(Ordering::Relaxed), whole, "an answer was asked for again");
    assert_eq!(tables(folder.path()), tables(undisturbed.path()));
    let expected = relaxed(undisturbed.path());
    assert!(expected.len() > 20 && expected.values().any(|relaxed| relaxed.steps > 3), "{expected:?}");
    assert!(expected.values().all(|relaxed| relaxed.trajectory.len() == relaxed.steps as usize + 1));
    assert_eq!(relaxed(folder.path()), expected);
}

#[test]
fn relaxations_that_a_limit_of_time_ended_are_not_for_other_runs() {
    let folder = tempfile::tempdir().unwrap();
    let count = Arc::new(AtomicU64::new(0));
    let with_limit = |limit_s: Option<f64>, name: &str| {
        let slow = Duration::from_millis(if limit_s.is_some() { 200 } else { 0 });
        let mut trial = counting(1, &count, slow);
        // Nothing is measured beforehand.
        trial.resources.mlip_workers = Some(1);
        trial.resources.cache = Some(folder.path().join("cache"));
        trial.resources.structure_timeout_s = limit_s;
        trial.run(1, &folder.path().join(name)).unwrap();
        relaxed(&folder.path().join(name))
    };
    let ends = |found: &BTreeMap<TaskKey, Relaxed>| found.values().map(|one| one.ended).collect::<Vec<_>>();
    let short = with_limit(Some(0.7), "short");
    // The limit is the structure's: what is left for the second potential may not be enough for one evaluation.
    assert!(ends(&short).contains(&Ended::Timeout), "{short:?}");
    let long = with_limit(None, "long");
    assert!(!ends(&long).contains(&Ended::Timeout), "{long:?}");
    let evaluations = count.load(Ordering::Relaxed);
    assert_eq!(with_limit(None, "again"), long);
    assert_eq!(count.load(Ordering::Relaxed), evaluations, "results were not taken from the cache");
}

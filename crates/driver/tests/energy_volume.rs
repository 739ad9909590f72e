//! A calculation that asks several times can be put down in its middle, and goes on without asking again.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Trial, tables};
use mlip_calculations::{CalculationConfig, EnergyVolume};
use mlip_driver::{End, Signals};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Curves of seven volumes; every evaluation is counted and takes some time.
fn counting(n_entries: u64, count: &Arc<AtomicU64>, duration: Duration) -> Trial {
    let curves = CalculationConfig::EnergyVolume(EnergyVolume::default());
    Trial::counting(n_entries, curves, count, duration)
}

#[test]
fn a_run_that_drains_within_its_curves_goes_on_without_a_second_evaluation() {
    let undisturbed = tempfile::tempdir().unwrap();
    let whole = Arc::new(AtomicU64::new(0));
    counting(60, &whole, Duration::ZERO).run(1, undisturbed.path()).unwrap();
    let whole = whole.load(Ordering::Relaxed);
    assert!(whole > 0 && whole.is_multiple_of(14), "{whole}");

    let folder = tempfile::tempdir().unwrap();
    let count = Arc::new(AtomicU64::new(0));
    let mut trial = counting(60, &count, Duration::from_millis(3));
    let finish = std::thread::scope(|scope| {
        let run = scope.spawn(|| trial.run(2, folder.path()).unwrap());
        std::thread::sleep(Duration::from_millis(250));
        trial.signals.ask();
        run.join().unwrap()
    });
    assert_eq!(finish.end, End::Drained);
    let first = count.load(Ordering::Relaxed);
    assert!(first < whole, "the run was over before it was asked to end");
    trial.signals = Signals::default();
    assert_eq!(trial.run(3, folder.path()).unwrap().end, End::Complete);
    assert_eq!(count.load(Ordering::Relaxed), whole);
    assert_eq!(tables(folder.path()), tables(undisturbed.path()));
}

#[test]
fn the_time_limit_of_a_structure_counts_what_earlier_attempts_spent() {
    let folder = tempfile::tempdir().unwrap();
    let count = Arc::new(AtomicU64::new(0));
    // Each of the two curves takes seven evaluations of 0.1 s; no attempt alone is as long as the limit.
    let mut trial = counting(1, &count, Duration::from_millis(100));
    trial.resources.structure_workers = Some(1);
    trial.resources.structure_timeout_s = Some(0.55);
    // Nothing is measured beforehand.
    trial.resources.mlip_workers = Some(1);
    let mut ends = Vec::new();
    for _ in 0..20 {
        trial.signals = Signals::default();
        let finish = std::thread::scope(|scope| {
            let run = scope.spawn(|| trial.run(1, folder.path()).unwrap());
            std::thread::sleep(Duration::from_millis(400));
            trial.signals.ask();
            run.join().unwrap()
        });
        ends.push(finish.end);
        if finish.end == End::Complete {
            break;
        }
    }
    assert_eq!(ends.last(), Some(&End::Complete), "{ends:?}");
    assert!(ends.len() > 1, "the first attempt was not interrupted");
    let failures = &tables(folder.path())[3];
    assert!(failures.1.contains("timeout"), "{failures:?}");
    assert!(count.load(Ordering::Relaxed) < 14, "the limit was not kept");
}

#[test]
fn curves_do_not_depend_on_ranks_and_workers() {
    let one = tempfile::tempdir().unwrap();
    let count = Arc::new(AtomicU64::new(0));
    let mut trial = counting(40, &count, Duration::ZERO);
    trial.resources.structure_workers = Some(1);
    trial.run(1, one.path()).unwrap();
    for (ranks, structures, mlips) in [(1, 4, 2), (3, 2, 1), (2, 1, 2)] {
        let other = tempfile::tempdir().unwrap();
        trial.resources.structure_workers = Some(structures);
        trial.resources.mlip_workers = Some(mlips);
        trial.run(ranks, other.path()).unwrap();
        assert_eq!(tables(other.path()), tables(one.path()), "{ranks} ranks, {structures} x {mlips} workers");
    }
}

#[test]
fn single_points_and_curves_of_one_structure_are_different_tasks() {
    let folder = tempfile::tempdir().unwrap();
    let single = Trial::new(5);
    single.run(1, folder.path()).unwrap();
    let count = Arc::new(AtomicU64::new(0));
    let curves = counting(5, &count, Duration::ZERO);
    curves.run(1, folder.path()).unwrap();
    assert!(count.load(Ordering::Relaxed) > 0, "results of single points were taken for curves");
    assert!(single.config().physics.changes(&curves.config().physics).unwrap().contains("energy_volume points=7"));
}

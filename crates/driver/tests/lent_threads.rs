//! Threads of workers that have nothing to do any more help with the last evaluations.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Trial, Wrapped, tables, two_potentials};
use mlip_atoms::Structure;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A run on four workers in which one of two structures takes long, of evaluations that are predicted to take `cost`;
/// gives the threads that they had.
fn run(folder: &Path, threads_per_mlip: Option<usize>, cost: f64) -> BTreeSet<usize> {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let threads = seen.clone();
    let look = move |structures: &[&Structure]| {
        if structures[0].n_atoms() == 2 {
            std::thread::sleep(Duration::from_millis(300));
        }
        let n = if rayon::current_thread_index().is_some() { rayon::current_num_threads() } else { 1 };
        threads.lock().unwrap().insert(n);
    };
    let mut trial = Trial::new(2);
    trial.potentials.truncate(0);
    // Both potentials of a structure follow each other: the second of the long one has all threads.
    for inner in two_potentials() {
        trial.potentials.push(Arc::new(Wrapped::new(inner).costing(cost).before(look.clone())));
    }
    trial.resources.structure_workers = Some(4);
    trial.resources.threads_per_mlip = threads_per_mlip;
    trial.resources.parallel_mlips = Some(false);
    trial.run(1, folder).unwrap();
    let seen = seen.lock().unwrap();
    seen.clone()
}

#[test]
fn the_last_evaluations_have_all_threads_unless_their_number_was_asked_for() {
    let (lent, own, short) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let seen = run(lent.path(), None, 10.0);
    assert_eq!(seen.last(), Some(&4), "{seen:?}");
    assert_eq!(run(own.path(), Some(1), 10.0), BTreeSet::from([1]));
    assert_eq!(run(short.path(), None, 1e-4), BTreeSet::from([1]), "not worth waking threads for");
    assert_eq!(tables(lent.path()), tables(own.path()));
}

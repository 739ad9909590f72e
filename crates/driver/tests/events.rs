//! What an attempt says of itself.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Trial, Wrapped, two_potentials};
use mlip_atoms::Structure;
use mlip_driver::{End, Event, Remark};
use std::sync::Arc;
use std::time::Duration;

/// Two potentials that take their time, so that there is progress to see.
fn slow(n_entries: u64) -> Trial {
    let mut trial = Trial::new(n_entries);
    let wait = |_: &[&Structure]| std::thread::sleep(Duration::from_millis(10));
    trial.potentials =
        two_potentials().into_iter().map(|inner| Arc::new(Wrapped::new(inner).before(wait)) as _).collect();
    trial
}

#[test]
fn an_attempt_begins_gives_a_first_result_progresses_and_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let trial = slow(200);
    assert_eq!(trial.run(2, folder.path()).unwrap().end, End::Complete);
    let events = trial.events.lock().unwrap();
    let first = |wanted: fn(&Event) -> bool| events.iter().position(wanted).unwrap_or_else(|| panic!("{events:#?}"));
    let order = [
        first(|event| matches!(event, Event::AttemptBegan { attempt: 1, n_ranks: 2, .. })),
        first(|event| matches!(event, Event::FirstResult { .. })),
        first(|event| matches!(event, Event::Progress(progress) if progress.totals.finished > 0)),
        first(|event| matches!(event, Event::ReportBegan)),
    ];
    assert!(order.is_sorted() && order[3] == events.len() - 1, "{events:#?}");
    let fractions: Vec<f64> = events
        .iter()
        .filter_map(|event| match event {
            Event::Progress(progress) => Some(progress.fraction()),
            _ => None,
        })
        .collect();
    assert!(fractions.is_sorted() && fractions.iter().all(|part| (0.0..=1.0).contains(part)), "{fractions:?}");
}

#[test]
fn memory_is_reported_at_the_end_as_it_is_then() {
    let folder = tempfile::tempdir().unwrap();
    let mut trial = Trial::new(20);
    trial.resources.monitor_memory = true;
    trial.run(3, folder.path()).unwrap();
    let events = trial.events.lock().unwrap();
    let memory = events.iter().rev().find_map(|event| match event {
        Event::Memory(hosts) => Some(hosts.clone()),
        _ => None,
    });
    let memory = memory.unwrap();
    assert_eq!(memory.iter().map(|host| host.n_ranks).sum::<usize>(), 3);
    assert!(memory.iter().all(|host| host.resident_bytes > 1_000_000 && host.largest_bytes > 1_000_000), "{memory:?}");
}

#[test]
fn a_stranger_among_the_journals_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("journal")).unwrap();
    std::fs::write(folder.path().join("journal/notes.txt"), "mine").unwrap();
    let trial = Trial::new(3);
    trial.run(1, folder.path()).unwrap();
    let events = trial.events.lock().unwrap();
    let is_warning = |event: &&Event| match event {
        Event::Remark(Remark { is_warning: true, text, .. }) => text.contains("notes.txt"),
        _ => false,
    };
    assert_eq!(events.iter().filter(is_warning).count(), 1, "{events:#?}");
}

//! Orders and reports without messages, threads or clocks.

use super::Coordinator;
use super::deal::{Known, Policy};
use crate::protocol::{Answer, Order, Report, Tally, ToRead};
use mlip_atoms::{PotentialId, Precision};
use mlip_inputs::{Locator, Manifest};
use mlip_store::{CrashPolicy, RetryFailed, StructureDigest};

fn digest(number: u8) -> StructureDigest {
    StructureDigest([number; 16])
}

fn coordinator(n_entries: u64, workers: &[usize]) -> Coordinator {
    let mut entries = Manifest::default();
    for entry in 0..n_entries {
        entries.push(&format!("s{entry}"), &Locator::File { path: format!("{entry}.cif").into() });
    }
    let id = PotentialId {
        name: "p".into(),
        checkpoint: "none".into(),
        digest: "0".into(),
        precision: Precision::F64,
        settings: String::new(),
    };
    let policy = Policy { retry: RetryFailed::No, crashes: CrashPolicy::default() };
    Coordinator::new(entries, Known::default(), policy, vec![id], "settings".into(), workers)
}

/// Reads and computes as ranks would, at once; the entries that were computed, by rank.
fn obey(coordinator: &mut Coordinator, structure: impl Fn(u64) -> Option<(StructureDigest, f32)>) -> Vec<Vec<u64>> {
    let mut computed = vec![Vec::new(); coordinator.ranks.len()];
    let mut tallies = vec![Tally::default(); coordinator.ranks.len()];
    let mut orders = coordinator.deal().expect("orders");
    while let Some((rank, order)) = orders.pop() {
        let report = match order {
            Order::Read(entries) => {
                let answer = |read: &ToRead| Answer {
                    entry: read.entry,
                    structure: structure(read.entry).map(|(digest, cost)| (digest, vec![cost])),
                };
                Report::Read(entries.iter().map(answer).collect())
            }
            Order::Compute(assignments) => {
                let tally = &mut tallies[rank.index()];
                for assignment in assignments {
                    computed[rank.index()].push(assignment.entry);
                    tally.structures += 1;
                    tally.cost += f64::from(assignment.cost);
                }
                Report::Progress(*tally)
            }
            other => panic!("{other:?}"),
        };
        orders.extend(coordinator.hear(rank, &report).expect("orders"));
        orders.extend(coordinator.deal().expect("orders"));
    }
    assert!(coordinator.is_finished());
    computed
}

#[test]
fn every_structure_is_computed_once_and_failures_never() {
    let mut coordinator = coordinator(200, &[2, 1, 3]);
    let computed = obey(&mut coordinator, |entry| {
        (entry % 10 != 9).then(|| (digest((entry % 180) as u8), 0.01 * (entry % 7) as f32))
    });
    let mut all = computed.concat();
    all.sort_unstable();
    assert_eq!(all.len(), 162, "20 of 200 cannot be read, 18 of the rest equal others");
    all.dedup();
    assert_eq!(all.len(), 162);
    let totals = coordinator.totals();
    assert_eq!((totals.surveyed, totals.unreadable, totals.evaluations), (200, 20, 162));
}

#[test]
fn a_rank_is_never_given_more_than_it_can_begin_when_little_is_left() {
    let mut coordinator = coordinator(6, &[2, 2]);
    let mut reads = coordinator.deal().expect("orders");
    for (rank, order) in std::mem::take(&mut reads) {
        let Order::Read(entries) = order else { panic!("{order:?}") };
        let answers = entries
            .iter()
            .map(|read| Answer { entry: read.entry, structure: Some((digest(read.entry as u8), vec![10.0])) });
        reads.extend(coordinator.hear(rank, &Report::Read(answers.collect())).expect("orders"));
    }
    let mut given = [0; 2];
    for (rank, order) in reads.into_iter().chain(coordinator.deal().expect("orders")) {
        if let Order::Compute(assignments) = order {
            given[rank.index()] += assignments.len();
        }
    }
    assert_eq!(given, [2, 2]);
    assert_eq!(coordinator.planner.remaining(), 2);
    assert!(!coordinator.is_finished());
}

#[test]
fn an_empty_list_is_finished_at_once() {
    let mut coordinator = coordinator(0, &[1]);
    assert!(coordinator.deal().expect("orders").is_empty());
    assert!(coordinator.is_finished());
}

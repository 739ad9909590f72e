//! How many structures ranks with cards have under way.

use super::tests::{coordinator_of, digest_of, seen};
use super::{Coordinator, Known};
use crate::protocol::{Answer, Order, Report, Tally};
use mlip_ranks::Rank;
use std::path::Path;

const WORKERS: usize = 2;

/// Follows orders until there are none; structures that were given to be computed.
fn settle(coordinator: &mut Coordinator, cost: f32) -> u64 {
    let (mut given, mut orders) = (0, coordinator.hand_out().expect("orders"));
    while let Some((rank, order)) = orders.pop() {
        match order {
            Order::Read(entries) => {
                let answer = |entry: u64| Answer { entry, structure: Some(seen(digest_of(entry), &[cost])) };
                let answers = entries.iter().map(|read| answer(read.entry)).collect();
                orders.extend(coordinator.take_in(rank, &Report::Read(answers)).expect("orders"));
            }
            Order::Compute(assignments) => given += assignments.len() as u64,
            other => panic!("{other:?}"),
        }
        orders.extend(coordinator.hand_out().expect("orders"));
    }
    given
}

#[test]
fn a_card_gets_as_many_structures_as_it_wants_whatever_they_cost() {
    // Relaxations of a second each, of which the rank need not have many for its workers.
    let n = 1000;
    let mut coordinator = coordinator_of(n, &[WORKERS], Known::new(Path::new("")), 2.0);
    let mut given = settle(&mut coordinator, 1.0);
    assert!(given <= 2 * WORKERS as u64, "{given}");
    for done in (0..n).step_by(10) {
        let cost = done as f64;
        let tally = Tally { structures: done, cost, wanted: 300, ..Tally::default() };
        coordinator.take_in(Rank::ROOT, &Report::Progress(tally)).expect("orders");
        given += settle(&mut coordinator, 1.0);
        assert_eq!(given - done, 300.min(n - done), "{done} done");
    }
}

#[test]
fn a_rank_that_wants_no_more_gets_no_more() {
    let mut coordinator = coordinator_of(1000, &[WORKERS; 2], Known::new(Path::new("")), 2.0);
    settle(&mut coordinator, 1.0);
    let report = |coordinator: &mut Coordinator, rank: usize, wanted: u32| {
        let tally = Tally { wanted, ..Tally::default() };
        coordinator.take_in(Rank::from_index(rank), &Report::Progress(tally)).expect("orders");
        settle(coordinator, 1.0)
    };
    assert!(report(&mut coordinator, 0, 100) >= 100 - 2 * WORKERS as u64);
    assert_eq!(report(&mut coordinator, 0, 100), 0);
    assert_eq!(report(&mut coordinator, 1, 0), 0);
    assert_eq!(report(&mut coordinator, 0, 120), 20);
}

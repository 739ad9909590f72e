//! How many structures ranks with cards have under way.

use super::tests::{coordinator_of, digest_of, seen};
use super::{Coordinator, Known};
use crate::protocol::{Answer, Order, Report, Tally};
use mlip_ranks::Rank;
use std::path::Path;

const WORKERS: usize = 2;

/// Follows orders until there are none; structures that were given to be computed.
fn follow_all(coordinator: &mut Coordinator, cost: f32) -> u64 {
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
    let mut given = follow_all(&mut coordinator, 1.0);
    assert!(given <= 2 * WORKERS as u64, "{given}");
    for done in (0..n).step_by(10) {
        given += ask(&mut coordinator, 0, done, 300);
        assert_eq!(given - done, 300.min(n - done), "{done} done");
    }
}

/// What is given when a rank has done this many structures, a second each, and its cards want so many under way.
fn ask(coordinator: &mut Coordinator, rank: usize, structures: u64, wanted: u32) -> u64 {
    let tally = Tally { structures, cost: structures as f64, wanted, ..Tally::default() };
    coordinator.take_in(Rank::from_index(rank), &Report::Progress(tally)).expect("orders");
    follow_all(coordinator, 1.0)
}

#[test]
fn a_rank_that_wants_no_more_gets_no_more() {
    let mut coordinator = coordinator_of(1000, &[WORKERS; 2], Known::new(Path::new("")), 2.0);
    follow_all(&mut coordinator, 1.0);
    assert!(ask(&mut coordinator, 0, 0, 100) >= 100 - 2 * WORKERS as u64);
    assert_eq!(ask(&mut coordinator, 0, 0, 100), 0);
    assert_eq!(ask(&mut coordinator, 1, 0, 0), 0);
    assert_eq!(ask(&mut coordinator, 0, 0, 120), 20);
}

#[test]
fn the_first_to_ask_leaves_the_others_their_part_and_who_is_done_first_gets_the_rest() {
    let mut coordinator = coordinator_of(100, &[WORKERS; 4], Known::new(Path::new("")), 2.0);
    let mut given = follow_all(&mut coordinator, 1.0);
    given += (0..4).map(|rank| ask(&mut coordinator, rank, 0, 1000)).sum::<u64>();
    // A seventh of all.
    assert!(coordinator.ranks.iter().all(|rank| rank.structures_out() == 15));
    assert_eq!(given, 60);
    // The last ends one after the other while the others are at their first.
    let mut done = 0;
    while given < 100 {
        done += 1;
        assert!(coordinator.ranks[3].structures_out() > 0, "{done} done, {given} given");
        given += ask(&mut coordinator, 3, done, 1000);
    }
    assert_eq!(coordinator.structures_out, 100 - done);
}

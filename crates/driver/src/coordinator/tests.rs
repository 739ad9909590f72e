//! Orders and reports without messages, threads or clocks.

use super::{Coordinator, Known, Policy};
use crate::protocol::{Answer, Order, Predicted, Report, Seen, Tally, Times, ToRead};
use mlip_atoms::{PotentialId, Precision};
use mlip_inputs::{Locator, Manifest};
use mlip_ranks::Rank;
use mlip_store::journal::Attempts;
use mlip_store::{CrashPolicy, Frame, JournalHeader, JournalWriter, RetryFailed, RunId, StructureDigest, TaskKey};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::path::Path;

fn digest(number: u8) -> StructureDigest {
    StructureDigest([number; 16])
}

pub(super) fn seen(digest: StructureDigest, costs: &[f32]) -> Seen {
    let predicted = costs.iter().map(|cost| Predicted { evaluation: *cost, preparation: 0.0 }).collect();
    Seen { digest, predicted, group: None }
}

pub(super) fn potential() -> PotentialId {
    PotentialId {
        name: "p".into(),
        checkpoint: "none".into(),
        digest: "0".into(),
        precision: Precision::F64,
        settings: String::new(),
    }
}

fn coordinator(n_entries: u64, workers: &[usize]) -> Coordinator {
    coordinator_knowing(n_entries, workers, Known::new(Path::new("")))
}

fn coordinator_knowing(n_entries: u64, workers: &[usize], known: Known) -> Coordinator {
    coordinator_of(n_entries, workers, known, 1.0)
}

pub(super) fn coordinator_of(n_entries: u64, workers: &[usize], known: Known, excess: f64) -> Coordinator {
    let mut entries = Manifest::default();
    for entry in 0..n_entries {
        entries.push(&format!("s{entry}"), &Locator::File { path: format!("{entry}.cif").into() }).unwrap();
    }
    let policy = Policy { retry: RetryFailed::No, crashes: CrashPolicy::default(), longest: usize::MAX, excess };
    Coordinator::new(Path::new(""), entries, known, policy, vec![potential()], "settings".into(), workers)
}

/// Reads and computes as ranks would, at once; the entries that were computed, by rank.
fn follow(coordinator: &mut Coordinator, structure: impl Fn(u64) -> Option<(StructureDigest, f32)>) -> Vec<Vec<u64>> {
    let mut computed = vec![Vec::new(); coordinator.ranks.len()];
    let mut tallies = vec![Tally::default(); coordinator.ranks.len()];
    let mut orders = coordinator.hand_out().expect("orders");
    while let Some((rank, order)) = orders.pop() {
        let report = match order {
            Order::Read(entries) => {
                let answer = |read: &ToRead| Answer {
                    entry: read.entry,
                    structure: structure(read.entry).map(|(digest, cost)| seen(digest, &[cost])),
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
        orders.extend(coordinator.take_in(rank, &report).expect("orders"));
        orders.extend(coordinator.hand_out().expect("orders"));
    }
    assert!(coordinator.is_finished());
    computed
}

#[test]
fn every_structure_is_computed_once_and_failures_never() {
    let mut coordinator = coordinator(200, &[2, 1, 3]);
    let computed = follow(&mut coordinator, |entry| {
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
    let mut reads = coordinator.hand_out().expect("orders");
    for (rank, order) in std::mem::take(&mut reads) {
        let Order::Read(entries) = order else { panic!("{order:?}") };
        let answers = entries
            .iter()
            .map(|read| Answer { entry: read.entry, structure: Some(seen(digest(read.entry as u8), &[10.0])) });
        reads.extend(coordinator.take_in(rank, &Report::Read(answers.collect())).expect("orders"));
    }
    let mut given = [0; 2];
    for (rank, order) in reads.into_iter().chain(coordinator.hand_out().expect("orders")) {
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
    assert!(coordinator.hand_out().expect("orders").is_empty());
    assert!(coordinator.is_finished());
}

#[test]
fn what_was_measured_corrects_the_plan() {
    let mut entries = Manifest::default();
    ["a", "b", "c"].iter().for_each(|id| entries.push(id, &Locator::File { path: (*id).into() }).unwrap());
    let id = |name: &str| {
        let (name, digest) = (name.into(), "0".into());
        PotentialId { name, checkpoint: "none".into(), digest, precision: Precision::F64, settings: String::new() }
    };
    let policy = Policy { retry: RetryFailed::No, crashes: CrashPolicy::default(), longest: usize::MAX, excess: 1.0 };
    let ids = vec![id("fast"), id("slow")];
    let mut coordinator =
        Coordinator::new(Path::new(""), entries, Known::new(Path::new("")), policy, ids, "settings".into(), &[1]);
    // The cheapest of all goes first.
    let costs = [[0.01, 0.01], [10.0, 5.0], [6.0, 8.0]];
    let order = |orders: Vec<(_, Order)>| match orders.into_iter().map(|(_, order)| order).next() {
        Some(Order::Compute(assignments)) => assignments[0].clone(),
        other => panic!("{other:?}"),
    };
    let answer = |entry: u64| Answer { entry, structure: Some(seen(digest(entry as u8), &costs[entry as usize])) };
    assert_eq!(coordinator.hand_out().expect("orders").len(), 1);
    let first = coordinator.take_in(Rank::ROOT, &Report::Read((0..3).map(answer).collect())).expect("orders");
    assert_eq!(order(first).entry, 0);
    assert!((coordinator.cost - 29.02).abs() < 0.001);
    let measured = |seconds: f64| Times { predicted_s: 0.01, measured_s: seconds };
    coordinator.take_in(Rank::ROOT, &Report::Times(vec![measured(0.011), measured(0.012)])).expect("orders");
    assert!((coordinator.cost - 29.02).abs() < 0.001, "too short to tell");
    coordinator.take_in(Rank::ROOT, &Report::Times(vec![measured(0.05), measured(0.2)])).expect("orders");
    assert!((coordinator.cost - (0.02 + 5.0 * 16.0 + 20.0 * 13.0)).abs() < 0.1);
    // Progress stays what it was: what is done was predicted as what is left.
    assert!((coordinator.totals().cost - 29.02).abs() < 0.001);
    let done = Tally { structures: 1, cost: 0.02, ..Tally::default() };
    coordinator.take_in(Rank::ROOT, &Report::Progress(done)).expect("orders");
    assert!((coordinator.totals().cost_done - 0.02).abs() < 1e-3);
    // 10 + 5 was more than 6 + 8; 50 + 100 is less than 30 + 160.
    assert_eq!(order(coordinator.hand_out().expect("orders")).entry, 2);
}

/// Of bytes as digests have them: tables rely on it.
pub(super) fn digest_of(entry: u64) -> StructureDigest {
    let mixed = |number: u64| {
        let z = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        u128::from(z ^ (z >> 31))
    };
    let [low, high] = [0, 1].map(|half| mixed((2 * entry + half + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)));
    StructureDigest((high << 64 | low).to_le_bytes())
}

/// In [0, 1), always the same for an entry.
pub(super) fn random(entry: u64) -> f64 {
    let mut x = (entry + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x ^= x >> 29;
    (x.wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 11) as f64 / (1u64 << 53) as f64
}

/// A run in virtual time; its length, and the length that perfect balance would give.
fn simulate(n_ranks: usize, costs: &[f32], spread: f64) -> (f64, f64) {
    simulate_with(coordinator(costs.len() as u64, &vec![1; n_ranks]), costs, spread)
}

fn simulate_with(coordinator: Coordinator, costs: &[f32], spread: f64) -> (f64, f64) {
    // Predictions are off by as much, either way.
    let real = |entry: u64| f64::from(costs[entry as usize]) * (1.0 + spread * (2.0 * random(entry) - 1.0));
    simulate_times(coordinator, costs, real)
}

/// With the time that each entry is predicted to take, and the time that it takes.
fn simulate_times(mut coordinator: Coordinator, costs: &[f32], real: impl Fn(u64) -> f64) -> (f64, f64) {
    const LATENCY_S: f64 = 0.002;
    let (n, n_ranks) = (costs.len() as u64, coordinator.ranks.len());
    let digest = digest_of;
    let mut events: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let mut queues = vec![VecDeque::new(); n_ranks];
    let mut idle = vec![true; n_ranks];
    let mut tallies = vec![Tally::default(); n_ranks];
    let nanoseconds = |seconds: f64| (seconds * 1e9) as u64;
    let (mut now, mut orders) = (0, coordinator.hand_out().expect("orders"));
    loop {
        while let Some((rank, order)) = orders.pop() {
            match order {
                Order::Read(entries) => {
                    let answer = |read: &ToRead| Answer {
                        entry: read.entry,
                        structure: Some(seen(digest(read.entry), &[costs[read.entry as usize]])),
                    };
                    let report = Report::Read(entries.iter().map(answer).collect());
                    orders.extend(coordinator.take_in(rank, &report).expect("orders"));
                    orders.extend(coordinator.hand_out().expect("orders"));
                }
                Order::Compute(assignments) => {
                    let place = rank.index();
                    queues[place].extend(assignments.into_iter().map(|one| (one.entry, f64::from(one.cost))));
                    if std::mem::take(&mut idle[place]) {
                        let first = queues[place].front().map_or(0.0, |(entry, _)| real(*entry));
                        events.push(Reverse((now + nanoseconds(LATENCY_S + first), place)));
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        let Some(Reverse((at, place))) = events.pop() else { break };
        now = at;
        if let Some((_, cost)) = queues[place].pop_front() {
            tallies[place].structures += 1;
            tallies[place].cost += cost;
        }
        match queues[place].front() {
            Some((entry, _)) => events.push(Reverse((now + nanoseconds(real(*entry)), place))),
            None => idle[place] = true,
        }
        let (rank, report) = (Rank::from_index(place), Report::Progress(tallies[place]));
        orders.extend(coordinator.take_in(rank, &report).expect("orders"));
        orders.extend(coordinator.hand_out().expect("orders"));
    }
    assert!(coordinator.is_finished());
    (now as f64 / 1e9, (0..n).map(real).sum::<f64>() / n_ranks as f64)
}

/// Times of CHGNet as they were recorded on 600 crystals, one core, seconds: of the sorted times every 15th. Between two
/// of them a time is drawn evenly.
pub(super) fn recorded(number: u64) -> f32 {
    const SECONDS: [f32; 41] = [
        0.0002, 0.0004, 0.0006, 0.0008, 0.0011, 0.0014, 0.0016, 0.0017, 0.0019, 0.0024, 0.0028, 0.0032, 0.0034, 0.0036,
        0.0038, 0.004, 0.0045, 0.0048, 0.0051, 0.0056, 0.0062, 0.0069, 0.0079, 0.0087, 0.0096, 0.0111, 0.0121, 0.0145,
        0.0171, 0.0189, 0.024, 0.0292, 0.0327, 0.039, 0.0446, 0.0542, 0.0692, 0.0846, 0.1164, 0.1396, 0.9447,
    ];
    between(&SECONDS, (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f32 / (1u64 << 24) as f32)
}

/// Evaluations of relaxations with CHGNet (FIRE, Frechet, 0.02 eV/Å, at most 500 steps) as they were counted on 100 crystals:
/// every 5th of the sorted numbers.
fn evaluations(number: u64) -> f32 {
    const SORTED: [f32; 21] = [
        4.0, 5.0, 6.0, 9.0, 15.0, 18.0, 20.0, 23.0, 24.0, 25.0, 26.0, 27.0, 30.0, 32.0, 37.0, 47.0, 51.0, 83.0, 120.0,
        275.0, 501.0,
    ];
    between(&SORTED, random(number) as f32).round()
}

/// What stands at a part of the way through a sorted list.
fn between(sorted: &[f32], part: f32) -> f32 {
    let position = part * (sorted.len() - 1) as f32;
    let below = (position as usize).min(sorted.len() - 2);
    sorted[below] + (sorted[below + 1] - sorted[below]) * (position - below as f32)
}

#[test]
fn the_tail_of_a_thousand_ranks_is_short() {
    let costs: Vec<f32> = (0..100_000).map(recorded).collect();
    let (length, ideal) = simulate(1024, &costs, 0.25);
    let tail = (length - ideal) / length;
    assert!(tail < 0.03, "{length:.2} s instead of {ideal:.2} s: {:.1} % longer", 100.0 * tail);
}

/// Nobody knows before how many steps a relaxation takes: all are thought to take as many.
#[test]
fn the_tail_of_relaxations_on_a_thousand_ranks_is_short() {
    let n = 400_000;
    let costs: Vec<f32> = (0..n).map(|number| 80.0 * recorded(number)).collect();
    let real = |number: u64| f64::from(evaluations(number) * recorded(number));
    let coordinator = coordinator_of(n, &vec![1; 1024], Known::new(Path::new("")), 501.0 / 81.0);
    let (length, ideal) = simulate_times(coordinator, &costs, real);
    let longest = (0..n).map(real).fold(0.0, f64::max);
    let tail = (length - ideal) / length;
    eprintln!(
        "{length:.1} s, {ideal:.1} s in perfect balance, the longest takes {longest:.0} s: tail {:.2} %",
        100.0 * tail
    );
    assert!(tail < 0.03, "{length:.2} s instead of {ideal:.2} s: {:.1} % longer", 100.0 * tail);
}

#[test]
fn a_long_list_is_not_read_far_ahead_and_keeps_its_balance() {
    let n = 60_000;
    let mut long = coordinator(n, &[1; 4]);
    let mut orders = long.hand_out().expect("orders");
    let mut most = 0;
    while let Some((rank, order)) = orders.pop() {
        if let Order::Read(entries) = order {
            let answer = |read: &ToRead| {
                let mut bytes = [0; 16];
                bytes[..8].copy_from_slice(&read.entry.to_le_bytes());
                Answer { entry: read.entry, structure: Some(seen(StructureDigest(bytes), &[recorded(read.entry)])) }
            };
            let report = Report::Read(entries.iter().map(answer).collect());
            orders.extend(long.take_in(rank, &report).expect("orders"));
            orders.extend(long.hand_out().expect("orders"));
        }
        most = most.max(long.planner.remaining());
    }
    // Nobody computes, so reading stops.
    assert!((8_000..=8_192).contains(&most), "{most}");
    assert!(long.totals().surveyed < n);

    let costs: Vec<f32> = (0..n).map(recorded).collect();
    let (length, ideal) = simulate(16, &costs, 0.25);
    let tail = (length - ideal) / length;
    assert!(tail < 0.01, "{length:.2} s instead of {ideal:.2} s");
}

#[test]
fn one_of_a_group_pays_for_all() {
    let mut coordinator = coordinator(20, &[1]);
    let mut orders = coordinator.hand_out().expect("orders");
    let (mut paid, mut tally) = (0, Tally::default());
    while let Some((rank, order)) = orders.pop() {
        let report = match order {
            Order::Read(entries) => {
                let predicted = vec![Predicted { evaluation: 0.01, preparation: 0.05 }];
                let answer = |read: &ToRead| {
                    let seen = Seen { digest: digest(read.entry as u8), predicted: predicted.clone(), group: Some(3) };
                    Answer { entry: read.entry, structure: Some(seen) }
                };
                Report::Read(entries.iter().map(answer).collect())
            }
            Order::Compute(assignments) => {
                for assignment in assignments {
                    paid += usize::from(assignment.work[0].predicted.preparation > 0.0);
                    tally.structures += 1;
                    tally.cost += f64::from(assignment.cost);
                }
                Report::Progress(tally)
            }
            other => panic!("{other:?}"),
        };
        orders.extend(coordinator.take_in(rank, &report).expect("orders"));
        orders.extend(coordinator.hand_out().expect("orders"));
    }
    assert_eq!(tally.structures, 20);
    // The first structure is computed while the list is still being read.
    assert!(paid <= 2, "{paid}");
    let totals = coordinator.totals();
    assert!((totals.cost - tally.cost).abs() < 1e-4, "{} {}", totals.cost, tally.cost);
}

/// After this many attempts, each one journal, in which all these tasks were in flight when everything was killed.
fn killed_together(run: &Path, attempts: u32, entries: std::ops::Range<u64>) -> Known {
    let mut known = Known::new(Path::new(""));
    let id = RunId([7; 16]);
    for attempt in 1..=attempts {
        let header = JournalHeader { run: id, attempt, rank: 0, n_ranks: 1, host: "a".into(), started_unix_s: 0 };
        let mut journal = JournalWriter::create(run, &header).unwrap();
        for entry in entries.clone() {
            let key = TaskKey::new(digest_of(entry), &potential(), "settings");
            journal.append(&Frame::Started { key, alone: false }).unwrap();
        }
    }
    Attempts::list(run).unwrap().files.iter().for_each(|file| known.ledger.scan(file, id).unwrap());
    known
}

#[test]
fn a_thousand_suspects_on_a_thousand_ranks_go_side_by_side() {
    let run = tempfile::tempdir().unwrap();
    // All that was in flight when everything was killed twice; an evaluation takes a minute.
    let known = killed_together(run.path(), 2, 0..1000);
    let (length, _) = simulate_with(coordinator_knowing(1000, &[1; 1000], known), &[60.0; 1000], 0.0);
    assert!((119.0..125.0).contains(&length), "half of them at a time: {length} s");
}

#[test]
fn suspects_do_not_idle_ranks_that_have_other_work() {
    let run = tempfile::tempdir().unwrap();
    let known = killed_together(run.path(), 2, 0..16);
    let costs: Vec<f32> = (0..4000).map(|entry| if entry < 16 { 5.0 } else { 0.5 }).collect();
    let (length, ideal) = simulate_with(coordinator_knowing(4000, &[1; 16], known), &costs, 0.0);
    assert!(length < ideal + 6.0, "{length} s instead of {ideal} s");
}

#[test]
fn suspects_of_one_rank_share_its_workers_until_a_further_death() {
    let orders = |kills: u32| {
        let run = tempfile::tempdir().unwrap();
        let known = killed_together(run.path(), kills, 0..64);
        let mut coordinator = coordinator_knowing(64, &[64], known);
        let mut batches = Vec::new();
        let mut tally = Tally::default();
        let mut orders = coordinator.hand_out().unwrap();
        while let Some((rank, order)) = orders.pop() {
            let report = match order {
                Order::Read(entries) => {
                    let answer = |read: &ToRead| Answer {
                        entry: read.entry,
                        structure: Some(seen(digest_of(read.entry), &[1.0])),
                    };
                    Report::Read(entries.iter().map(answer).collect())
                }
                Order::Compute(assignments) => {
                    assert!(assignments.iter().all(|one| one.alone == (assignments.len() == 1)));
                    batches.push(assignments.len());
                    tally.structures += assignments.len() as u64;
                    Report::Progress(tally)
                }
                other => panic!("{other:?}"),
            };
            orders.extend(coordinator.take_in(rank, &report).unwrap());
            orders.extend(coordinator.hand_out().unwrap());
        }
        assert!(coordinator.is_finished());
        assert_eq!(batches.iter().sum::<usize>(), 64);
        batches
    };
    assert_eq!(orders(2), [32, 32]);
    // A third death of all together shows nothing new of any.
    assert_eq!(orders(3), [32, 32]);
}

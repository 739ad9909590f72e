use super::*;
use mlip_ranks::Rank;
use proptest::prelude::*;

fn item(entry: u64, cost: f32) -> Item<()> {
    Item { entry, cost, group: None, prepared: false, work: () }
}

proptest! {
    #[test]
    fn shards_partition_the_structures(
        costs in prop::collection::vec((0.0f32..10.0, 0u32..5, 0u64..40), 0..300),
        asking in prop::collection::vec((0u32..5, 1usize..40), 1..20),
    ) {
        let mut planner = Planner::new(5, 7, 1.0);
        for (entry, (cost, home, key)) in costs.iter().enumerate() {
            // Some belong to no group.
            let group = (*key < 20).then_some(Group { key: *key, saves: 0.4 });
            planner.push(Rank(*home), Item { group, ..item(entry as u64, *cost) });
        }
        let mut seen = Vec::new();
        for (round, (rank, limit)) in asking.iter().cycle().enumerate() {
            if round == 7 {
                planner.predict(|()| (1.0, 0.5));
            }
            let shard = planner.next_shard(Rank(*rank), *limit);
            if shard.is_empty() {
                break;
            }
            prop_assert!(shard.len() <= *limit);
            seen.extend(shard.iter().map(|item| item.entry));
        }
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..costs.len() as u64).collect::<Vec<_>>());
        prop_assert_eq!(planner.remaining(), 0);
    }
}

proptest! {
    #[test]
    fn what_is_handed_out_is_what_a_look_at_all_queues_would_give(
        costs in prop::collection::vec((0u16..4096, 0u32..7, 0u64..24), 0..200),
        steps in prop::collection::vec((0u32..7, 1usize..9, 0u8..8), 1..60),
    ) {
        // Costs whose sums are exact, so that the order of adding does not matter.
        let exact = |number: u16| f32::from(number) / 1024.0;
        let mut planner = Planner::new(7, 9, 1.0);
        let mut oracle = super::scanning::ScanningPlanner::new(7, 9);
        let mut waiting = costs.iter().zip(0u64..);
        let mut more = |planner: &mut Planner<()>, oracle: &mut super::scanning::ScanningPlanner<()>, n: usize| {
            for ((cost, home, key), entry) in waiting.by_ref().take(n) {
                let group = (*key < 8).then_some(Group { key: *key, saves: 0.25 });
                let item = Item { group, ..item(entry, exact(*cost)) };
                planner.push(Rank(*home), item.clone());
                oracle.push(Rank(*home), item);
            }
        };
        more(&mut planner, &mut oracle, costs.len() / 2);
        for (rank, limit, what) in steps.iter().cycle().take(3 * costs.len() + 10) {
            match what {
                0 => {
                    planner.predict(|()| (1.0, 0.5));
                    oracle.predict(|()| (1.0, 0.5));
                }
                1 | 2 => more(&mut planner, &mut oracle, 5),
                _ => {}
            }
            prop_assert_eq!(planner.next_shard(Rank(*rank), *limit), oracle.next_shard(Rank(*rank), *limit));
            prop_assert_eq!(planner.cost(), oracle.cost());
        }
    }
}

#[test]
fn handing_out_to_ten_thousand_ranks_looks_at_few_of_them() {
    let n_ranks = 10_000u32;
    let mut planner = Planner::new(n_ranks as usize, n_ranks as usize, 1.0);
    (0..100_000u64)
        .for_each(|entry| planner.push(Rank((entry % 10_000) as u32), item(entry, 0.5 + entry as f32 * 1e-6)));
    let begin = std::time::Instant::now();
    for taken in 0..20_000u32 {
        assert_eq!(planner.next_shard(Rank(taken % n_ranks), 1).len(), 1);
    }
    // A look at all queues for each took minutes.
    assert!(begin.elapsed().as_secs_f64() < 10.0, "{:?}", begin.elapsed());
}

#[test]
fn the_costliest_come_first_and_shards_shrink() {
    let mut planner = Planner::new(1, 2, 1.0);
    (0..1000u16).for_each(|entry| planner.push(Rank::ROOT, item(entry.into(), 0.01 * f32::from(entry))));
    let mut last = f32::INFINITY;
    let mut totals = Vec::new();
    loop {
        let shard = planner.next_shard(Rank::ROOT, usize::MAX);
        if shard.is_empty() {
            break;
        }
        for item in &shard {
            assert!(item.cost <= last);
            last = item.cost;
        }
        totals.push(shard.iter().map(|item| item.cost).sum::<f32>());
    }
    assert!(totals.len() > 20, "{}", totals.len());
    assert!(totals[0] > 100.0 * totals[totals.len() - 1]);
}

#[test]
fn a_rank_computes_what_it_read_and_then_helps_the_busiest() {
    let mut planner = Planner::new(3, 3, 1.0);
    planner.push(Rank(0), item(0, 0.001));
    planner.push(Rank(1), item(1, 0.005));
    planner.push(Rank(2), item(2, 0.009));
    planner.push(Rank(2), item(3, 0.008));
    let next = |planner: &mut Planner<()>, rank| planner.next_shard(Rank(rank), 1)[0].entry;
    assert_eq!(next(&mut planner, 0), 0);
    assert_eq!(next(&mut planner, 0), 2);
    assert_eq!(next(&mut planner, 1), 1);
    assert_eq!(next(&mut planner, 1), 3);
}

#[test]
fn costly_structures_go_to_whoever_asks_next() {
    let mut planner = Planner::new(2, 2, 1.0);
    planner.push(Rank(0), item(0, 0.5));
    (1..4).for_each(|entry| planner.push(Rank(1), item(entry, entry as f32)));
    let order: Vec<u64> = (0..4).map(|k| planner.next_shard(Rank(k % 2), 1)[0].entry).collect();
    assert_eq!(order, [3, 2, 1, 0]);
}

#[test]
fn nonsense_costs_do_no_harm() {
    let mut planner = Planner::new(1, 1, 1.0);
    [f32::NAN, f32::INFINITY, -1.0].iter().for_each(|cost| planner.push(Rank::ROOT, item(0, *cost)));
    assert_eq!(planner.next_shard(Rank::ROOT, 10).len(), 3);
    assert_eq!(planner.cost(), 0.0);
}

fn of_group(entry: u64, cost: f32, key: u64) -> Item<()> {
    Item { group: Some(Group { key, saves: 0.05 }), ..item(entry, cost) }
}

#[test]
fn a_rank_that_begins_a_group_goes_on_with_it() {
    let mut planner = Planner::new(2, 2, 1.0);
    // Two groups of hundred, read by either rank in turns.
    (0..200).for_each(|entry| planner.push(Rank((entry % 3 % 2) as u32), of_group(entry, 0.1, entry % 2)));
    let mut preparations = 0;
    let mut taken = [0usize; 2];
    for rank in [0u32, 1].into_iter().cycle() {
        let shard = planner.next_shard(Rank(rank), 10);
        if shard.is_empty() {
            break;
        }
        for item in shard {
            preparations += usize::from(!item.prepared);
            taken[rank as usize] += 1;
            assert!((item.cost - if item.prepared { 0.05 } else { 0.1 }).abs() < 1e-6);
        }
    }
    // Whoever has finished its own group first helps with the rest of the other.
    assert!(taken[0] + taken[1] == 200 && taken[0].abs_diff(taken[1]) <= 20, "{taken:?}");
    assert!((2..=3).contains(&preparations), "{preparations}");
}

#[test]
fn who_has_nothing_left_helps_with_the_largest_group() {
    let mut planner = Planner::new(2, 2, 1.0);
    (0..100).for_each(|entry| planner.push(Rank(0), of_group(entry, 0.1, 7)));
    assert!(!planner.next_shard(Rank(0), 1)[0].prepared);
    let first = planner.next_shard(Rank(1), 2);
    assert_eq!((first[0].prepared, first[1].prepared), (false, true));
    let mut left = 97;
    while left > 0 {
        left -= planner.next_shard(Rank((left % 2) as u32), 3).len();
    }
    assert_eq!((planner.remaining(), planner.cost()), (0, 0.0));
}

#[test]
fn a_group_waits_for_what_would_be_the_tail() {
    let mut planner = Planner::new(1, 1, 1.0);
    (0..50).for_each(|entry| planner.push(Rank(0), of_group(entry, 0.2, 1)));
    assert_eq!(planner.next_shard(Rank(0), 1)[0].entry, 0);
    planner.push(Rank(0), item(99, 20.0));
    assert_eq!(planner.next_shard(Rank(0), 1)[0].entry, 99);
    assert!(planner.next_shard(Rank(0), 1)[0].prepared);
}

#[test]
fn members_that_come_later_join_their_group() {
    let mut planner = Planner::new(2, 2, 1.0);
    planner.push(Rank(0), of_group(0, 0.2, 1));
    assert_eq!(planner.next_shard(Rank(0), 1)[0].entry, 0);
    planner.push(Rank(1), of_group(1, 0.2, 1));
    planner.push(Rank(1), of_group(2, 0.3, 1));
    for entry in [2, 1] {
        let next = planner.next_shard(Rank(0), 1);
        assert_eq!((next[0].entry, next[0].prepared), (entry, true));
    }
    assert!(planner.next_shard(Rank(1), 2).is_empty());
}

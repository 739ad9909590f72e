//! Which rank computes what, and when: pure, without messages or clocks.

use mlip_ranks::Rank;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A structure with something to compute.
#[derive(Debug, Clone, PartialEq)]
pub struct Item<W> {
    /// Position in the input list.
    pub entry: u64,
    /// Predicted time of all its potentials, seconds.
    pub cost: f32,
    /// What is to be done with it.
    pub work: W,
}

/// Costliest first; of equal cost the first of the list.
#[derive(Debug)]
struct ByCost<W>(Item<W>);

impl<W> Ord for ByCost<W> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cost.total_cmp(&other.0.cost).then_with(|| other.0.entry.cmp(&self.0.entry))
    }
}

impl<W> PartialOrd for ByCost<W> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<W> PartialEq for ByCost<W> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<W> Eq for ByCost<W> {}

/// Hands out what is left, costliest first, in shards that shrink towards the end.
///
/// Every rank first gets the structures that it read in the survey, for it may still hold them, but
/// for costly ones, which go to whoever asks next; one that has none left takes the costliest of the
/// rank with most to do.
#[derive(Debug)]
pub struct Planner<W> {
    heaps: Vec<BinaryHeap<ByCost<W>>>,
    /// Sum of costs, by rank.
    costs: Vec<f64>,
    remaining: usize,
    workers: usize,
}

/// A shard is this part of what is left for one worker: the smaller, the better the end is balanced.
const PARTS: f64 = 4.0;

/// Shards are not cut smaller than this, seconds: asking takes time as well.
const SMALLEST_SHARD_S: f64 = 2e-3;

/// For a structure that takes longer than this, seconds, reading it once more is nothing: whoever is next takes it.
const COSTLY_S: f32 = 0.01;

/// Most structures in a shard: bounds the message.
const LONGEST_SHARD: usize = 1024;

impl<W> Planner<W> {
    /// For so many ranks, with so many structure workers in all.
    pub fn new(ranks: usize, workers: usize) -> Self {
        Self {
            heaps: (0..ranks.max(1)).map(|_| BinaryHeap::new()).collect(),
            costs: vec![0.0; ranks.max(1)],
            remaining: 0,
            workers: workers.max(1),
        }
    }

    /// Adds a structure that `home` has read.
    pub fn push(&mut self, home: Rank, mut item: Item<W>) {
        // A potential that predicts nonsense must not upset the order of the others.
        if !(item.cost.is_finite() && item.cost >= 0.0) {
            item.cost = 0.0;
        }
        let place = home.index().min(self.heaps.len() - 1);
        self.costs[place] += f64::from(item.cost);
        self.heaps[place].push(ByCost(item));
        self.remaining += 1;
    }

    /// Predicts anew what is not handed out yet.
    pub fn predict(&mut self, cost: impl Fn(&W) -> f32) {
        for (heap, sum) in self.heaps.iter_mut().zip(&mut self.costs) {
            let mut items = std::mem::take(heap).into_vec();
            *sum = 0.0;
            for ByCost(item) in &mut items {
                let cost = cost(&item.work);
                item.cost = if cost.is_finite() { cost.max(0.0) } else { 0.0 };
                *sum += f64::from(item.cost);
            }
            *heap = BinaryHeap::from(items);
        }
    }

    /// Structures not handed out yet.
    pub fn remaining(&self) -> usize {
        self.remaining
    }

    /// Their predicted time, seconds.
    pub fn cost(&self) -> f64 {
        self.costs.iter().sum()
    }

    /// The next shard for a rank, of at most `limit` structures; empty when nothing is left.
    pub fn next_shard(&mut self, rank: Rank, limit: usize) -> Vec<Item<W>> {
        let target = (self.cost() / (PARTS * self.workers as f64)).max(SMALLEST_SHARD_S);
        // Predicted costs may all be zero; then numbers decide.
        let even = (self.remaining as f64 / (PARTS * self.workers as f64)).ceil() as usize;
        let by_number = if target > SMALLEST_SHARD_S { LONGEST_SHARD } else { even.max(64) };
        let longest = limit.min(LONGEST_SHARD).min(by_number);
        let mut shard = Vec::new();
        let mut cost = 0.0;
        while shard.len() < longest && (shard.is_empty() || cost < target) {
            let Some(place) = self.source(rank) else { break };
            let Some(ByCost(item)) = self.heaps[place].pop() else { break };
            self.remaining -= 1;
            self.costs[place] -= f64::from(item.cost);
            if self.heaps[place].is_empty() {
                self.costs[place] = 0.0;
            }
            cost += f64::from(item.cost);
            shard.push(item);
        }
        shard
    }

    /// Whose structures a rank takes next.
    fn source(&self, rank: Rank) -> Option<usize> {
        let own = rank.index().min(self.heaps.len() - 1);
        let top = |place: usize| self.heaps[place].peek().map_or(0.0, |ByCost(item)| item.cost);
        // A rank that happens to have read several costly structures must not be left alone with them.
        let costliest = (0..self.heaps.len()).max_by(|a, b| top(*a).total_cmp(&top(*b)).then(b.cmp(a)))?;
        if top(costliest) > COSTLY_S && top(costliest) > top(own) {
            return Some(costliest);
        }
        if !self.heaps[own].is_empty() {
            return Some(own);
        }
        (0..self.heaps.len())
            .filter(|place| !self.heaps[*place].is_empty())
            .max_by(|a, b| self.costs[*a].total_cmp(&self.costs[*b]).then(b.cmp(a)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn item(entry: u64, cost: f32) -> Item<()> {
        Item { entry, cost, work: () }
    }

    proptest! {
        #[test]
        fn shards_partition_the_structures(
            costs in prop::collection::vec((0.0f32..10.0, 0u32..5), 0..300),
            asking in prop::collection::vec((0u32..5, 1usize..40), 1..20),
        ) {
            let mut planner = Planner::new(5, 7);
            for (entry, (cost, home)) in costs.iter().enumerate() {
                planner.push(Rank(*home), item(entry as u64, *cost));
            }
            let mut seen = Vec::new();
            for (rank, limit) in asking.iter().cycle() {
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

    #[test]
    fn the_costliest_come_first_and_shards_shrink() {
        let mut planner = Planner::new(1, 2);
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
        let mut planner = Planner::new(3, 3);
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
        let mut planner = Planner::new(2, 2);
        planner.push(Rank(0), item(0, 0.5));
        (1..4).for_each(|entry| planner.push(Rank(1), item(entry, entry as f32)));
        let order: Vec<u64> = (0..4).map(|k| planner.next_shard(Rank(k % 2), 1)[0].entry).collect();
        assert_eq!(order, [3, 2, 1, 0]);
    }

    #[test]
    fn nonsense_costs_do_no_harm() {
        let mut planner = Planner::new(1, 1);
        [f32::NAN, f32::INFINITY, -1.0].iter().for_each(|cost| planner.push(Rank::ROOT, item(0, *cost)));
        assert_eq!(planner.next_shard(Rank::ROOT, 10).len(), 3);
        assert_eq!(planner.cost(), 0.0);
    }
}

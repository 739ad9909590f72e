//! The planner as it was first: it looks at the queues of all ranks for each structure. What the other is checked against.

use super::candidate::{Candidate, Gathered};
use super::item::Item;
use super::planner::{COSTLY_S, LONGEST_SHARD, PARTS, SMALLEST_SHARD_S};
use super::ranked::Ranked;
use mlip_ranks::Rank;
use std::collections::{BinaryHeap, HashMap};

/// Hands out what is left, costliest first, in shards that shrink towards the end.
///
/// Every rank first gets the structures that it read in the survey, for it may still hold them, but
/// for costly ones, which go to whoever asks next; one that has none left takes the costliest of the
/// rank with most to do. A rank that begins a group goes on with it, unless something else would be what all
/// the others wait for in the end.
#[derive(Debug)]
pub(super) struct ScanningPlanner<W> {
    /// By the rank that read it.
    candidates: Vec<BinaryHeap<Ranked<Candidate<W>>>>,
    groups: HashMap<u64, Gathered<W>>,
    /// By rank: the group that it took from last.
    open: Vec<Option<u64>>,
    /// Sum of costs, by the rank that read it.
    costs: Vec<f64>,
    remaining: usize,
    workers: usize,
}

impl<W> ScanningPlanner<W> {
    /// For this many ranks, with this many structure workers in all.
    pub(super) fn new(ranks: usize, workers: usize) -> Self {
        let ranks = ranks.max(1);
        Self {
            candidates: (0..ranks).map(|_| BinaryHeap::new()).collect(),
            groups: HashMap::new(),
            open: vec![None; ranks],
            costs: vec![0.0; ranks],
            remaining: 0,
            workers: workers.max(1),
        }
    }

    /// Adds a structure that `home` has read.
    pub(super) fn push(&mut self, home: Rank, item: Item<W>) {
        self.put(home.index().min(self.candidates.len() - 1), item);
    }

    fn put(&mut self, place: usize, mut item: Item<W>) {
        item.tidy();
        self.remaining += 1;
        let Item { entry, cost, .. } = item;
        let Some(group) = item.group else {
            self.costs[place] += f64::from(cost);
            self.candidates[place].push(Ranked { cost, entry, content: Candidate::One(item) });
            return;
        };
        let new = || Gathered { home: place, items: BinaryHeap::new(), cost: 0.0, begun: false };
        let gathered = self.groups.entry(group.key).or_insert_with(new);
        let counted = f64::from(item.cost_after_others());
        gathered.cost += counted;
        self.costs[gathered.home] += counted;
        let leads = gathered.items.peek().is_none_or(|top| top.cost < cost);
        gathered.items.push(Ranked { cost, entry, content: item });
        if leads && !gathered.begun {
            self.candidates[gathered.home].push(Ranked { cost, entry, content: Candidate::Group(group.key) });
        }
    }

    /// Predicts anew what is not handed out yet: cost of a structure, and what it saves after others of its group.
    pub(super) fn predict(&mut self, predict: impl Fn(&W) -> (f32, f32)) {
        let candidates: Vec<_> = self.candidates.iter_mut().map(std::mem::take).collect();
        let groups = std::mem::take(&mut self.groups);
        self.costs.fill(0.0);
        self.remaining = 0;
        let singles = candidates.into_iter().enumerate().flat_map(|(place, heap)| {
            heap.into_iter().filter_map(move |candidate| match candidate.content {
                Candidate::One(item) => Some((place, item)),
                Candidate::Group(_) => None,
            })
        });
        let members = groups
            .into_values()
            .flat_map(|group| group.items.into_iter().map(move |ranked| (group.home, ranked.content)));
        for (place, mut item) in singles.chain(members).collect::<Vec<_>>() {
            let (cost, saves) = predict(&item.work);
            item.cost = cost;
            if let Some(group) = &mut item.group {
                group.saves = saves;
            }
            self.put(place, item);
        }
    }

    /// Their predicted time, seconds, without the preparations for groups.
    pub(super) fn cost(&self) -> f64 {
        self.costs.iter().sum()
    }

    /// The next shard for a rank, of at most `limit` structures; empty when nothing is left.
    pub(super) fn next_shard(&mut self, rank: Rank, limit: usize) -> Vec<Item<W>> {
        let target = (self.cost() / (PARTS * self.workers as f64)).max(SMALLEST_SHARD_S);
        // Predicted costs may all be zero; then numbers decide.
        let even = (self.remaining as f64 / (PARTS * self.workers as f64)).ceil() as usize;
        let by_number = if target > SMALLEST_SHARD_S { LONGEST_SHARD } else { even.max(64) };
        let longest = limit.min(LONGEST_SHARD).min(by_number);
        let mut shard = Vec::new();
        let mut cost = 0.0;
        while shard.len() < longest && (shard.is_empty() || cost < target) {
            let Some(item) = self.take(rank, target) else { break };
            cost += f64::from(item.cost);
            shard.push(item);
        }
        shard
    }

    /// The next structure for a rank. What costs more than `urgent` goes before the rest of its group.
    fn take(&mut self, rank: Rank, urgent: f64) -> Option<Item<W>> {
        self.drop_stale_lots();
        let own = rank.index().min(self.candidates.len() - 1);
        if let Some(key) = self.open[own].filter(|key| self.groups.contains_key(key))
            && !self.candidates.iter().filter_map(BinaryHeap::peek).any(|candidate| f64::from(candidate.cost) > urgent)
        {
            return self.take_of_group(key, true);
        }
        let Some(candidate) =
            self.source(own).and_then(|place| self.candidates[place].pop().map(|candidate| (place, candidate)))
        else {
            // What is left belongs to groups that others have begun.
            let costliest = self.groups.iter().max_by(|a, b| a.1.cost.total_cmp(&b.1.cost).then(b.0.cmp(a.0)));
            let key = *costliest?.0;
            let prepared = self.open[own].replace(key) == Some(key);
            return self.take_of_group(key, prepared);
        };
        match candidate {
            (place, Ranked { cost, content: Candidate::One(item), .. }) => {
                self.remaining -= 1;
                self.costs[place] -= f64::from(cost);
                if self.remaining == 0 {
                    // Sums of many costs leave rounding behind.
                    self.costs.fill(0.0);
                }
                Some(item)
            }
            (_, Ranked { content: Candidate::Group(key), .. }) => {
                let before = self.open[own].replace(key);
                if let Some(left) = before.filter(|left| *left != key) {
                    self.offer_again(left);
                }
                if let Some(gathered) = self.groups.get_mut(&key) {
                    gathered.begun = true;
                }
                self.take_of_group(key, before == Some(key))
            }
        }
    }

    fn take_of_group(&mut self, key: u64, prepared: bool) -> Option<Item<W>> {
        let gathered = self.groups.get_mut(&key)?;
        let mut item = gathered.items.pop()?.content;
        let counted = item.cost_after_others();
        self.remaining -= 1;
        gathered.cost -= f64::from(counted);
        self.costs[gathered.home] -= f64::from(counted);
        if gathered.items.is_empty() {
            self.groups.remove(&key);
        }
        if self.remaining == 0 {
            self.costs.fill(0.0);
        }
        if prepared {
            item.cost = counted;
            item.prepared = true;
        }
        Some(item)
    }

    /// Puts what is left of a group, which its rank has turned away from, back into the queue.
    fn offer_again(&mut self, key: u64) {
        let Some(gathered) = self.groups.get_mut(&key) else { return };
        gathered.begun = false;
        if let Some(top) = gathered.items.peek() {
            self.candidates[gathered.home].push(Ranked {
                cost: top.cost,
                entry: top.entry,
                content: Candidate::Group(key),
            });
        }
    }

    fn drop_stale_lots(&mut self) {
        for heap in &mut self.candidates {
            let is_stale = |candidate: &Ranked<Candidate<W>>| match &candidate.content {
                Candidate::One(_) => false,
                Candidate::Group(key) => self.groups.get(key).is_none_or(|gathered| gathered.begun),
            };
            while heap.peek().is_some_and(is_stale) {
                heap.pop();
            }
        }
    }

    /// Whose structures a rank takes next.
    fn source(&self, own: usize) -> Option<usize> {
        let top = |place: usize| self.candidates[place].peek().map_or(0.0, |candidate| candidate.cost);
        // A rank that happens to have read several costly structures must not be left alone with them.
        let costliest = (0..self.candidates.len()).max_by(|a, b| top(*a).total_cmp(&top(*b)).then(b.cmp(a)))?;
        if top(costliest) > COSTLY_S && top(costliest) > top(own) {
            return Some(costliest);
        }
        if !self.candidates[own].is_empty() {
            return Some(own);
        }
        (0..self.candidates.len())
            .filter(|place| !self.candidates[*place].is_empty())
            .max_by(|a, b| self.costs[*a].total_cmp(&self.costs[*b]).then(b.cmp(a)))
    }
}

//! Who gets which structures next.

use super::candidate::{Candidate, Gathered};
use super::item::Item;
use super::ranked::{Cost, Ranked};
use super::tournament::Tournament;
use mlip_ranks::Rank;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

/// Hands out what is left, costliest first, in shards that shrink towards the end.
///
/// Every rank first gets the structures that it read in the survey, for it may still hold them, but
/// for costly ones, which go to whoever asks next; one that has none left takes the costliest of the
/// rank with most to do. A rank that begins a group goes on with it, unless something else would be what all
/// the others wait for in the end.
#[derive(Debug)]
pub struct Planner<W> {
    /// By the rank that read it.
    candidates: Vec<BinaryHeap<Ranked<Candidate<W>>>>,
    groups: HashMap<u64, Gathered<W>>,
    /// By rank: the group that it took from last.
    open: Vec<Option<u64>>,
    /// Sum of costs, by the rank that read it.
    costs: Vec<f64>,
    /// Their sum, as it was last added up.
    total: f64,
    /// Changes of it since.
    n_changes: u32,
    /// By rank: the cost of its costliest candidate; zero without one.
    tops: Tournament<f32>,
    /// By rank: the sum of costs; `None` where nothing waits.
    loads: Tournament<Option<Cost>>,
    /// How many candidates of each group stand in the queues of which ranks: one that was used up and comes up again elsewhere
    /// leaves some behind.
    places: HashMap<u64, BTreeMap<usize, u32>>,
    /// Ranks of which `tops` and `loads` do not know the latest.
    changed: Vec<usize>,
    /// All groups by what is left of them.
    by_cost: BTreeSet<(Cost, Reverse<u64>)>,
    remaining: usize,
    workers: usize,
    excess: f64,
}

/// A shard is this part of what is left for one worker: the smaller, the better the end is balanced.
pub(super) const PARTS: f64 = 4.0;

/// Shards are not cut smaller than this, seconds: asking takes time as well.
pub(super) const SMALLEST_SHARD_S: f64 = 2e-3;

/// For a structure that takes longer than this, seconds, reading it once more is nothing: whoever is next takes it.
pub(super) const COSTLY_S: f32 = 0.01;

/// Most structures in a shard: bounds the message.
pub(super) const LONGEST_SHARD: usize = 1024;

impl<W> Planner<W> {
    /// For this many ranks, with this many structure workers in all, and structures that may take up to `excess` times what
    /// they are predicted to.
    pub fn new(ranks: usize, workers: usize, excess: f64) -> Self {
        let ranks = ranks.max(1);
        Self {
            candidates: (0..ranks).map(|_| BinaryHeap::new()).collect(),
            groups: HashMap::new(),
            open: vec![None; ranks],
            costs: vec![0.0; ranks],
            total: 0.0,
            n_changes: 0,
            tops: Tournament::new(ranks, 0.0, f32::total_cmp),
            loads: Tournament::new(ranks, None, Ord::cmp),
            places: HashMap::new(),
            changed: Vec::new(),
            by_cost: BTreeSet::new(),
            remaining: 0,
            workers: workers.max(1),
            excess: excess.max(1.0),
        }
    }

    /// Adds a structure that `home` has read.
    pub fn push(&mut self, home: Rank, item: Item<W>) {
        self.put(home.index().min(self.candidates.len() - 1), item);
    }

    fn put(&mut self, place: usize, mut item: Item<W>) {
        item.tidy();
        self.remaining += 1;
        let Item { entry, cost, .. } = item;
        let Some(group) = item.group else {
            self.note_change(place);
            self.change_cost(place, f64::from(cost));
            self.candidates[place].push(Ranked { cost, entry, content: Candidate::One(item) });
            return;
        };
        let new = || Gathered { home: place, items: BinaryHeap::new(), cost: 0.0, begun: false };
        let gathered = self.groups.entry(group.key).or_insert_with(new);
        let counted = f64::from(item.cost_after_others());
        self.by_cost.remove(&(Cost(gathered.cost), Reverse(group.key)));
        gathered.cost += counted;
        self.by_cost.insert((Cost(gathered.cost), Reverse(group.key)));
        let home = gathered.home;
        let leads = gathered.items.peek().is_none_or(|top| top.cost < cost);
        gathered.items.push(Ranked { cost, entry, content: item });
        if leads && !gathered.begun {
            self.candidates[home].push(Ranked { cost, entry, content: Candidate::Group(group.key) });
            *self.places.entry(group.key).or_default().entry(home).or_default() += 1;
        }
        self.change_cost(home, counted);
        self.note_change(home);
    }

    /// Many structures of one rank come one after the other.
    fn note_change(&mut self, place: usize) {
        if self.changed.last() != Some(&place) {
            self.changed.push(place);
        }
    }

    /// Predicts anew what is not handed out yet: cost of a structure, and what it saves after others of its group.
    pub fn predict(&mut self, predict: impl Fn(&W) -> (f32, f32)) {
        let candidates: Vec<_> = self.candidates.iter_mut().map(std::mem::take).collect();
        let groups = std::mem::take(&mut self.groups);
        self.forget_costs();
        self.by_cost.clear();
        self.places.clear();
        self.changed = (0..self.candidates.len()).collect();
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
        for (place, mut item) in singles.chain(members) {
            let (cost, saves) = predict(&item.work);
            item.cost = cost;
            if let Some(group) = &mut item.group {
                group.saves = saves;
            }
            self.put(place, item);
        }
    }

    /// Structures not handed out yet.
    pub fn remaining(&self) -> usize {
        self.remaining
    }

    /// Their predicted time, seconds, without the preparations for groups.
    pub fn cost(&self) -> f64 {
        self.total
    }

    /// What a rank has read costs so much more. With many ranks the sum is not added up each time, and often enough that
    /// rounding stays small.
    fn change_cost(&mut self, place: usize, by: f64) {
        self.costs[place] += by;
        self.total += by;
        self.n_changes += 1;
        if self.n_changes as usize >= self.costs.len() {
            self.n_changes = 0;
            self.total = self.costs.iter().sum();
        }
    }

    /// Sums of many costs leave rounding behind.
    fn forget_costs(&mut self) {
        self.costs.fill(0.0);
        (self.total, self.n_changes) = (0.0, 0);
    }

    /// The next shard for a rank, of at most `limit` structures; empty when nothing is left.
    pub fn next_shard(&mut self, rank: Rank, limit: usize) -> Vec<Item<W>> {
        let parts = PARTS * self.excess * self.workers as f64;
        let target = (self.cost() / parts).max(SMALLEST_SHARD_S);
        // Predicted costs may all be zero; then numbers decide.
        let even = (self.remaining as f64 / parts).ceil() as usize;
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
        self.look_at_changes();
        let own = rank.index().min(self.candidates.len() - 1);
        if let Some(key) = self.open[own].filter(|key| self.groups.contains_key(key))
            && f64::from(*self.tops.key(self.tops.first())) <= urgent
        {
            return self.take_of_group(key, true);
        }
        let Some(candidate) =
            self.source(own).and_then(|place| self.candidates[place].pop().map(|candidate| (place, candidate)))
        else {
            // What is left belongs to groups that others have begun.
            let (_, Reverse(key)) = *self.by_cost.last()?;
            let prepared = self.open[own].replace(key) == Some(key);
            return self.take_of_group(key, prepared);
        };
        self.changed.push(candidate.0);
        match candidate {
            (place, Ranked { cost, content: Candidate::One(item), .. }) => {
                self.remaining -= 1;
                self.change_cost(place, -f64::from(cost));
                if self.remaining == 0 {
                    self.forget_costs();
                }
                Some(item)
            }
            (place, Ranked { content: Candidate::Group(key), .. }) => {
                forget_candidate(&mut self.places, key, place);
                let before = self.open[own].replace(key);
                if let Some(left) = before.filter(|left| *left != key) {
                    self.offer_again(left);
                }
                if let Some(gathered) = self.groups.get_mut(&key) {
                    gathered.begun = true;
                }
                self.mark_group(key);
                self.take_of_group(key, before == Some(key))
            }
        }
    }

    fn take_of_group(&mut self, key: u64, prepared: bool) -> Option<Item<W>> {
        let gathered = self.groups.get_mut(&key)?;
        let mut item = gathered.items.pop()?.content;
        let counted = item.cost_after_others();
        self.remaining -= 1;
        self.by_cost.remove(&(Cost(gathered.cost), Reverse(key)));
        gathered.cost -= f64::from(counted);
        let home = gathered.home;
        self.changed.push(home);
        if gathered.items.is_empty() {
            self.groups.remove(&key);
            self.mark_group(key);
        } else {
            self.by_cost.insert((Cost(gathered.cost), Reverse(key)));
        }
        self.change_cost(home, -f64::from(counted));
        if self.remaining == 0 {
            self.forget_costs();
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
        self.changed.push(gathered.home);
        if let Some(top) = gathered.items.peek() {
            self.candidates[gathered.home].push(Ranked {
                cost: top.cost,
                entry: top.entry,
                content: Candidate::Group(key),
            });
            *self.places.entry(key).or_default().entry(gathered.home).or_default() += 1;
        }
    }

    /// What becomes of a group may take the meaning from candidates of several ranks.
    fn mark_group(&mut self, key: u64) {
        self.changed.extend(self.places.get(&key).into_iter().flat_map(BTreeMap::keys));
    }

    /// Drops candidates without meaning from the fronts of queues that changed, and notes what stands there now. Only what
    /// happens to the candidates or groups of a rank can make its first candidate meaningless, and that marks it as changed.
    fn look_at_changes(&mut self) {
        while let Some(place) = self.changed.pop() {
            let heap = &mut self.candidates[place];
            let is_stale = |candidate: &Ranked<Candidate<W>>| match &candidate.content {
                Candidate::One(_) => false,
                Candidate::Group(key) => self.groups.get(key).is_none_or(|gathered| gathered.begun),
            };
            while heap.peek().is_some_and(is_stale) {
                if let Some(Ranked { content: Candidate::Group(key), .. }) = heap.pop() {
                    forget_candidate(&mut self.places, key, place);
                }
            }
            self.tops.set(place, heap.peek().map_or(0.0, |candidate| candidate.cost));
            self.loads.set(place, (!heap.is_empty()).then_some(Cost(self.costs[place])));
        }
    }

    /// Whose structures a rank takes next.
    fn source(&self, own: usize) -> Option<usize> {
        // A rank that happens to have read several costly structures must not be left alone with them.
        let costliest = self.tops.first();
        let top = *self.tops.key(costliest);
        if top > COSTLY_S && top > *self.tops.key(own) {
            return Some(costliest);
        }
        if !self.candidates[own].is_empty() {
            return Some(own);
        }
        let busiest = self.loads.first();
        self.loads.key(busiest).map(|_| busiest)
    }
}

/// A candidate of a group was taken out of the queue of a rank.
fn forget_candidate(places: &mut HashMap<u64, BTreeMap<usize, u32>>, key: u64, place: usize) {
    let Some(of_group) = places.get_mut(&key) else { return };
    if let Some(candidates) = of_group.get_mut(&place) {
        *candidates -= 1;
        if *candidates == 0 {
            of_group.remove(&place);
        }
    }
    if of_group.is_empty() {
        places.remove(&key);
    }
}

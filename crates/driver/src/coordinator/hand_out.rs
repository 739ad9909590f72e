//! Who is given what next.

use super::decisions::{Coordinator, Trouble};
use super::state::RankState;
use crate::protocol::Order;
use mlip_ranks::Rank;

/// So much of a reserve is planned ahead: enough for several shards of each worker.
const PLANNED_PER_WORKER: usize = 16;

impl Coordinator {
    /// What every rank that runs low is to do next.
    pub(crate) fn hand_out(&mut self) -> Result<Vec<(Rank, Order)>, Trouble> {
        let mut orders = Vec::new();
        self.hand_out_reading(&mut orders)?;
        self.draw_on_reserve();
        self.asking.note_scarcity(self.is_scarce());
        let mut next = 0;
        while self.planner.remaining() > 0
            && self.survey.may_compute(self.waiting())
            && let Some(index) = self.asking.next_worker(next)
        {
            next = index + 1;
            let rank = Rank::from_index(index);
            while self.survey.may_compute(self.waiting()) && self.runs_low(index) {
                let limit = self.limit(index).min(self.policy.longest.max(1));
                let shard = self.planner.next_shard(rank, limit);
                if shard.is_empty() {
                    break;
                }
                orders.push((rank, self.assign(rank, shard, false)?));
            }
            if self.planner.remaining() > 0 && !self.runs_low(index) {
                self.asking.has_enough_to_do(index);
            }
        }
        orders.extend(self.next_suspects()?);
        Ok(orders)
    }

    /// What ranks are to read next. Where there is little room to read ahead, no rank shall do all the reading.
    fn hand_out_reading(&mut self, orders: &mut Vec<(Rank, Order)>) -> Result<(), Trouble> {
        let waiting = self.waiting();
        self.first_to_read = (self.first_to_read + 1) % self.ranks.len().max(1);
        for (from, to) in [(self.first_to_read, self.ranks.len()), (0, self.first_to_read)] {
            let mut next = from;
            while self.survey.has_room(waiting)
                && let Some(index) = self.asking.next_reader(next).filter(|index| *index < to)
                && let Some(state) = self.ranks.get_mut(index)
            {
                next = index + 1;
                while let Some(order) = self.survey.next_read(state, waiting, self.policy.longest)? {
                    orders.push((Rank::from_index(index), order));
                }
                if state.reads_enough() {
                    self.asking.has_enough_to_read(index);
                }
            }
        }
        Ok(())
    }

    /// Until all are known the cheapest of the reserve are planned, as many as ranks need for their next questions; then
    /// all.
    fn draw_on_reserve(&mut self) {
        let ahead = PLANNED_PER_WORKER * self.workers + self.wanted_for_cards;
        let wanted = if self.survey.is_over() { usize::MAX } else { ahead };
        while self.planner.remaining() < wanted
            && let Some((home, item)) = self.reserve.pop()
        {
            self.planner.push(home, item);
        }
    }

    /// Whether so little is left that no rank should hoard.
    fn is_scarce(&self) -> bool {
        self.planner.remaining() < 2 * self.workers
    }

    /// How many structures a rank that runs low may be given.
    fn limit(&self, index: usize) -> usize {
        let Some(rank) = self.ranks.get(index) else { return 0 };
        let for_cards = self.room_on_cards(rank);
        if for_cards > 0 {
            for_cards
        } else if self.is_scarce() {
            self.free_workers(index)
        } else if rank.is_short_of_work() {
            usize::MAX
        } else if self.is_uncertain() {
            self.free_workers(index)
        } else {
            // It has enough to do, only no next structure for each worker: a whole shard behind a costly structure
            // would be what the others wait for in the end.
            (2 * rank.workers).saturating_sub(rank.structures_out() as usize).max(1)
        }
    }

    /// Structures that the cards of a rank could compute beside those that it has, which may cost much in all and little at a
    /// time. Where the run has little left these are no more than about half of its part, for the costliest come first: what is
    /// left then goes to those that are done first.
    fn room_on_cards(&self, rank: &RankState) -> usize {
        if rank.tally.wanted == 0 {
            return 0;
        }
        let left = self.survey.n_entries() - self.survey.answered + self.waiting() as u64 + self.structures_out;
        // One rank alone may have all, two a third each, many half of their part.
        let part = (left * rank.workers as u64).div_ceil((2 * self.workers - rank.workers).max(1) as u64);
        part.min(rank.tally.wanted.into()).saturating_sub(rank.structures_out()) as usize
    }

    fn free_workers(&self, index: usize) -> usize {
        self.ranks.get(index).map_or(0, |rank| rank.workers.saturating_sub(rank.structures_out() as usize))
    }

    fn runs_low(&self, index: usize) -> bool {
        let Some(rank) = self.ranks.get(index) else { return false };
        if self.planner.remaining() == 0 {
            return false;
        }
        if self.room_on_cards(rank) > 0 {
            return true;
        }
        if self.is_scarce() {
            return self.free_workers(index) > 0;
        }
        let wanted = if self.is_uncertain() { rank.workers } else { 2 * rank.workers };
        rank.is_short_of_work() || (rank.structures_out() < wanted as u64 && !rank.is_busy_for_long())
    }

    /// Suspects go when all else is handed out, each rank that has nothing else to do taking its part of them: while
    /// the run is long, one at a time to each. Never are that many in flight that a further death would show nothing new.
    fn next_suspects(&mut self) -> Result<Vec<(Rank, Order)>, Trouble> {
        let mut orders = Vec::new();
        if self.suspects.is_empty() || !self.survey.is_over() || self.waiting() > 0 {
            return Ok(orders);
        }
        let n_ranks = self.ranks.len().max(1);
        let mut in_flight = 0;
        for rank in &mut self.ranks {
            if rank.structures_out() == 0 {
                rank.suspects = 0;
            }
            in_flight += rank.suspects;
        }
        for index in 0..n_ranks {
            let Some(workers) =
                self.ranks.get(index).filter(|rank| rank.structures_out() == 0).map(|rank| rank.workers)
            else {
                continue;
            };
            let part = self.suspects.len().div_ceil(n_ranks).min(workers.max(1));
            let shard = self.suspects.next(part, in_flight);
            if shard.is_empty() {
                break;
            }
            in_flight += shard.len();
            if let Some(state) = self.ranks.get_mut(index) {
                state.suspects = shard.len();
            }
            let (rank, alone) = (Rank::from_index(index), shard.len() == 1);
            orders.push((rank, self.assign(rank, shard, alone)?));
        }
        Ok(orders)
    }
}

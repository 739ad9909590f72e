//! What the root knows and decides: survey, plan, hand out. Knows no clock and sends no message
//! itself, so it is tested without either.

use super::state::{Known, Policy, RankState, Totals, Treatments};
use super::survey::Survey;
use super::suspects::{Suspects, silent_deaths};
use crate::plan::{Group, Item, Planner, Reserve};
use crate::protocol::{Answer, Assignment, Order, Predicted, Report, Seen, Tally, Times, Treatment, Work};
use mlip_atoms::PotentialId;
use mlip_inputs::Manifest;
use mlip_ranks::Rank;
use mlip_spill::Table;
use mlip_store::{CrashPolicy, Ledger, LedgerPart, StoreError, TaskKey, TaskState};
use std::error::Error;
use std::path::Path;

/// Time that a structure takes whatever its potentials cost (reading, journal), seconds.
const OVERHEAD_S: f32 = 2e-5;

/// The plan is made anew when a potential takes this many times longer or shorter than it was thought to.
const WORTH_CORRECTING: f64 = 1.25;

/// Evaluations shorter than this together show nothing: clocks and first touches of memory.
const LEAST_MEASURED_S: f64 = 0.02;

/// So much of a reserve is planned ahead: enough for several shards of each worker.
const PLANNED_PER_WORKER: usize = 16;

/// The root's view of the run.
pub(crate) struct Coordinator {
    survey: Survey,
    recorded: u64,
    evaluations: u64,
    pub(super) cost: f64,
    /// The same as potentials predict it, without corrections: what progress is measured by.
    predicted_cost: f64,
    known: Known,
    policy: Policy,
    ids: Vec<PotentialId>,
    settings: String,
    /// Digests of the structures that are known.
    seen: Table<()>,
    pub(super) planner: Planner<Treatments>,
    /// What waits for the end of the survey where costs are uncertain.
    reserve: Reserve<Treatments>,
    suspects: Suspects,
    /// By potential: measured by predicted time, as the plan takes it.
    factors: Vec<f64>,
    /// Who is asked first to read, next time.
    first_to_read: usize,
    /// Structure workers of all ranks together.
    workers: usize,
    pub(super) ranks: Vec<RankState>,
    /// What is worth a warning, and not said yet.
    warnings: Vec<String>,
}

/// Corrected time of all that is to be done with a structure, and the part of it that the next of its group saves,
/// seconds.
fn cost(work: &[Work], factors: &[f64]) -> (f32, f32) {
    let sum = |time: fn(&Work) -> f64| {
        let one = |work: &Work| time(work) * factors.get(usize::from(work.potential)).copied().unwrap_or(1.0);
        let sum = work.iter().map(one).sum::<f64>() as f32;
        if sum.is_finite() { sum.max(0.0) } else { 0.0 }
    };
    (sum(|work| work.predicted.total()) + OVERHEAD_S, sum(|work| work.predicted.preparation.into()))
}

/// The same as potentials predict it.
fn as_predicted(work: &[Work]) -> (f64, f64) {
    let (cost, saves) = cost(work, &[]);
    (f64::from(cost), f64::from(saves))
}

type Trouble = Box<dyn Error + Send + Sync>;

impl Coordinator {
    /// `workers` are the structure workers of each rank. What grows with the list goes into temporary files in
    /// `folder`.
    pub(crate) fn new(
        folder: &Path,
        entries: Manifest,
        known: Known,
        policy: Policy,
        ids: Vec<PotentialId>,
        settings: String,
        workers: &[usize],
    ) -> Self {
        let ranks = workers.iter().map(|workers| RankState { workers: *workers, ..RankState::default() }).collect();
        let ids_len = ids.len();
        Self {
            survey: Survey::new(entries, workers.iter().sum(), &known.ledger),
            recorded: 0,
            evaluations: 0,
            cost: 0.0,
            predicted_cost: 0.0,
            known,
            policy,
            ids,
            factors: vec![1.0; ids_len],
            first_to_read: 0,
            workers: workers.iter().sum(),
            settings,
            seen: Table::new(folder),
            planner: Planner::new(workers.len(), workers.iter().sum(), policy.excess),
            reserve: Reserve::default(),
            suspects: Suspects::default(),
            ranks,
            warnings: Vec::new(),
        }
    }

    /// Takes in what a rank reports; what follows from it at once.
    pub(crate) fn take_in(&mut self, from: Rank, report: &Report) -> Result<Vec<(Rank, Order)>, Trouble> {
        let mut orders = Vec::new();
        match report {
            Report::Read(answers) => {
                if let Some(rank) = self.ranks.get_mut(from.index()) {
                    rank.reads_out = rank.reads_out.saturating_sub(1);
                }
                let mut items = Vec::with_capacity(answers.len());
                for answer in answers {
                    items.extend(self.plan_for(answer)?);
                }
                if let Some(order) = self.first_structures(from, &mut items)? {
                    orders.push((from, order));
                }
                for item in items {
                    if self.is_uncertain() {
                        self.reserve.push(from, item);
                    } else {
                        self.planner.push(from, item);
                    }
                }
            }
            Report::Progress(tally) => {
                if let Some(rank) = self.ranks.get_mut(from.index()) {
                    rank.tally = *tally;
                }
            }
            Report::Times(times) => {
                if let Some(rank) = self.ranks.get_mut(from.index()) {
                    rank.times.clone_from(times);
                }
                self.correct();
            }
            _ => {}
        }
        Ok(orders)
    }

    /// Corrects the plan once potentials turn out to take another time than they predict, relative to each other too.
    fn correct(&mut self) {
        let mut sums = vec![Times::default(); self.factors.len()];
        for rank in &self.ranks {
            for (sum, times) in sums.iter_mut().zip(&rank.times) {
                sum.predicted_s += times.predicted_s;
                sum.measured_s += times.measured_s;
            }
        }
        let measured: Vec<f64> = sums
            .iter()
            .zip(&self.factors)
            .map(|(sum, known)| {
                let is_known = sum.predicted_s > 0.0 && sum.measured_s > LEAST_MEASURED_S;
                if is_known { sum.measured_s / sum.predicted_s } else { *known }
            })
            .collect();
        let is_new = |(old, new): (&f64, &f64)| !(new / old <= WORTH_CORRECTING && old / new <= WORTH_CORRECTING);
        if !self.factors.iter().zip(&measured).any(is_new) {
            return;
        }
        self.factors = measured;
        let factors = &self.factors;
        self.planner.predict(|treatments| cost(&treatments.work, factors));
        self.reserve.predict(|treatments| cost(&treatments.work, factors));
        let given: f64 = self.ranks.iter().map(|rank| rank.given_cost).sum();
        let suspected = self.suspects.cost();
        self.cost = given + self.planner.cost() + self.reserve.cost() + suspected;
    }

    /// What is left to do for a surveyed entry.
    fn plan_for(&mut self, answer: &Answer) -> Result<Option<Item<Treatments>>, Trouble> {
        self.survey.answered += 1;
        let Some(Seen { digest, predicted, group }) = &answer.structure else {
            self.survey.unreadable += 1;
            return Ok(None);
        };
        if !self.seen.add(digest.0)? {
            return Ok(None);
        }
        let entry = answer.entry;
        let (mut work, mut suspected) = (Vec::new(), Vec::new());
        for (potential, (id, predicted)) in (0u16..).zip(self.ids.iter().zip(predicted)) {
            let key = TaskKey::new(*digest, id, &self.settings);
            let mut predicted = *predicted;
            let (treatment, company) = match self.known.ledger.state(&key, self.policy.retry, self.policy.crashes)? {
                TaskState::Recorded => {
                    self.recorded += 1;
                    continue;
                }
                TaskState::Runnable { company, ended_before, silent } => match self.known.cached.get(&key)? {
                    Some(place) => {
                        predicted = Predicted::default();
                        (Treatment::Take { place, ended_before }, None)
                    }
                    None => {
                        if silent >= CrashPolicy::WORTH_A_WARNING {
                            let name = self.survey.name(entry)?;
                            self.warnings.push(silent_deaths(&name, &id.name, silent, self.policy.crashes));
                        }
                        (Treatment::Evaluate { ended_before }, company)
                    }
                },
                TaskState::Quarantined { deaths, is_guilty } => (Treatment::Quarantine { deaths, is_guilty }, None),
            };
            let answers = self.known.ledger.answers(&key);
            let one = Work { potential, treatment, predicted, answers };
            match company {
                Some(company) => suspected.push((company, one)),
                None => work.push(one),
            }
        }
        let mut item = |work: Vec<Work>| {
            let (cost, saves) = cost(&work, &self.factors);
            self.evaluations += work.len() as u64;
            self.cost += f64::from(cost);
            self.predicted_cost += as_predicted(&work).0;
            let group = group.filter(|_| saves > 0.0).map(|key| Group { key, saves });
            Item { entry, cost, group, prepared: false, work: Treatments { digest: *digest, work } }
        };
        // One potential at a time: a death then names its cause.
        for (company, one) in suspected {
            let suspect = item(vec![one]);
            self.suspects.push(company, suspect);
        }
        Ok((!work.is_empty()).then(|| item(work)))
    }

    /// While the survey goes on, a rank computes the cheapest structures of its first entries: a
    /// first result within a moment shows that all is well.
    fn first_structures(&mut self, rank: Rank, items: &mut Vec<Item<Treatments>>) -> Result<Option<Order>, Trouble> {
        let Some(state) = self.ranks.get_mut(rank.index()) else { return Ok(None) };
        if state.has_first || items.is_empty() {
            return Ok(None);
        }
        state.has_first = true;
        items.sort_by(|a, b| b.cost.total_cmp(&a.cost).then(b.entry.cmp(&a.entry)));
        let first = items.split_off(items.len().saturating_sub(state.workers));
        self.assign(rank, first, false).map(Some)
    }

    /// What every rank that runs low is to do next.
    pub(crate) fn hand_out(&mut self) -> Result<Vec<(Rank, Order)>, Trouble> {
        let mut orders = Vec::new();
        let waiting = self.waiting();
        self.first_to_read = (self.first_to_read + 1) % self.ranks.len().max(1);
        for turn in 0..self.ranks.len() {
            // Where there is little room to read ahead, no rank shall do all the reading.
            let index = (self.first_to_read + turn) % self.ranks.len();
            while let Some(state) = self.ranks.get_mut(index)
                && let Some(order) = self.survey.next_read(state, waiting, self.policy.longest)?
            {
                orders.push((Rank::from_index(index), order));
            }
        }
        self.draw_on_reserve();
        for index in 0..self.ranks.len() {
            let rank = Rank::from_index(index);
            while self.survey.may_compute(self.waiting()) && self.runs_low(index) {
                let limit = self.limit(index).min(self.policy.longest.max(1));
                let shard = self.planner.next_shard(rank, limit);
                if shard.is_empty() {
                    break;
                }
                orders.push((rank, self.assign(rank, shard, false)?));
            }
        }
        orders.extend(self.next_suspects()?);
        Ok(orders)
    }

    /// Structures that are known and wait.
    pub(super) fn waiting(&self) -> usize {
        self.planner.remaining() + self.reserve.len()
    }

    /// Until all are known the cheapest of the reserve are planned, as many as ranks need for their next questions; then
    /// all.
    fn draw_on_reserve(&mut self) {
        let wanted = if self.survey.is_over() { usize::MAX } else { PLANNED_PER_WORKER * self.workers };
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

    /// Whether what a rank has under way may take many times what it is thought to: whatever waits behind it could be what
    /// all others wait for in the end.
    fn is_uncertain(&self) -> bool {
        self.policy.excess > 1.0
    }

    /// How many structures a rank that runs low may be given.
    fn limit(&self, index: usize) -> usize {
        let Some(rank) = self.ranks.get(index) else { return 0 };
        if self.is_scarce() {
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

    fn free_workers(&self, index: usize) -> usize {
        self.ranks.get(index).map_or(0, |rank| rank.workers.saturating_sub(rank.structures_out() as usize))
    }

    fn runs_low(&self, index: usize) -> bool {
        let Some(rank) = self.ranks.get(index) else { return false };
        if self.planner.remaining() == 0 {
            return false;
        }
        if self.is_scarce() {
            return self.free_workers(index) > 0;
        }
        let wanted = if self.is_uncertain() { rank.workers } else { 2 * rank.workers };
        rank.is_short_of_work() || rank.structures_out() < wanted as u64
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

    fn assign(&mut self, rank: Rank, shard: Vec<Item<Treatments>>, alone: bool) -> Result<Order, Trouble> {
        let mut assignments = Vec::with_capacity(shard.len());
        for Item { entry, cost, group, prepared, work: Treatments { digest, mut work } } in shard {
            let locator = self.survey.locator(entry)?;
            if prepared {
                self.predicted_cost -= as_predicted(&work).1;
                work.iter_mut().for_each(|work| work.predicted.preparation = 0.0);
                self.cost -= group.map_or(0.0, |group| f64::from(group.saves));
            }
            if let Some(state) = self.ranks.get_mut(rank.index()) {
                state.given += 1;
                state.given_cost += f64::from(cost);
                state.given_predicted += as_predicted(&work).0;
            }
            let kept = self.survey.kept(entry);
            assignments.push(Assignment { entry, locator, kept, digest, cost, work, alone });
        }
        Ok(Order::Compute(assignments))
    }

    /// Nothing is in flight, and but for suspects nothing is left.
    fn is_idle(&self) -> bool {
        self.survey.is_over() && self.waiting() == 0 && self.ranks.iter().all(|rank| rank.structures_out() == 0)
    }

    /// Whether all is done.
    pub(crate) fn is_finished(&self) -> bool {
        self.suspects.is_empty() && self.is_idle()
    }

    /// For people.
    pub(crate) fn totals(&self) -> Totals {
        let sum = |field: fn(&Tally) -> u64| self.ranks.iter().map(|rank| field(&rank.tally)).sum();
        Totals {
            entries: self.survey.n_entries(),
            surveyed: self.survey.answered,
            unreadable: self.survey.unreadable,
            recorded: self.recorded,
            evaluations: self.evaluations,
            finished: sum(|tally| tally.finished),
            failed: sum(|tally| tally.failed),
            cached: sum(|tally| tally.cached),
            in_flight: sum(|tally| tally.in_flight.into()),
            cost: self.predicted_cost,
            cost_done: self.ranks.iter().map(RankState::predicted_done).sum(),
            peak_bytes: self.ranks.iter().map(|rank| rank.tally.peak_bytes).max().unwrap_or(0),
        }
    }

    /// What is worth a warning since the last time.
    pub(crate) fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// What each rank said of itself last.
    pub(crate) fn tallies(&self) -> impl Iterator<Item = &Tally> {
        self.ranks.iter().map(|rank| &rank.tally)
    }

    /// Notes what journals amount to.
    pub(crate) fn note(&mut self, part: LedgerPart) -> Result<(), StoreError> {
        self.known.ledger.absorb(part)
    }

    /// The input list and the ledger, for the report.
    pub(crate) fn into_parts(self) -> (Manifest, Ledger) {
        (self.survey.into_entries(), self.known.ledger)
    }
}

//! What the root knows and decides: survey, plan, hand out. Knows no clock and sends no message
//! itself, so it is tested without either.

use super::asking::Asking;
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

/// The root's view of the run.
pub(crate) struct Coordinator {
    pub(super) survey: Survey,
    recorded: u64,
    evaluations: u64,
    pub(super) cost: f64,
    /// The same as potentials predict it, without corrections: what progress is measured by.
    predicted_cost: f64,
    known: Known,
    pub(super) policy: Policy,
    ids: Vec<PotentialId>,
    settings: String,
    /// Digests of the structures that are known.
    seen: Table<()>,
    pub(super) planner: Planner<Treatments>,
    /// What waits for the end of the survey where costs are uncertain.
    pub(super) reserve: Reserve<Treatments>,
    pub(super) suspects: Suspects,
    /// By potential: measured by predicted time, as the plan takes it.
    factors: Vec<f64>,
    /// By potential: what all ranks have said together.
    times: Vec<Times>,
    /// Who is asked first to read, next time.
    pub(super) first_to_read: usize,
    /// Structure workers of all ranks together.
    pub(super) workers: usize,
    /// Structures that cards of all ranks want under way.
    pub(super) wanted_for_cards: usize,
    /// Structures that all ranks have.
    pub(super) structures_out: u64,
    pub(super) ranks: Vec<RankState>,
    pub(super) asking: Asking,
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

pub(super) type Trouble = Box<dyn Error + Send + Sync>;

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
            times: vec![Times::default(); ids_len],
            first_to_read: 0,
            workers: workers.iter().sum(),
            wanted_for_cards: 0,
            structures_out: 0,
            settings,
            seen: Table::new(folder),
            planner: Planner::new(workers.len(), workers.iter().sum(), policy.excess),
            reserve: Reserve::default(),
            suspects: Suspects::default(),
            asking: Asking::new(workers.len()),
            ranks,
            warnings: Vec::new(),
        }
    }

    /// Takes in what a rank reports; what follows from it at once.
    pub(crate) fn take_in(&mut self, from: Rank, report: &Report) -> Result<Vec<(Rank, Order)>, Trouble> {
        let mut orders = Vec::new();
        self.asking.note(from.index());
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
                    self.wanted_for_cards += tally.wanted as usize;
                    self.wanted_for_cards -= rank.tally.wanted as usize;
                    self.structures_out -= rank.structures_out();
                    rank.tally = *tally;
                    self.structures_out += rank.structures_out();
                }
            }
            Report::Times(times) => {
                if let Some(rank) = self.ranks.get_mut(from.index()) {
                    let before = std::mem::replace(&mut rank.times, times.clone());
                    let before = before.into_iter().chain(std::iter::repeat(Times::default()));
                    for ((sum, now), before) in self.times.iter_mut().zip(times).zip(before) {
                        sum.predicted_s += now.predicted_s - before.predicted_s;
                        sum.measured_s += now.measured_s - before.measured_s;
                    }
                }
                self.correct();
            }
            _ => {}
        }
        Ok(orders)
    }

    /// Corrects the plan once potentials turn out to take another time than they predict, relative to each other too.
    fn correct(&mut self) {
        let measured: Vec<f64> = self
            .times
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

    /// Structures that are known and wait.
    pub(super) fn waiting(&self) -> usize {
        self.planner.remaining() + self.reserve.len()
    }

    /// Whether what a rank has under way may take many times what it is thought to: whatever waits behind it could be what
    /// all others wait for in the end.
    pub(super) fn is_uncertain(&self) -> bool {
        self.policy.excess > 1.0
    }

    pub(super) fn assign(&mut self, rank: Rank, shard: Vec<Item<Treatments>>, alone: bool) -> Result<Order, Trouble> {
        let mut assignments = Vec::with_capacity(shard.len());
        for Item { entry, cost, group, prepared, work: Treatments { digest, mut work } } in shard {
            let locator = self.survey.locator(entry)?;
            if prepared {
                self.predicted_cost -= as_predicted(&work).1;
                work.iter_mut().for_each(|work| work.predicted.preparation = 0.0);
                self.cost -= group.map_or(0.0, |group| f64::from(group.saves));
            }
            if let Some(state) = self.ranks.get_mut(rank.index()) {
                self.structures_out -= state.structures_out();
                state.given += 1;
                self.structures_out += state.structures_out();
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
        self.survey.is_over() && self.waiting() == 0 && self.structures_out == 0
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
            predicted_out: self.ranks.iter().map(|rank| rank.given_predicted - rank.predicted_done()).sum(),
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

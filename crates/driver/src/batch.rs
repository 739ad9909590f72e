//! Batches of one worker: formed from questions of any workflows, as far as its engine has room for them.

use crate::answers::{Member, Timed, hand_over, internal, lost, panicked, timed, unanswered};
use crate::batcher::{Answered, Waiting};
use crate::card::{Card, ReadyForCard};
use crate::evaluation_threads::{EvaluationThreads, lent_threads};
use crate::fatal;
use crate::memory_gate::MemoryPermit;
use crate::queue::NextWork;
use crate::shared::{Shared, WorkError};
use crate::underway::RunningTask;
use mlip_atoms::engine::{Answer, BatchError, BatchSum, Demand, Job, JobId, Prepared};
use mlip_atoms::{Deadline, DeviceError, Engine, EngineResources, PredictError};
use mlip_calculations::Ask;
use mlip_store::Frame;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Predicted time of a batch from which on threads are lent to it: what is shorter ends before they are awake, and a rank
/// may be without work for a moment only.
const WORTH_LENDING_S: f64 = 0.02;

/// What a worker evaluates with: an engine for each potential, opened when it is first needed.
pub(crate) struct Batches {
    engines: Vec<Option<Box<dyn Engine>>>,
    threads: EvaluationThreads,
}

/// A question after its engine has prepared it.
enum Readiness {
    /// It can be computed within this reservation.
    Ready(Box<Prepared>, MemoryPermit),
    /// It has its answer already.
    Answered(PredictError),
    /// There is no memory for it now.
    Full(Box<Prepared>),
}

impl Batches {
    pub(crate) fn new(n_potentials: usize, threads: EvaluationThreads) -> Self {
        Self { engines: (0..n_potentials).map(|_| None).collect(), threads }
    }

    /// Evaluates a question, with others of the same potential if that pays. Gives what people should know.
    pub(crate) fn evaluate(
        &mut self,
        shared: &Shared,
        potential: usize,
        first: Waiting,
    ) -> Result<Option<String>, WorkError> {
        if let Some(card) = shared.card(potential) {
            return self.make_ready(shared, card, first);
        }
        let mut remark = None;
        let (mut batch, mut members, mut permits) = (Vec::new(), HashMap::new(), Vec::new());
        let (mut answered, mut waited) = (Vec::new(), Vec::new());
        let mut sum = BatchSum::default();
        let mut next = Some(first);
        let alone = next.as_ref().is_some_and(|waiting| waiting.task.structure.alone);
        while let Some(Waiting { task, ask, prepared }) = next.take() {
            let was_prepared = prepared.is_some();
            match self.ready(shared, potential, &task, &ask, prepared, batch.is_empty())? {
                Readiness::Answered(error) => answered.push((task, ask, (Err(error), 0.0))),
                Readiness::Full(prepared) => {
                    shared.queue.put_back(potential, Waiting { task, ask, prepared: Some(*prepared) });
                    break;
                }
                Readiness::Ready(prepared, permit) => {
                    if !batch.is_empty() && !self.engine(shared, potential)?.fits(&sum, &prepared.demand) {
                        shared.queue.put_back(potential, Waiting { task, ask, prepared: Some(*prepared) });
                        break;
                    }
                    sum = sum.and(&prepared.demand);
                    if was_prepared {
                        waited.push(task.clone());
                    }
                    members.insert(prepared.job.id, Member { task, ask, demand: prepared.demand });
                    permits.push(permit);
                    batch.push(*prepared);
                }
            }
            // Nothing is smaller than one atom without neighbors: where not even that fits, nobody need look.
            let smallest = Demand { n_atoms: 1, group: sum.demand.group, ..Demand::default() };
            while next.is_none() && !alone && !batch.is_empty() && self.engine(shared, potential)?.fits(&sum, &smallest)
            {
                match shared.queue.more(potential) {
                    Some(NextWork::Begin(assignment, _)) => {
                        remark = shared.begin(assignment, Some(potential))?.or(remark);
                    }
                    Some(NextWork::Evaluate { waiting, .. }) => next = Some(*waiting),
                    _ => break,
                }
            }
        }
        for (task, ask, timed) in answered {
            remark = hand_over(shared, Answered { task, ask, answer: timed.0, wall_s: timed.1 })?.or(remark);
        }
        if batch.is_empty() {
            return Ok(remark);
        }
        // What waited since it was prepared may have been cleared of suspicion meanwhile.
        for task in waited {
            shared.evaluator.journal.append(&started(&task))?;
        }
        let n_members = u32::try_from(members.len()).unwrap_or(u32::MAX);
        shared.evaluator.in_flight.fetch_add(n_members, Ordering::Relaxed);
        let answers = self.compute(shared, potential, batch, &members);
        shared.evaluator.in_flight.fetch_sub(n_members, Ordering::Relaxed);
        drop(permits);
        for (id, (answer, wall_s)) in answers? {
            if let Some(Member { task, ask, .. }) = members.remove(&id) {
                remark = hand_over(shared, Answered { task, ask, answer, wall_s })?.or(remark);
            }
        }
        for Member { task, ask, .. } in members.into_values() {
            let answer = Err(unanswered(shared, potential));
            remark = hand_over(shared, Answered { task, ask, answer, wall_s: 0.0 })?.or(remark);
        }
        Ok(remark)
    }

    /// Prepares a question for a card, where others join it.
    fn make_ready(&mut self, shared: &Shared, card: &Card, first: Waiting) -> Result<Option<String>, WorkError> {
        let Waiting { task, ask, prepared } = first;
        match self.ready(shared, card.potential(), &task, &ask, prepared, true)? {
            Readiness::Answered(error) => hand_over(shared, Answered { task, ask, answer: Err(error), wall_s: 0.0 }),
            Readiness::Ready(prepared, permit) => {
                card.push(&shared.queue, ReadyForCard { task, ask, prepared: *prepared, permit });
                Ok(None)
            }
            Readiness::Full(prepared) => {
                shared.queue.put_back(card.potential(), Waiting { task, ask, prepared: Some(*prepared) });
                Ok(None)
            }
        }
    }

    /// Prepares a question and reserves memory for it: the first of a batch waits for that, others do without.
    fn ready(
        &mut self,
        shared: &Shared,
        potential: usize,
        task: &RunningTask,
        ask: &Ask,
        prepared: Option<Prepared>,
        first: bool,
    ) -> Result<Readiness, WorkError> {
        let gate = &shared.evaluator.gate;
        let too_large = |needed_bytes| PredictError::TooLarge { needed_bytes, limit_bytes: gate.limit() };
        let Some(of) = shared.evaluator.potentials.get(potential).cloned() else {
            return Ok(Readiness::Answered(internal(shared, potential, "it is not part of this run".into())));
        };
        let mut needed = 0;
        let prepared = match prepared {
            Some(prepared) => prepared,
            None => {
                // A structure that is over its time begins no further evaluation.
                if let Err(error) = task.structure.deadline().check() {
                    return Ok(Readiness::Answered(error));
                }
                match catch_unwind(AssertUnwindSafe(|| of.working_bytes(&ask.structure))) {
                    // Before lists are made that may themselves be too large.
                    Ok(bytes) if bytes > gate.limit() => return Ok(Readiness::Answered(too_large(bytes))),
                    Ok(bytes) => needed = bytes,
                    Err(panic) => return Ok(Readiness::Answered(panicked(shared, potential, panic.as_ref()))),
                }
                let job = self.job(shared, task, ask);
                // Lists take memory too: whatever ends the process from here on is this task's.
                shared.evaluator.journal.append(&started(task))?;
                let _evaluating = fatal::evaluating(Some(task.key));
                let result = match shared.card(potential) {
                    Some(card) => catch_unwind(AssertUnwindSafe(|| card.preparer().prepare(job))),
                    None => {
                        let engine = self.engine(shared, potential)?;
                        catch_unwind(AssertUnwindSafe(|| engine.prepare(job)))
                    }
                };
                match result {
                    Ok(Ok(prepared)) => prepared,
                    Ok(Err((_, error))) => return Ok(Readiness::Answered(error)),
                    Err(panic) => {
                        self.forget_engine(potential);
                        return Ok(Readiness::Answered(panicked(shared, potential, panic.as_ref())));
                    }
                }
            }
        };
        if prepared.demand.host_bytes > 0 {
            needed = prepared.demand.host_bytes;
        }
        let of_workflow = shared.evaluator.calculation.working_bytes(task.structure.structure.n_atoms());
        let needed = (needed + for_threads(needed, self.threads.number())).saturating_add(of_workflow);
        if needed > gate.limit() {
            return Ok(Readiness::Answered(too_large(needed)));
        }
        // Nobody waits for memory while others wait for the batch that he holds.
        let permit = if first { gate.enter(needed) } else { gate.try_enter(needed) };
        Ok(match permit {
            Some(permit) => Readiness::Ready(Box::new(prepared), permit),
            None => Readiness::Full(Box::new(prepared)),
        })
    }

    fn job(&self, shared: &Shared, task: &RunningTask, ask: &Ask) -> Job {
        let id = JobId(shared.evaluator.n_jobs.fetch_add(1, Ordering::Relaxed));
        let structure = ask.structure.clone();
        Job { id, structure, request: ask.request, deadline: deadline(shared, task) }
    }

    /// Computes a batch. A device that has no room for it computes its halves; a potential that panics is asked for
    /// each structure alone, so that only one of them has its failure.
    pub(crate) fn compute(
        &mut self,
        shared: &Shared,
        potential: usize,
        mut batch: Vec<Prepared>,
        members: &HashMap<JobId, Member>,
    ) -> Result<Vec<(JobId, Timed)>, WorkError> {
        let ids: Vec<JobId> = batch.iter().map(|prepared| prepared.job.id).collect();
        for prepared in &mut batch {
            // It begins now; until now it waited for memory and for others.
            if let Some(member) = members.get(&prepared.job.id) {
                prepared.job.deadline = deadline(shared, &member.task);
            }
        }
        let begin = Instant::now();
        let (n_threads, _permit) = self.threads_of(shared, potential, members);
        let Self { engines, threads, .. } = self;
        let engine = open(engines, threads, shared, potential)?;
        let only = if let [id] = ids[..] { members.get(&id).map(|member| member.task.key) } else { None };
        let computed = threads.run(n_threads, || {
            let _evaluating = fatal::evaluating(only);
            catch_unwind(AssertUnwindSafe(|| submit_and_collect(engine, batch)))
        });
        let wall_s = begin.elapsed().as_secs_f64();
        match computed {
            Ok(Ok(answers)) => timed(shared, potential, answers, members, wall_s),
            Ok(Err(BatchError { error: error @ DeviceError::OutOfMemory(_), batch })) => match batch.len() {
                0 => Err(lost(shared, potential, error)),
                1 => Ok(ids.into_iter().map(|id| (id, (Err(PredictError::Device(error.clone())), wall_s))).collect()),
                n => {
                    let mut first = batch;
                    let second = first.split_off(n / 2);
                    let mut answers = self.compute(shared, potential, first, members)?;
                    answers.extend(self.compute(shared, potential, second, members)?);
                    Ok(answers)
                }
            },
            Ok(Err(BatchError { error, .. })) => Err(lost(shared, potential, error)),
            Err(panic) => {
                self.forget_engine(potential);
                if let [id] = ids[..] {
                    return Ok(vec![(id, (Err(panicked(shared, potential, panic.as_ref())), wall_s))]);
                }
                self.alone(shared, potential, ids, members)
            }
        }
    }

    /// Threads for a batch, and memory for those that are not the worker's own: at the end of the work others have
    /// nothing to do, and the last evaluations are done sooner on all threads.
    fn threads_of(
        &self,
        shared: &Shared,
        potential: usize,
        members: &HashMap<JobId, Member>,
    ) -> (usize, Option<MemoryPermit>) {
        let own = self.threads.number();
        let of = shared.evaluator.potentials.get(potential);
        let cost = |member: &Member| of.map_or(0.0, |of| of.cost(&member.ask.structure));
        let Some(all) = shared.lent_threads else { return (own, None) };
        let lent = shared.queue.busy_at_the_end().map_or(own, |n_busy| lent_threads(all, n_busy));
        if lent <= own
            || members.values().map(cost).sum::<f64>() < WORTH_LENDING_S
            || members.values().any(|member| member.task.structure.alone)
        {
            return (own, None);
        }
        let needed = members.values().map(|member| member.demand.host_bytes).sum();
        let more = for_threads(needed, lent).saturating_sub(for_threads(needed, own));
        match shared.evaluator.gate.try_enter(more) {
            Some(permit) => (lent, Some(permit)),
            None => (own, None),
        }
    }

    /// Computes jobs whose preparation was lost one after the other.
    fn alone(
        &mut self,
        shared: &Shared,
        potential: usize,
        ids: Vec<JobId>,
        members: &HashMap<JobId, Member>,
    ) -> Result<Vec<(JobId, Timed)>, WorkError> {
        let mut answers = Vec::new();
        for id in ids {
            let Some(member) = members.get(&id) else { continue };
            let job = Job { id, ..self.job(shared, &member.task, &member.ask) };
            match self.engine(shared, potential)?.prepare(job) {
                Ok(prepared) => answers.extend(self.compute(shared, potential, vec![prepared], members)?),
                Err((id, error)) => answers.push((id, (Err(error), 0.0))),
            }
        }
        Ok(answers)
    }

    /// Computes all jobs of a batch one after the other.
    pub(crate) fn each_alone(
        &mut self,
        shared: &Shared,
        potential: usize,
        members: &HashMap<JobId, Member>,
    ) -> Result<Vec<(JobId, Timed)>, WorkError> {
        self.alone(shared, potential, members.keys().copied().collect(), members)
    }

    /// Computes a potential with this engine from here on.
    pub(crate) fn put_engine(&mut self, potential: usize, engine: Box<dyn Engine>) {
        if let Some(place) = self.engines.get_mut(potential) {
            *place = Some(engine);
        }
    }

    pub(crate) fn engine(&mut self, shared: &Shared, potential: usize) -> Result<&mut Box<dyn Engine>, WorkError> {
        open(&mut self.engines, &self.threads, shared, potential)
    }

    /// What a panic left behind is not used again.
    pub(crate) fn forget_engine(&mut self, potential: usize) {
        if let Some(place) = self.engines.get_mut(potential) {
            *place = None;
        }
    }
}

fn open<'a>(
    engines: &'a mut [Option<Box<dyn Engine>>],
    threads: &EvaluationThreads,
    shared: &Shared,
    potential: usize,
) -> Result<&'a mut Box<dyn Engine>, WorkError> {
    let missing = || DeviceError::Lost("it is not part of this run".into());
    let place = engines.get_mut(potential).ok_or_else(|| lost(shared, potential, missing()))?;
    match place {
        Some(engine) => Ok(engine),
        None => {
            let of = shared.evaluator.potentials.get(potential).ok_or_else(|| lost(shared, potential, missing()))?;
            let rank_on_host = shared.evaluator.rank_on_host;
            let resources = EngineResources { threads: threads.number(), rank_on_host };
            let opened = Arc::clone(of).open(resources).map_err(|error| lost(shared, potential, error))?;
            Ok(place.insert(opened))
        }
    }
}

/// What the journal holds from here until the task's record, or its answers.
fn started(task: &RunningTask) -> Frame {
    Frame::Started { key: task.key, alone: task.structure.alone }
}

fn submit_and_collect(engine: &mut Box<dyn Engine>, batch: Vec<Prepared>) -> Result<Vec<Answer>, BatchError> {
    let ticket = engine.submit(batch)?;
    engine.collect(ticket)
}

fn deadline(shared: &Shared, task: &RunningTask) -> Deadline {
    shared.evaluator.timeout.map_or(Deadline::NONE, Deadline::after).earliest(task.structure.deadline())
}

/// What the threads beside the first take in an evaluation that needs this on one thread: measured with CHGNet, the
/// most of all potentials, 10 to 50 MB each.
pub(crate) fn for_threads(needed: u64, threads: usize) -> u64 {
    const BYTES_PER_THREAD: u64 = 40_000_000;
    (threads as u64 - 1) * BYTES_PER_THREAD.min(needed / 2)
}

//! The thread that keeps a card busy: forms batches of what workers have made ready, has two of them under way, and gives
//! the answers to the workers.

use crate::answers::{Member, Timed, hand_over, lost, panicked, timed, unanswered};
use crate::batch::Batches;
use crate::batcher::Answered;
use crate::card::{Card, ReadyForCard};
use crate::fatal;
use crate::memory_gate::MemoryPermit;
use crate::shared::{Shared, WorkError};
use mlip_atoms::DeviceError;
use mlip_atoms::engine::{Answer, BatchError, JobId, Prepared, Ticket};
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Batches under way at a time: while one is computed, the next is copied.
const UNDER_WAY: usize = 2;
/// Answers that a worker takes at a time.
const ANSWERS: usize = 32;
/// Between two looks at a batch that is computed while the next one fills.
const LOOK_EVERY: Duration = Duration::from_micros(500);
/// Between two looks whether the run goes on.
const IDLE: Duration = Duration::from_millis(10);

/// A batch on the card.
struct Flight {
    ticket: Ticket,
    members: HashMap<JobId, Member>,
    permits: Vec<MemoryPermit>,
    submitted: Instant,
}

/// Feeds a card until the queue is closed. Gives what people should know.
pub(crate) fn feed(shared: &Shared, card: &Card, batches: &mut Batches) -> Result<Option<String>, WorkError> {
    let missing = || lost(shared, card.potential(), DeviceError::Lost("its engine is in use".into()));
    batches.put_engine(card.potential(), card.take_engine().ok_or_else(missing)?);
    let mut feeder =
        Feeder { shared, card, batches, flights: VecDeque::new(), collected: Instant::now(), remark: None };
    card.begin(&shared.queue);
    let result = feeder.run();
    if result.is_err() {
        // Memory for others, and an end that waits for nothing.
        feeder.flights.clear();
        card.close(&shared.queue);
        shared.queue.lose_card(card.potential());
    }
    result.map(|()| feeder.remark)
}

struct Feeder<'a> {
    shared: &'a Shared,
    card: &'a Card,
    batches: &'a mut Batches,
    flights: VecDeque<Flight>,
    /// When the last batch was.
    collected: Instant,
    remark: Option<String>,
}

impl Feeder<'_> {
    fn run(&mut self) -> Result<(), WorkError> {
        loop {
            let closed = self.shared.queue.is_closed();
            if closed {
                self.card.close(&self.shared.queue);
            } else if self.flights.len() < UNDER_WAY {
                let batch = self.card.take(&self.shared.queue, !self.flights.is_empty());
                if !batch.is_empty() {
                    self.submit(batch)?;
                    continue;
                }
            }
            match self.flights.front().map(|flight| flight.ticket) {
                None if closed => return Ok(()),
                None => self.card.wait(IDLE),
                Some(ticket) => {
                    let is_due = closed || self.flights.len() == UNDER_WAY;
                    if is_due || self.batches.engine(self.shared, self.card.potential())?.is_done(ticket) {
                        self.collect()?;
                    } else {
                        self.card.wait(LOOK_EVERY);
                    }
                }
            }
        }
    }

    fn submit(&mut self, ready: Vec<ReadyForCard>) -> Result<(), WorkError> {
        let (mut batch, mut permits, mut members) = (Vec::new(), Vec::new(), HashMap::new());
        for ReadyForCard { task, ask, prepared, permit } in ready {
            members.insert(prepared.job.id, Member { task, ask, demand: prepared.demand });
            permits.push(permit);
            batch.push(prepared);
        }
        self.shared.evaluator.in_flight.fetch_add(number(&members), Ordering::Relaxed);
        let submitted = Instant::now();
        let engine = self.batches.engine(self.shared, self.card.potential())?;
        let result = {
            let _evaluating = fatal::evaluating(only(&members));
            catch_unwind(AssertUnwindSafe(|| engine.submit(batch)))
        };
        match result {
            Ok(Ok(ticket)) => self.flights.push_back(Flight { ticket, members, permits, submitted }),
            Ok(Err(BatchError { error: DeviceError::OutOfMemory(_), batch })) => {
                // What is under way has memory that may be missing here.
                while !self.flights.is_empty() {
                    self.collect()?;
                }
                self.recompute(members, permits, batch)?;
            }
            Ok(Err(BatchError { error, .. })) => return Err(lost(self.shared, self.card.potential(), error)),
            Err(panic) => self.start_anew(members, permits, panic.as_ref())?,
        }
        Ok(())
    }

    /// Waits for the oldest batch.
    fn collect(&mut self) -> Result<(), WorkError> {
        let Some(Flight { ticket, members, permits, submitted }) = self.flights.pop_front() else { return Ok(()) };
        let engine = self.batches.engine(self.shared, self.card.potential())?;
        let result = {
            let _evaluating = fatal::evaluating(only(&members));
            catch_unwind(AssertUnwindSafe(|| engine.collect(ticket)))
        };
        // Two are under way: this one began when the one before it was done.
        let wall_s = submitted.max(self.collected).elapsed().as_secs_f64();
        self.collected = Instant::now();
        match result {
            Ok(Ok(answers)) => {
                let answers = self.timed(answers, &members, wall_s)?;
                self.deliver(members, permits, answers)
            }
            Ok(Err(BatchError { error: DeviceError::OutOfMemory(_), batch })) => {
                self.recompute(members, permits, batch)
            }
            Ok(Err(BatchError { error, .. })) => Err(lost(self.shared, self.card.potential(), error)),
            Err(panic) => self.start_anew(members, permits, panic.as_ref()),
        }
    }

    fn recompute(
        &mut self,
        members: HashMap<JobId, Member>,
        permits: Vec<MemoryPermit>,
        batch: Vec<Prepared>,
    ) -> Result<(), WorkError> {
        let answers = self.batches.compute(self.shared, self.card.potential(), batch, &members)?;
        self.deliver(members, permits, answers)
    }

    /// After a panic: what was under way is computed one by one, by a new engine.
    fn start_anew(
        &mut self,
        members: HashMap<JobId, Member>,
        permits: Vec<MemoryPermit>,
        panic: &(dyn std::any::Any + Send),
    ) -> Result<(), WorkError> {
        let potential = self.card.potential();
        self.batches.forget_engine(potential);
        let others: Vec<Flight> = self.flights.drain(..).collect();
        // One that was alone is the one that panicked.
        if let (1, Some(id), true) = (members.len(), members.keys().next().copied(), others.is_empty()) {
            let answer = (id, (Err(panicked(self.shared, potential, panic)), 0.0));
            return self.deliver(members, permits, vec![answer]);
        }
        let answers = self.batches.each_alone(self.shared, potential, &members)?;
        self.deliver(members, permits, answers)?;
        for Flight { members, permits, .. } in others {
            let answers = self.batches.each_alone(self.shared, potential, &members)?;
            self.deliver(members, permits, answers)?;
        }
        Ok(())
    }

    fn timed(
        &self,
        answers: Vec<Answer>,
        members: &HashMap<JobId, Member>,
        wall_s: f64,
    ) -> Result<Vec<(JobId, Timed)>, WorkError> {
        timed(self.shared, self.card.potential(), answers, members, wall_s)
    }

    /// Gives answers to the workers; memory is free for others at once.
    fn deliver(
        &mut self,
        mut members: HashMap<JobId, Member>,
        permits: Vec<MemoryPermit>,
        answers: Vec<(JobId, Timed)>,
    ) -> Result<(), WorkError> {
        self.shared.evaluator.in_flight.fetch_sub(number(&members), Ordering::Relaxed);
        drop(permits);
        let mut answered = Vec::with_capacity(members.len());
        for (id, (answer, wall_s)) in answers {
            if let Some(Member { task, ask, .. }) = members.remove(&id) {
                answered.push(Answered { task, ask, answer, wall_s });
            }
        }
        for Member { task, ask, .. } in members.into_values() {
            let error = unanswered(self.shared, self.card.potential());
            answered.push(Answered { task, ask, answer: Err(error), wall_s: 0.0 });
        }
        let mut chunks = Vec::with_capacity(answered.len().div_ceil(ANSWERS));
        while !answered.is_empty() {
            let rest = answered.split_off(ANSWERS.min(answered.len()));
            chunks.push(std::mem::replace(&mut answered, rest));
        }
        for answered in self.shared.queue.answer(self.card.potential(), chunks) {
            let n = answered.len();
            for answered in answered {
                if let Some(remark) = hand_over(self.shared, answered)? {
                    self.remark = Some(remark);
                }
            }
            self.shared.queue.leave_card(self.card.potential(), n);
        }
        Ok(())
    }
}

fn number(members: &HashMap<JobId, Member>) -> u32 {
    u32::try_from(members.len()).unwrap_or(u32::MAX)
}

/// The task of a batch of one.
fn only(members: &HashMap<JobId, Member>) -> Option<mlip_store::TaskKey> {
    let mut all = members.values();
    all.next().filter(|_| members.len() == 1).map(|member| member.task.key)
}

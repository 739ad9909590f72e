//! The life of one rank between its first and its last order.

use crate::budget::ThreadBudget;
use crate::card::Card;
use crate::coordinator::LOW_WATER_S;
use crate::error::with_causes;
use crate::memory::{Resident, Sharing};
use crate::memory_watch::MemoryWatch;
use crate::pool::Pool;
use crate::protocol::{Order, Report, Tally};
use crate::results::SharedResults;
use crate::shared::{Event, Shared};
use crate::signals::Signals;
use mlip_store::report::{RowMakers, TableJob, TableRows, Tabulator};
use mlip_store::{Frame, MemorySample, StoreError};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// What a rank needs to know of its run.
pub(crate) struct RankSettings {
    pub(crate) tabulator: Arc<Tabulator>,
    pub(crate) budget: ThreadBudget,
    pub(crate) begin: Instant,
    pub(crate) sample_every: Duration,
    pub(crate) sync_every: Duration,
    pub(crate) drain_limit: Duration,
    pub(crate) weight_bytes: u64,
    pub(crate) memory_watch: MemoryWatch,
    /// Longest time between two reports of progress, when there is any.
    pub(crate) report_every: Duration,
}

/// The main thread's side of a rank.
pub(crate) struct RankLife {
    settings: RankSettings,
    pool: Pool,
    /// Started with the first rows that are wanted, when evaluations have ended.
    makers: Option<RowMakers>,
    signals: Signals,
    signaled: bool,
    /// Whether the journal says that the rank was asked to end.
    draining: bool,
    drain_until: Option<Instant>,
    closed: bool,
    abandoned: bool,
    sampled: Option<Instant>,
    reported: Tally,
    reported_at: Instant,
    times_at: Option<Instant>,
    noted_at: Instant,
}

impl RankLife {
    pub(crate) fn begin(shared: Shared, settings: RankSettings, signals: Signals) -> std::io::Result<Self> {
        let pool = Pool::start(Arc::new(shared), &settings.budget, settings.sync_every)?;
        Ok(Self {
            settings,
            pool,
            makers: None,
            signals,
            signaled: false,
            draining: false,
            drain_until: None,
            closed: false,
            abandoned: false,
            sampled: None,
            reported: Tally::default(),
            reported_at: Instant::now(),
            times_at: None,
            noted_at: Instant::now(),
        })
    }

    /// Whether threads were left to themselves: the process must exit, not return.
    pub(crate) fn has_abandoned_threads(&self) -> bool {
        self.abandoned
    }

    /// Does what the root orders; what there is to report at once.
    pub(crate) fn carry_out(&mut self, order: Order) -> Vec<Report> {
        let queue = &self.pool.shared.queue;
        match order {
            Order::Read(entries) => queue.push_read(entries),
            Order::Compute(assignments) => queue.push_compute(assignments),
            Order::Drain => {
                queue.close();
                self.drain_until.get_or_insert_with(|| Instant::now() + self.settings.drain_limit);
            }
            Order::Close => return self.close(),
            Order::Tabulate(number, job) => self.make_rows(number, job),
            Order::Leave(_) => {}
        }
        Vec::new()
    }

    /// Has the rows of a job made by threads of this rank.
    pub(crate) fn make_rows(&mut self, number: u64, job: TableJob) {
        let RankSettings { tabulator, budget, .. } = &self.settings;
        let makers = self.makers.get_or_insert_with(|| RowMakers::start(Arc::clone(tabulator), budget.threads()));
        makers.make(number, job);
    }

    /// Whether this rank would soon begin with another job.
    pub(crate) fn has_room_for_rows(&self) -> bool {
        self.makers.as_ref().is_none_or(RowMakers::has_room)
    }

    /// Rows that were made; waits at most this long for them.
    pub(crate) fn made_rows(&mut self, wait: Duration) -> Option<(u64, Result<TableRows, StoreError>)> {
        self.makers.as_mut().filter(|makers| makers.is_busy())?.made(wait)
    }

    /// Threads that the rank may keep busy.
    pub(crate) fn threads(&self) -> usize {
        self.settings.budget.threads()
    }

    /// Whether a signal has asked for the end.
    pub(crate) fn is_asked_to_end(&mut self) -> bool {
        self.signals.is_asked()
    }

    /// Looks after the rank; what there is to report.
    pub(crate) fn tick(&mut self) -> Vec<Report> {
        let mut reports: Vec<Report> = Vec::new();
        while let Ok(event) = self.pool.events.try_recv() {
            reports.push(report_of(event));
        }
        while let Some(made) = self.made_rows(Duration::ZERO) {
            reports.push(tabulated(made));
        }
        if !self.signaled && self.signals.is_asked() {
            self.signaled = true;
            reports.push(Report::Signal);
        } else if self.signaled {
            self.signals.is_asked();
        }
        if self.closed {
            return reports;
        }
        if !self.draining && (self.signaled || self.drain_until.is_some()) {
            self.draining = true;
            let kills = self.settings.memory_watch.kills();
            reports.extend(self.append([Some(Frame::Draining), kills]));
        }
        let watch = &mut self.settings.memory_watch;
        let first = if self.sampled.is_none() { watch.kills() } else { None };
        let memory = [first, watch.pressed()];
        reports.extend(self.append(memory));
        let sample_every = self.settings.sample_every;
        if self.sampled.is_none_or(|at| at.elapsed() >= sample_every)
            && let Err(message) = self.sample()
        {
            reports.push(Report::Broken(message));
        }
        if let Some(progress) = self.progress() {
            reports.push(progress);
            reports.extend(self.times());
        }
        if self.noted_at.elapsed() >= self.settings.report_every {
            self.noted_at = Instant::now();
            let noted = self.pool.shared.evaluator.journal.noted();
            reports.extend((!noted.is_empty()).then_some(Report::Noted(noted)));
        }
        if let Some(until) = self.drain_until
            && (self.pool.shared.queue.is_idle() || Instant::now() >= until)
        {
            reports.extend(self.close());
        }
        reports
    }

    /// Adds frames to the journal; what is to be reported if that cannot be done.
    fn append(&self, frames: impl IntoIterator<Item = Option<Frame>>) -> Option<Report> {
        let journal = &self.pool.shared.evaluator.journal;
        let result = frames.into_iter().flatten().try_for_each(|frame| journal.append(&frame));
        result.err().map(|error| Report::Broken(with_causes(&error)))
    }

    /// Waits for workers or for the end of the pause.
    pub(crate) fn wait(&mut self, pause: Duration) -> Option<Report> {
        if self.makers.as_ref().is_some_and(RowMakers::is_busy) {
            return self.made_rows(pause).map(tabulated);
        }
        self.pool.events.recv_timeout(pause).ok().map(report_of)
    }

    fn tally(&self) -> Tally {
        let shared = &self.pool.shared;
        let mut tally = *shared.tally.lock().unwrap_or_else(PoisonError::into_inner);
        // A relaxation is in flight between its evaluations too.
        let structures = u32::try_from(shared.queue.structures()).unwrap_or(u32::MAX);
        tally.in_flight = shared.evaluator.in_flight.load(Ordering::Relaxed).max(structures);
        // Where cores have a part of the work, more structures would only wait for them.
        let most = |most: usize, card: &Option<Card>| Some(most.max(card.as_ref()?.wanted()));
        let wanted = shared.cards.iter().try_fold(0, most).unwrap_or(0);
        tally.wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        tally
    }

    /// Progress is reported to the root when the rank runs low, otherwise now and then.
    fn progress(&mut self) -> Option<Report> {
        let tally = self.tally();
        let is_new =
            tally.in_flight != self.reported.in_flight && self.reported_at.elapsed() >= self.settings.report_every;
        let wants_more = tally.wanted > self.reported.wanted;
        if tally.structures == self.reported.structures && !is_new && !wants_more {
            return None;
        }
        let workers = self.settings.budget.structure_workers.get();
        let backlog = self.pool.shared.queue.backlog();
        let low = backlog.structures < 2 * workers || backlog.cost < LOW_WATER_S * workers as f64;
        if !low && !wants_more && self.reported_at.elapsed() < self.settings.report_every {
            return None;
        }
        self.report_of_progress(tally)
    }

    /// What the potentials should have taken and what they took, if it is time to say so.
    fn times(&mut self) -> Option<Report> {
        if self.times_at.is_some_and(|at| at.elapsed() < self.settings.report_every) {
            return None;
        }
        self.times_at = Some(Instant::now());
        let times = self.pool.shared.evaluator.times.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Report::Times(times.clone()))
    }

    fn report_of_progress(&mut self, mut tally: Tally) -> Option<Report> {
        (tally.resident_bytes, tally.peak_bytes) = (self.reported.resident_bytes, self.reported.peak_bytes);
        if self.reported_at.elapsed() >= self.settings.report_every || tally.peak_bytes == 0 {
            let resident = Resident::sample();
            (tally.resident_bytes, tally.peak_bytes) = (resident.now_bytes, resident.peak_bytes);
        }
        self.reported_at = Instant::now();
        self.reported = tally;
        Some(Report::Progress(tally))
    }

    fn sample(&mut self) -> Result<(), String> {
        self.sampled = Some(Instant::now());
        let (resident, tally) = (Resident::sample(), self.tally());
        let shared = &self.pool.shared;
        let sample = MemorySample {
            time_s: self.settings.begin.elapsed().as_secs_f64(),
            resident_bytes: resident.now_bytes,
            peak_bytes: resident.peak_bytes,
            weight_bytes: self.settings.weight_bytes,
            sharing: Sharing::sample()
                .map(|sharing| [sharing.private_bytes, sharing.shared_bytes, sharing.proportional_bytes]),
            held_bytes: shared.cache.bytes() as u64,
            promised_bytes: shared.evaluator.gate.taken(),
            in_flight: shared.evaluator.in_flight.load(Ordering::Relaxed),
            finished: tally.finished,
            busy_s: tally.busy_s,
        };
        self.pool.shared.evaluator.journal.append(&Frame::Memory(sample)).map_err(|error| with_causes(&error))
    }

    /// Leaves in the middle of the work, because the job ends: evaluations in flight are given up, and must not look like
    /// the cause.
    pub(crate) fn give_up(&mut self) {
        if !self.closed {
            // Nobody listens any more.
            let _ = self.close();
        }
    }

    /// Ends the workers and the journal; once. The last report is [`Report::Closed`].
    fn close(&mut self) -> Vec<Report> {
        let mut reports = Vec::new();
        let idle = self.pool.shared.queue.is_idle();
        let last = self.sample();
        let resident = Resident::sample();
        let (resident_bytes, peak_bytes) = (resident.now_bytes, resident.peak_bytes);
        let progress = Tally { resident_bytes, peak_bytes, ..self.tally() };
        self.pool.end(idle);
        self.abandoned |= !idle;
        let results = &self.pool.shared.evaluator.results;
        if let Some(Err(error)) = results.as_ref().map(SharedResults::close) {
            let text = format!("the cache may lack results of this attempt: {}", with_causes(&error));
            reports.push(Report::Remark(text));
        }
        let last = last.and_then(|()| self.pool.shared.keep_answers().map_err(|error| with_causes(&error)));
        let kills = self.settings.memory_watch.kills();
        let last = last.and_then(|()| match self.append([kills]) {
            Some(Report::Broken(message)) => Err(message),
            _ => Ok(()),
        });
        let closed = last.and_then(|()| match self.pool.shared.evaluator.journal.close() {
            Ok(Some(rest)) => Ok(rest),
            Ok(None) => Err("the journal was closed before".to_owned()),
            Err(error) => Err(with_causes(&error)),
        });
        // One that cannot be closed must not be tried again.
        self.closed = true;
        reports.push(Report::Closed(progress, closed));
        reports
    }
}

fn tabulated((number, rows): (u64, Result<TableRows, StoreError>)) -> Report {
    Report::Tabulated(number, rows.map_err(|error| with_causes(&error)))
}

fn report_of(event: Event) -> Report {
    match event {
        Event::Read(answers) => Report::Read(answers),
        Event::Remark(remark) => Report::Remark(remark),
        Event::Broken(message) => Report::Broken(message),
    }
}

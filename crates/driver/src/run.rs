//! One attempt of a run, from its first to its last message: set up → survey → compute → gather → report.

use crate::budget::{Machine, Share, ThreadBudget, ThreadRequest, shares};
use crate::cache::StructureCache;
use crate::config::RunConfig;
use crate::coordinator::{Coordinator, Policy};
use crate::evaluate::Evaluator;
use crate::gather::RankRecords;
use crate::journal::SharedJournal;
use crate::memory::{MemoryGate, machine_bytes};
use crate::progress::Progress;
use crate::protocol::{End, Hello, Message, Order, ProtocolError, Report, Tally, Welcome, decode, encode};
use crate::queue::Queue;
use crate::rank::{Circumstances, RankLife};
use crate::root::Root;
use crate::signals::Signals;
use crate::source::StructureSource;
use crate::worker::{Shared, with_causes};
use mlip_atoms::Potential;
use mlip_inputs::Manifest;
use mlip_ranks::{Channel, Communicator, Pause, Rank};
use mlip_store::journal::JournalFile;
use mlip_store::report::{
    JournalSurveys, Provenance, ReportCounts, ReportOptions, ReportPlan, ReportWriter, write_entries,
};
use mlip_store::{CrashPolicy, JournalHeader, Ledger, LedgerBuilder, RetryFailed, RunId, RunLock, StoreError};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use thiserror::Error;

/// What all ranks know of an attempt: decided by the root, given to everybody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// The run folder.
    pub run_dir: PathBuf,
    /// The settings in force.
    pub config: RunConfig,
    /// Number of this attempt, from 1.
    pub attempt: u32,
    /// When it began, seconds since 1970.
    pub started_unix_s: u64,
    /// Journals of earlier attempts: attempt, rank, file, bytes.
    journals: Vec<(u32, u32, PathBuf, u64)>,
}

/// What only the root has.
pub struct RootPart {
    /// The input list.
    pub entries: Manifest,
    /// The right to work in the run folder.
    pub lock: RunLock,
    /// Failures to be repeated.
    pub retry: RetryFailed,
    /// Without a bar or lines of progress.
    pub quiet: bool,
}

/// What every rank computes with.
pub struct Engine {
    /// In the order of the settings.
    pub potentials: Vec<Arc<dyn Potential>>,
    /// Reads entries.
    pub source: Arc<dyn StructureSource>,
}

/// How an attempt ended on this rank.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// How it ended.
    pub end: End,
    /// Counts and files of the report: on the root, when complete.
    pub report: Option<(ReportCounts, Vec<PathBuf>)>,
    /// Evaluations still run on threads that nobody waits for: the caller must exit the process.
    pub abandoned_threads: bool,
}

/// Why an attempt ended before its time.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The run folder cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Ranks do not understand each other.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// Something on one of the ranks.
    #[error("{0}")]
    Broken(String),
    /// Another rank has the error and tells of it.
    #[error("another rank could not go on")]
    Elsewhere,
}

impl Setup {
    /// A new attempt in this run folder.
    ///
    /// # Errors
    /// When the journals of earlier attempts cannot be listed.
    pub fn new(run_dir: PathBuf, config: RunConfig) -> Result<Self, StoreError> {
        let attempts = mlip_store::journal::Attempts::list(&run_dir)?;
        for stranger in &attempts.unknown {
            tracing::warn!("`{}` is not a journal; left alone", stranger.display());
        }
        let started_unix_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let attempt = attempts.next();
        let journals =
            attempts.files.into_iter().map(|file| (file.attempt, file.rank, file.path, file.bytes)).collect();
        Ok(Self { run_dir, config, attempt, started_unix_s, journals })
    }

    /// Gives everybody the root's setup; `None` on the other ranks. A root that has no setup to give
    /// says so with [`Setup::call_off`].
    ///
    /// # Errors
    /// When the root has called the run off.
    pub fn share(self_at_root: Option<&Self>, ranks: &mut dyn Communicator) -> Result<Self, RunError> {
        let word: Vec<u8> = match self_at_root {
            Some(setup) => encode(&Some(setup))?,
            None => Vec::new(),
        };
        decode::<Option<Self>>(&ranks.broadcast(word))?.ok_or(RunError::Elsewhere)
    }

    /// Tells everybody that there will be no run.
    pub fn call_off(ranks: &mut dyn Communicator) {
        if let Ok(word) = encode(&None::<Self>) {
            ranks.broadcast(word);
        }
    }

    fn run_id(&self) -> Result<RunId, RunError> {
        RunId::parse(&self.config.run)
            .ok_or_else(|| RunError::Broken(format!("`{}` in run.toml is not the identity of a run", self.config.run)))
    }

    /// This rank's part of the earlier journals: by size, so that all ranks read about as much.
    fn scan(&self, rank: Rank, size: usize) -> Result<Vec<u8>, RunError> {
        let run = self.run_id()?;
        let mut builder = LedgerBuilder::new();
        let mut loads = vec![0u64; size];
        for (attempt, writer, path, bytes) in &self.journals {
            let lightest = (0..size).min_by_key(|index| loads.get(*index).copied()).unwrap_or(0);
            loads[lightest] += bytes + 4096;
            if lightest == rank.index() {
                let file = JournalFile { attempt: *attempt, rank: *writer, path: path.clone(), bytes: *bytes };
                builder.scan(&file, run)?;
            }
        }
        Ok(builder.finish().to_bytes()?)
    }
}

/// Runs one attempt; every rank calls it with the same setup.
///
/// # Errors
/// When a rank cannot go on. All ranks end then; what was computed is in the journals.
pub fn execute(
    ranks: &mut dyn Communicator,
    setup: &Setup,
    root: Option<RootPart>,
    engine: Result<Engine, String>,
    signals: Signals,
) -> Result<Finish, RunError> {
    let begin = Instant::now();
    let engine = engine.and_then(|engine| check(&engine, setup).map(|()| engine));
    let (share, ledger) = greet(ranks, setup, engine.as_ref().err())?;
    // Without an engine the greeting has failed on all ranks.
    let engine = engine.map_err(RunError::Broken)?;
    let prepared = prepare(ranks, setup, share, engine, begin, signals);
    let workers = exchange_workers(ranks, prepared.as_ref().map(|(workers, _)| *workers).map_err(Clone::clone))?;
    let (_, life) = prepared.map_err(RunError::Broken)?;
    let root = root.map(|part| {
        let physics = &setup.config.physics;
        let max_crashes = setup.config.resources.max_crashes;
        let policy = Policy { retry: part.retry, crashes: CrashPolicy { max_crashes } };
        let (ids, settings) = (physics.potential_ids(), physics.settings());
        let coordinator = Coordinator::new(part.entries, ledger, policy, ids, settings, &workers);
        Root::new(coordinator, part.lock, Progress::new(begin, part.quiet), ranks.size())
    });
    let mut life = life;
    let mut root = root;
    let end = live(ranks, root.as_mut(), &mut life)?;
    let report = match root {
        Some(root) => conclude(ranks, setup, root, end)?,
        None if end == End::Failed => return Err(RunError::Elsewhere),
        None => None,
    };
    Ok(Finish { end, report, abandoned_threads: life.has_abandoned_threads() })
}

fn check(engine: &Engine, setup: &Setup) -> Result<(), String> {
    let expected = setup.config.physics.potential_ids();
    let found: Vec<_> = engine.potentials.iter().map(|potential| potential.id().clone()).collect();
    if found == expected {
        return Ok(());
    }
    Err(format!(
        "loaded {found:?}, but the run computes with {expected:?}; is every node reading the same checkpoint files?"
    ))
}

/// Everybody introduces itself and brings its part of the earlier journals. Answers this rank's share of
/// its machine; on the root also the ledger of all journals.
fn greet(ranks: &mut dyn Communicator, setup: &Setup, trouble: Option<&String>) -> Result<(Share, Ledger), RunError> {
    let ledger = match trouble {
        Some(message) => Err(message.clone()),
        None => setup.scan(ranks.rank(), ranks.size()).map_err(|error| with_causes(&error)),
    };
    let hello = Hello { machine: Machine::look(ranks.host()), ledger };
    let hellos = ranks.gather(encode(&hello)?);
    let mut builder = LedgerBuilder::new();
    let mut machines = Vec::new();
    let mut trouble = None;
    for (rank, bytes) in hellos.iter().enumerate() {
        let hello: Hello = decode(bytes)?;
        machines.push(hello.machine);
        match hello.ledger {
            Ok(bytes) => builder.absorb(Ledger::from_bytes(&bytes)?),
            Err(message) => {
                trouble.get_or_insert(format!("rank {rank}: {message}"));
            }
        }
    }
    let welcome: Welcome = match trouble {
        Some(message) => Err(message),
        None => Ok(shares(&machines)),
    };
    let shares: Welcome = decode(&ranks.broadcast(encode(&welcome)?))?;
    let shares = shares.map_err(|message| elsewhere(ranks, message))?;
    let share = shares.get(ranks.rank().index()).copied();
    let share = share.ok_or_else(|| RunError::Broken("this rank was not greeted".into()))?;
    Ok((share, builder.finish()))
}

/// The root tells of an error; the others end quietly.
fn elsewhere(ranks: &dyn Communicator, message: String) -> RunError {
    if ranks.is_root() { RunError::Broken(message) } else { RunError::Elsewhere }
}

/// The structure workers of all ranks, by rank.
fn exchange_workers(ranks: &mut dyn Communicator, own: Result<usize, String>) -> Result<Vec<usize>, RunError> {
    let all = ranks.gather(encode(&own)?);
    let all = all.iter().enumerate().map(|(rank, bytes)| {
        decode::<Result<usize, String>>(bytes)
            .map_err(|error| with_causes(&error))
            .and_then(|own| own)
            .map_err(|message| format!("rank {rank}: {message}"))
    });
    let all: Result<Vec<usize>, String> = all.collect();
    let all: Result<Vec<usize>, String> = decode(&ranks.broadcast(encode(&all)?))?;
    all.map_err(|message| elsewhere(ranks, message))
}

fn prepare(
    ranks: &mut dyn Communicator,
    setup: &Setup,
    share: Share,
    engine: Engine,
    begin: Instant,
    signals: Signals,
) -> Result<(usize, RankLife), String> {
    let (physics, resources) = (&setup.config.physics, &setup.config.resources);
    let request = ThreadRequest {
        structure_workers: resources.structure_workers,
        mlip_workers: resources.mlip_workers,
        threads_per_mlip: resources.threads_per_mlip,
        cpus_per_task: std::env::var("SLURM_CPUS_PER_TASK").ok().and_then(|text| text.parse().ok()),
    };
    let budget =
        ThreadBudget::resolve(request, share.cores, physics.potentials.len()).map_err(|error| error.to_string())?;
    if ranks.is_root() {
        tracing::info!("attempt {}: {} ranks, each {budget}", setup.attempt, ranks.size());
        if budget.is_oversubscribed() {
            tracing::warn!("{} threads were asked for on {} cores of a rank", budget.threads(), budget.cores);
        }
    }
    let header = JournalHeader {
        run: setup.run_id().map_err(|error| error.to_string())?,
        attempt: setup.attempt,
        rank: ranks.rank().0,
        n_ranks: Rank::from_index(ranks.size()).0,
        host: ranks.host().to_owned(),
        started_unix_s: setup.started_unix_s,
    };
    let journal = SharedJournal::create(&setup.run_dir, &header).map_err(|error| with_causes(&error))?;
    let limit = resources.memory_bytes.unwrap_or_else(|| machine_bytes() / share.local_size as u64);
    let weight_bytes = engine.potentials.iter().map(|potential| potential.weight_bytes()).sum();
    let shared = Shared {
        evaluator: Evaluator {
            ids: physics.potential_ids(),
            potentials: engine.potentials,
            settings: physics.settings(),
            request: physics.request(),
            timeout: resources.timeout_s.map(seconds),
            gate: MemoryGate::new(limit.saturating_sub(weight_bytes)),
            journal,
            in_flight: AtomicU32::new(0),
        },
        source: engine.source,
        queue: Queue::default(),
        cache: StructureCache::default(),
        tally: Mutex::new(Tally::default()),
    };
    let circumstances = Circumstances {
        run_dir: setup.run_dir.clone(),
        budget,
        begin,
        sample_every: seconds(resources.sample_s),
        sync_every: seconds(resources.sync_s),
        drain_limit: seconds(resources.drain_s),
        weight_bytes,
    };
    let life = RankLife::begin(shared, circumstances, signals)
        .map_err(|error| format!("cannot start the threads of the budget ({budget}): {error}"))?;
    Ok((budget.structure_workers.get(), life))
}

/// Settings are in seconds; what no clock can count means a very long time.
fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or(Duration::from_secs(u32::MAX.into()))
}

/// Exchanges orders and reports until the root says that it is over.
fn live(ranks: &mut dyn Communicator, mut root: Option<&mut Root>, life: &mut RankLife) -> Result<End, RunError> {
    let mut pause = Pause::new();
    loop {
        let mut active = false;
        while let Some((from, bytes)) = ranks.try_receive(Channel::Work) {
            active = true;
            match decode(&bytes)? {
                Message::Order(Order::Leave(end)) => return Ok(end),
                Message::Order(order) => {
                    if let Some(report) = life.obey(order) {
                        tell(ranks, report)?;
                    }
                }
                Message::Report(report) => {
                    if let Some(root) = &mut root {
                        let orders = root.hear(from, report);
                        give(ranks, orders)?;
                    }
                }
            }
        }
        for report in life.tick() {
            active = true;
            tell(ranks, report)?;
        }
        if let Some(root) = &mut root {
            let orders = root.tick();
            active |= !orders.is_empty();
            give(ranks, orders)?;
            if let Some(end) = root.ended() {
                return Ok(end);
            }
        }
        if active {
            pause.reset();
        }
        // Even in the busiest times: workers need the core more than this loop does.
        if let Some(report) = life.wait(pause.take()) {
            pause.reset();
            tell(ranks, report)?;
        }
    }
}

fn tell(ranks: &mut dyn Communicator, report: Report) -> Result<(), ProtocolError> {
    let message = encode(&Message::Report(report))?;
    ranks.send(Rank::ROOT, Channel::Work, message);
    Ok(())
}

fn give(ranks: &mut dyn Communicator, orders: Vec<(Rank, Order)>) -> Result<(), ProtocolError> {
    for (rank, order) in orders {
        let message = encode(&Message::Order(order))?;
        ranks.send(rank, Channel::Work, message);
    }
    Ok(())
}

/// On the root: writes the report if all is complete, and lets the others go.
fn conclude(ranks: &mut dyn Communicator, setup: &Setup, mut root: Root, end: End) -> Result<Written, RunError> {
    let trouble = root.trouble();
    let result = match (end, trouble) {
        (End::Complete, _) => report(ranks, setup, root).map(Some),
        (End::Drained, _) => Ok(None),
        (End::Failed, message) => Err(RunError::Broken(message.unwrap_or_else(|| "a rank could not go on".into()))),
    };
    let end = if result.is_err() { End::Failed } else { end };
    let others = (1..ranks.size()).map(|index| (Rank::from_index(index), Order::Leave(end))).collect();
    give(ranks, others)?;
    result
}

type Written = Option<(ReportCounts, Vec<PathBuf>)>;

fn report(ranks: &mut dyn Communicator, setup: &Setup, root: Root) -> Result<(ReportCounts, Vec<PathBuf>), RunError> {
    let (coordinator, mut ledgers, lock) = root.into_report_parts();
    let (entries, earlier) = coordinator.into_parts();
    ledgers.absorb(earlier);
    let ledger = ledgers.finish();
    let plan = report_plan(&setup.config);
    let mut writer = ReportWriter::create(&setup.run_dir, &plan.potentials, plan.options)?;
    let mut surveys = JournalSurveys::new(&setup.run_dir, &ledger);
    let mut records = RankRecords::new(ranks, &setup.run_dir, &ledger, setup.attempt, &lock);
    write_entries(&mut writer, &plan, rows(&entries), &mut surveys, &mut records)?;
    writer.memory(&ledger)?;
    Ok(writer.finish(&provenance(&setup.config, setup.run_id()?), &ledger)?)
}

/// Ids and paths of all entries, in order.
pub fn rows(entries: &Manifest) -> impl Iterator<Item = Result<(String, String), Infallible>> {
    entries.iter().map(|entry| Ok((entry.id, entry.locator.to_string())))
}

/// What the report of a run with these settings is about.
pub fn report_plan(config: &RunConfig) -> ReportPlan {
    ReportPlan {
        potentials: config.physics.potential_ids(),
        settings: config.physics.settings(),
        options: ReportOptions { compress: config.resources.compress },
    }
}

/// Where the results of a run come from, for `run.json`.
pub fn provenance(config: &RunConfig, run: RunId) -> Provenance {
    Provenance {
        version: config.version.clone(),
        run,
        settings: serde_json::to_value(config).unwrap_or_default(),
        frame: format!("{:?}", config.physics.frame).to_lowercase(),
    }
}

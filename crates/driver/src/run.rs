//! One attempt of a run, from its first to its last message: set up → survey → compute → gather → report.

use crate::budget::{FEW_STRUCTURES, Share, ThreadBudget};
use crate::cache::StructureCache;
use crate::card::Card;
use crate::coordinator::{Coordinator, Policy, report_every};
use crate::error::{RunError, with_causes};
use crate::evaluator::Evaluator;
use crate::events::{Event, EventSink};
use crate::gather::report;
use crate::journal::SharedJournal;
use crate::memory::Resident;
use crate::memory_gate::MemoryGate;
use crate::memory_watch::MemoryWatch;
use crate::monitor::Monitor;
use crate::progress::ProgressClock;
use crate::protocol::{End, Message, Order, ProtocolError, Tally, Times, decode, encode, send_report};
use crate::queue::Queue;
use crate::rank::{RankLife, RankSettings};
use crate::results::SharedResults;
use crate::root::Root;
use crate::setup::{Greeting, Setup, exchange_workers, greet};
use crate::shared::Shared;
use crate::signals::Signals;
use crate::source::{InputsAgain, StructureSource};
use crate::threads::{Surroundings, Threads};
use crate::typical::{measured_costs, typical_costs};
use mlip_atoms::{EngineResources, Potential};
use mlip_inputs::Manifest;
use mlip_ranks::{Channel, Communicator, Pause, Rank};
use mlip_store::report::{Tabulator, WrittenReport};
use mlip_store::{CrashPolicy, JournalHeader, RetryFailed, RunLock};
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What only the root has.
pub struct RootPart<'a> {
    /// The input list.
    pub entries: Manifest,
    /// The right to work in the run folder.
    pub lock: RunLock,
    /// Failures to be repeated.
    pub retry: RetryFailed,
    /// Takes what happens.
    pub events: &'a mut dyn EventSink,
}

/// What every rank computes with.
pub struct Engine {
    /// In the order of the settings.
    pub potentials: Vec<Arc<dyn Potential>>,
    /// Reads entries.
    pub source: Arc<dyn StructureSource>,
    /// Has the allocator of the program return what is free to the system, where it can: called before evaluations that
    /// would make the peak of its memory larger though much is free.
    pub return_free: fn(),
}

/// How an attempt ended on this rank.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// How it ended.
    pub end: End,
    /// The report: on the root, when complete.
    pub report: Option<WrittenReport>,
    /// Evaluations still run on threads that nobody waits for: the caller must exit the process.
    pub abandoned_threads: bool,
}

/// Runs one attempt; every rank calls it with the same setup.
///
/// # Errors
/// When a rank cannot go on. All ranks end then; what was computed is in the journals.
pub fn execute(
    ranks: &mut dyn Communicator,
    setup: &Setup,
    mut root: Option<RootPart<'_>>,
    engine: Result<Engine, String>,
    signals: Signals,
) -> Result<Finish, RunError> {
    let begin = Instant::now();
    let engine = engine.and_then(|engine| check(&engine, setup).map(|()| engine));
    let Greeting { share, known, hosts, remarks } = greet(ranks, setup, engine.as_ref().err())?;
    // Without an engine the greeting has failed on all ranks.
    let engine = engine.map_err(RunError::Broken)?;
    let mut notes: Vec<Event> = setup.remarks.iter().cloned().chain(remarks).map(Event::warning).collect();
    let basis = ThreadBasis::find(ranks, setup, share, &engine, &mut notes)?;
    let prepared = prepare(ranks, setup, basis, engine, begin, signals, &mut notes);
    if let Some(root) = &mut root {
        notes.drain(..).for_each(|note| root.events.event(note));
    }
    let threads = prepared.as_ref().map(|(budget, _)| budget.structure_workers.get()).map_err(Clone::clone);
    let workers = exchange_workers(ranks, threads)?;
    let (_, life) = prepared.map_err(RunError::Broken)?;
    let root = root.map(|part| {
        let physics = &setup.config.physics;
        let max_crashes = setup.config.resources.max_crashes;
        let longest = setup.config.resources.batch_size.unwrap_or(usize::MAX);
        let calculation = physics.calculation();
        let excess = calculation.most_evaluations() / calculation.expected_evaluations();
        let policy = Policy { retry: part.retry, crashes: CrashPolicy { max_crashes }, longest, excess };
        let (ids, settings) = (physics.potential_ids(), physics.settings());
        let coordinator = Coordinator::new(&setup.run_dir, part.entries, known, policy, ids, settings, &workers);
        let monitor = setup.config.resources.monitor_memory.then(|| Monitor::new(hosts));
        let most = setup.config.resources.max_failure_rate;
        Root::new(coordinator, part.lock, part.events, ProgressClock::new(begin), monitor, most, ranks.size())
    });
    let mut life = life;
    let mut root = root;
    let end = live(ranks, root.as_mut(), &mut life).inspect_err(|_| life.give_up())?;
    let (end, report) = match root {
        Some(root) => conclude(ranks, setup, root, end, &mut life)?,
        None if end == End::Failed => return Err(RunError::Elsewhere),
        None => (end, None),
    };
    Ok(Finish { end, report, abandoned_threads: life.has_abandoned_threads() })
}

fn check(engine: &Engine, setup: &Setup) -> Result<(), String> {
    let configs = &setup.config.physics.potentials;
    let expected = setup.config.physics.potential_ids();
    let loaded =
        configs.iter().zip(&engine.potentials).map(|(config, potential)| config.loaded(potential.as_ref()).id());
    let found: Vec<_> = loaded.collect();
    if found == expected && engine.potentials.len() == configs.len() {
        return Ok(());
    }
    Err(format!(
        "loaded {found:?}, but the run computes with {expected:?}; is every node reading the same checkpoint files?"
    ))
}

fn prepare(
    ranks: &mut dyn Communicator,
    setup: &Setup,
    basis: ThreadBasis,
    engine: Engine,
    begin: Instant,
    signals: Signals,
    notes: &mut Vec<Event>,
) -> Result<(ThreadBudget, RankLife), String> {
    let (physics, resources) = (&setup.config.physics, &setup.config.resources);
    let ThreadBasis { share, costs, resident_bytes } = basis;
    let surroundings = Surroundings {
        cores: share.cores,
        ranks_on_host: share.local_size,
        n_ranks: ranks.size(),
        n_entries: setup.n_entries,
        costs,
        resident_bytes,
    };
    let threads = Threads::choose(resources, &engine.potentials, &surroundings).map_err(|error| error.to_string())?;
    let (budget, limit, held) = (threads.budget, threads.memory_limit, threads.held_bytes);
    notes.push(Event::AttemptBegan {
        attempt: setup.attempt,
        n_ranks: ranks.size(),
        threads: budget,
        calculation: physics.calculation,
    });
    if let Some(fitting) = threads.held_back_to {
        let fitting = match fitting {
            0 => "no evaluation of 64 atoms, so structures go one by one".to_owned(),
            _ => format!("{fitting} evaluations of 64 atoms at once, so not more structures go at once"),
        };
        notes.push(Event::note(format!("memory has room for {fitting}")));
    }
    if let Some(asked) = budget.asked {
        let text = format!("{asked} threads were asked for, more than cores (--oversubscribe would grant them)");
        notes.push(Event::note(text));
    }
    if budget.is_oversubscribed() {
        let text = format!("{} threads compute on {} cores of a rank", budget.threads(), budget.cores);
        notes.push(Event::warning(text));
    }
    let again = Arc::new(InputsAgain::new(&setup.run_dir, engine.source.clone()));
    let weight_bytes = engine.potentials.iter().map(|potential| potential.weight_bytes()).sum();
    let header = JournalHeader {
        run: setup.run_id().map_err(|error| error.to_string())?,
        attempt: setup.attempt,
        rank: ranks.rank().0,
        n_ranks: Rank::from_index(ranks.size()).0,
        host: ranks.host().to_owned(),
        started_unix_s: setup.started_unix_s,
    };
    let results = setup.cache.clone().map(|folder| SharedResults::new(folder, &header));
    let journal = SharedJournal::create(&setup.run_dir, &header).map_err(|error| with_causes(&error))?;
    if limit < held + SMALLEST_ROOM_BYTES {
        notes.push(Event::warning(format!(
            "the memory of a rank, {} MB, leaves little room: weights and program take {} MB; structures that do not \
             fit will be recorded as too_large",
            limit / 1_000_000,
            held / 1_000_000
        )));
    }
    let cards = open_cards(&engine.potentials, share.local_rank)?;
    let shared = Shared {
        cards,
        labels: physics.potentials.iter().map(|potential| potential.label.clone()).collect(),
        evaluator: Evaluator {
            ids: physics.potential_ids(),
            potentials: engine.potentials,
            rank_on_host: share.local_rank,
            run_dir: setup.run_dir.clone(),
            calculation: physics.calculation(),
            settings: physics.settings(),
            sync_every: seconds(resources.sync_s),
            timeout: resources.timeout_s.map(seconds),
            structure_timeout: resources.structure_timeout_s.map(seconds),
            gate: MemoryGate::new(threads.room_bytes(), engine.return_free),
            journal,
            results,
            in_flight: AtomicU32::new(0),
            n_jobs: AtomicU64::new(0),
            times: Mutex::new(vec![Times::default(); physics.potentials.len()]),
        },
        source: engine.source,
        queue: Queue::new(physics.potentials.len(), budget.structure_workers.get()),
        cache: StructureCache::default(),
        tally: Mutex::new(Tally::default()),
        mlip_workers: budget.mlip_workers.get(),
        lent_threads: resources.threads_per_mlip.is_none().then(|| budget.threads()),
        underway: Mutex::default(),
    };
    let settings = RankSettings {
        tabulator: Arc::new(Tabulator::new(&setup.run_dir, &setup.config.report_plan(), Some(again))),
        budget,
        begin,
        sample_every: seconds(if resources.monitor_memory { resources.sample_s.min(1.0) } else { resources.sample_s }),
        sync_every: seconds(resources.sync_s),
        drain_limit: seconds(resources.drain_s),
        weight_bytes,
        memory_watch: MemoryWatch::new(surroundings.ranks_on_host),
        report_every: report_every(ranks.size()),
    };
    let life = RankLife::begin(shared, settings, signals)
        .map_err(|error| format!("cannot start the threads of the budget ({budget}): {error}"))?;
    Ok((budget, life))
}

/// The cards of potentials that have one, before any work is begun.
fn open_cards(potentials: &[Arc<dyn Potential>], rank_on_host: usize) -> Result<Vec<Option<Card>>, String> {
    let resources = EngineResources { rank_on_host, ..EngineResources::default() };
    let open = |(position, potential): (usize, &Arc<dyn Potential>)| {
        Card::open(position, potential, resources)
            .map_err(|error| format!("{} cannot be computed: {error}", potential.id().name))
    };
    potentials.iter().enumerate().map(open).collect()
}

/// What the threads of a rank are chosen by.
struct ThreadBasis {
    share: Share,
    /// Seconds of each potential for the same crystal.
    costs: Vec<f64>,
    /// What the process held when its weights were loaded.
    resident_bytes: u64,
}

impl ThreadBasis {
    /// The costs of potentials are measured by the root where potentials at once may be chosen for them.
    fn find(
        ranks: &mut dyn Communicator,
        setup: &Setup,
        share: Share,
        engine: &Engine,
        notes: &mut Vec<Event>,
    ) -> Result<Self, RunError> {
        let (physics, resources) = (&setup.config.physics, &setup.config.resources);
        let resident_bytes = Resident::sample().now_bytes;
        let costs = typical_costs(&engine.potentials);
        let is_open = resources.parallel_mlips.is_none() && resources.mlip_workers.is_none();
        if engine.potentials.len() < 2 || !is_open {
            return Ok(Self { share, costs, resident_bytes });
        }
        let all_cores = (share.cores * ranks.size()) as f64;
        let costs = if ranks.is_root() && share.cores > 1 && (setup.n_entries as f64) < FEW_STRUCTURES * all_cores {
            let measured = measured_costs(&engine.potentials, physics.request());
            let each =
                physics.potentials.iter().zip(&measured).zip(&costs).map(|((potential, measured), predicted)| {
                    let note = if measured.is_some() { "" } else { " (predicted: it cannot be measured)" };
                    format!("{} {:.1} ms{note}", potential.label, measured.unwrap_or(*predicted) * 1e3)
                });
            let text = format!("8 atoms of rock salt take: {}", each.collect::<Vec<_>>().join(", "));
            notes.push(Event::note(text));
            measured.iter().zip(&costs).map(|(measured, predicted)| measured.unwrap_or(*predicted)).collect()
        } else {
            costs
        };
        let costs = decode(&ranks.broadcast(encode(&costs)?)?)?;
        Ok(Self { share, costs, resident_bytes })
    }
}

/// With less room than this for evaluations there is a warning.
const SMALLEST_ROOM_BYTES: u64 = 50_000_000;

/// Settings are in seconds; what no clock can count means a very long time.
fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or(Duration::from_secs(u32::MAX.into()))
}

/// Exchanges orders and reports until the root says that it is over.
fn live(ranks: &mut dyn Communicator, mut root: Option<&mut Root<'_>>, life: &mut RankLife) -> Result<End, RunError> {
    let mut pause = Pause::new();
    loop {
        ranks.check_end()?;
        let mut active = false;
        while let Some((from, bytes)) = ranks.try_receive(Channel::Work) {
            active = true;
            match decode(&bytes)? {
                Message::Order(Order::Leave(end)) => return Ok(end),
                Message::Order(order) => {
                    for report in life.carry_out(order) {
                        send_report(ranks, report)?;
                    }
                }
                Message::Report(report) => {
                    if let Some(root) = &mut root {
                        let orders = root.receive(from, report);
                        send_orders(ranks, orders)?;
                    }
                }
            }
        }
        for report in life.tick() {
            active = true;
            send_report(ranks, report)?;
        }
        if let Some(root) = &mut root {
            let orders = root.tick();
            active |= !orders.is_empty();
            send_orders(ranks, orders)?;
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
            send_report(ranks, report)?;
        }
    }
}

fn send_orders(ranks: &mut dyn Communicator, orders: Vec<(Rank, Order)>) -> Result<(), ProtocolError> {
    let message = |(rank, order)| encode(&Message::Order(order)).map(|message| (rank, message));
    let messages = orders.into_iter().map(message).collect::<Result<Vec<_>, _>>()?;
    ranks.send_all(Channel::Work, messages);
    Ok(())
}

/// On the root: writes the report if all is complete, and lets the others go.
fn conclude(
    ranks: &mut dyn Communicator,
    setup: &Setup,
    mut root: Root<'_>,
    end: End,
    life: &mut RankLife,
) -> Result<(End, Option<WrittenReport>), RunError> {
    let trouble = root.trouble();
    root.report_memory();
    let result = match (end, trouble) {
        (End::Complete | End::TooManyFailures, _) => {
            root.say(Event::ReportBegan);
            report(ranks, setup, root, life)
        }
        (End::Drained, _) => Ok(None),
        (End::Failed, message) => Err(RunError::Broken(message.unwrap_or_else(|| "a rank could not go on".into()))),
    };
    let end = match (&result, end) {
        (Err(_), _) => End::Failed,
        // A signal came before the report was whole.
        (Ok(None), End::Complete) => End::Drained,
        (Ok(_), end) => end,
    };
    let others = (1..ranks.size()).map(|index| (Rank::from_index(index), Order::Leave(end))).collect();
    send_orders(ranks, others)?;
    result.map(|report| (end, report))
}

//! Ten thousand ranks in virtual time: what the root is sent, what that costs it, and what it holds.
//!
//! Ranks are models: they answer what they are given to read, take as long for each structure as was recorded, and report
//! as real ones do. All that the root decides is real, and its time is that of the processor. `docs/scale.md` has the
//! figures; `MLIP_SCALE=RANKS,STRUCTURES,SECONDS` (of a structure, on average) tries others, and a fourth number says for how
//! many seconds this machine may simulate: what is not done by then is left, with neither resuming nor a report.

use super::tests::{coordinator_of, digest_of, potential, random, recorded, seen};
use super::{Coordinator, Known, LOW_WATER_S, report_every};
use crate::protocol::{Answer, Order, Report, Tally, Times, ToRead};
use mlip_calculations::Outcome;
use mlip_ranks::Rank;
use mlip_store::ledger::JournalAccount;
use mlip_store::{Frame, FrameRef, JournalHeader, Record, RunId, TaskKey};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// The root looks for messages this often at least, seconds.
const TURN_S: f64 = 1e-3;
/// A rank has read what it was given after this time, seconds.
const READING_S: f64 = 2e-3;

/// Time that this thread had a processor, whatever else the machine does.
struct Processor(File);

impl Processor {
    fn new() -> Self {
        Self(File::open("/proc/thread-self/schedstat").unwrap())
    }

    fn seconds(&self) -> f64 {
        let mut text = [0; 64];
        let n = self.0.read_at(&mut text, 0).unwrap();
        let text = std::str::from_utf8(&text[..n]).unwrap();
        text.split(' ').next().unwrap().parse::<u64>().unwrap() as f64 * 1e-9
    }
}

/// Largest resident set of this process, bytes.
fn peak_bytes() -> u64 {
    crate::memory::Resident::sample().peak_bytes
}

/// A rank with one worker.
struct Model {
    queue: VecDeque<(u64, f64)>,
    queued_cost: f64,
    tally: Tally,
    reported: u64,
    reported_at: f64,
    account: JournalAccount,
    is_busy: bool,
}

/// A rank that is done with these structures at this time; ordered by time and rank.
struct Due(f64, usize, Vec<u64>);

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0).then(self.1.cmp(&other.1))
    }
}

/// What a simulation gave.
#[derive(Debug, Default)]
struct Figures {
    /// Virtual time, and that of perfect balance, seconds.
    length_s: f64,
    ideal_s: f64,
    /// When the first structure was begun, and when all ranks had one.
    first_s: f64,
    all_s: f64,
    /// Messages to the root, and from it.
    received: u64,
    sent: u64,
    /// Most that came in a second.
    most_received: u64,
    /// Time of the root's processor, and the most in a second of virtual time.
    processor_s: f64,
    most_processor_s: f64,
    /// Structures that waited on the root, at most.
    most_waiting: usize,
    /// Structures that were computed: fewer than there are where the time for it was over.
    done: u64,
}

/// Goes on until all is computed, or for so long.
fn simulate(coordinator: &mut Coordinator, n: u64, mean_s: f64, patience: Duration) -> Figures {
    let begin = Instant::now();
    const RECORDED_MEAN_S: f64 = 0.0396;
    let cost = |entry: u64| (f64::from(recorded(entry)) * mean_s / RECORDED_MEAN_S) as f32;
    let real = |entry: u64| f64::from(cost(entry)) * (0.75 + 0.5 * random(entry));
    let n_ranks = coordinator.ranks.len();
    let every = report_every(n_ranks).as_secs_f64();
    let header = |rank| JournalHeader {
        run: RunId([7; 16]),
        attempt: 1,
        rank: rank as u32,
        n_ranks: n_ranks as u32,
        host: "node".into(),
        started_unix_s: 0,
    };
    let mut ranks: Vec<Model> = (0..n_ranks)
        .map(|rank| Model {
            queue: VecDeque::new(),
            queued_cost: 0.0,
            tally: Tally::default(),
            reported: 0,
            reported_at: 0.0,
            account: JournalAccount::new(&header(rank)),
            is_busy: false,
        })
        .collect();
    let processor = Processor::new();
    let mut figures = Figures { ideal_s: (0..n).map(real).sum::<f64>() / n_ranks as f64, ..Figures::default() };
    let (mut begun, mut second, mut in_second) = (0, 0u64, (0u64, 0.0));
    // A structure ends on a rank; or, with entries, a rank has read them.
    let mut due: BinaryHeap<Reverse<Due>> = BinaryHeap::new();
    let mut now = 0.0;
    let mut inbox: Vec<(usize, Report)> = Vec::new();
    loop {
        if begin.elapsed() > patience {
            figures.length_s = now;
            return figures;
        }
        // What the root does in this turn.
        let before = processor.seconds();
        let n_received = inbox.len() as u64;
        let mut orders = Vec::new();
        for (rank, report) in inbox.drain(..) {
            match report {
                Report::Noted(part) => coordinator.note(part).unwrap(),
                report => orders.extend(coordinator.take_in(Rank::from_index(rank), &report).unwrap()),
            }
        }
        orders.extend(coordinator.hand_out().unwrap());
        let spent = processor.seconds() - before;
        figures.received += n_received;
        figures.sent += orders.len() as u64;
        figures.processor_s += spent;
        figures.most_waiting = figures.most_waiting.max(coordinator.waiting());
        if now as u64 != second {
            figures.most_received = figures.most_received.max(in_second.0);
            figures.most_processor_s = figures.most_processor_s.max(in_second.1);
            (second, in_second) = (now as u64, (0, 0.0));
        }
        in_second = (in_second.0 + n_received, in_second.1 + spent);
        for (rank, order) in orders {
            let place = rank.index();
            match order {
                Order::Read(entries) => {
                    let entries = entries.iter().map(|ToRead { entry, .. }| *entry).collect();
                    due.push(Reverse(Due(now + READING_S, place, entries)));
                }
                Order::Compute(assignments) => {
                    let model = &mut ranks[place];
                    for assignment in assignments {
                        model.queued_cost += f64::from(assignment.cost);
                        model.queue.push_back((assignment.entry, f64::from(assignment.cost)));
                    }
                    if !std::mem::replace(&mut model.is_busy, true) {
                        due.push(Reverse(Due(now + real(model.queue[0].0), place, Vec::new())));
                        begun += usize::from(model.tally.structures == 0);
                        if begun == 1 {
                            figures.first_s = now;
                        }
                        if begun == n_ranks && figures.all_s == 0.0 {
                            figures.all_s = now;
                        }
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        // What ranks do until the next one.
        let Some(Reverse(Due(first, ..))) = due.peek() else { break };
        let turn = first.max(now + TURN_S);
        while let Some(Reverse(Due(at, ..))) = due.peek()
            && *at <= turn
        {
            let Reverse(Due(at, place, entries)) = due.pop().unwrap();
            let model = &mut ranks[place];
            if !entries.is_empty() {
                let answer = |entry: u64| Answer { entry, structure: Some(seen(digest_of(entry), &[cost(entry)])) };
                inbox.push((place, Report::Read(entries.into_iter().map(answer).collect())));
                continue;
            }
            let (entry, cost) = model.queue.pop_front().unwrap();
            model.queued_cost -= cost;
            model.tally.structures += 1;
            model.tally.cost += cost;
            figures.done += 1;
            if figures.done.is_multiple_of(10_000_000) {
                eprintln!(
                    "  {} done: {now:.0} s of virtual time, {:.2} µs each, {} MB at most",
                    figures.done,
                    1e6 * figures.processor_s / figures.done as f64,
                    peak_bytes() / 1_000_000
                );
            }
            let record = Record {
                key: TaskKey::new(digest_of(entry), &potential(), "settings"),
                potential: 0,
                species: Vec::new(),
                outcome: Outcome::Done(mlip_atoms::Prediction::default().into()),
                attempts: 1,
                wall_s: 0.0,
            };
            model.account.note(&Frame::Finished(record), FrameRef { offset: 300 * model.tally.structures, len: 300 });
            match model.queue.front() {
                Some((next, _)) => due.push(Reverse(Due(at + real(*next), place, Vec::new()))),
                None => model.is_busy = false,
            }
            let low = model.queue.len() < 2 || model.queued_cost < LOW_WATER_S;
            if low || at - model.reported_at >= every {
                inbox.push((place, Report::Progress(model.tally)));
            }
            if at - model.reported_at >= every {
                let measured = Times { predicted_s: model.tally.cost, measured_s: model.tally.cost };
                inbox.push((place, Report::Times(vec![measured])));
                inbox.push((place, Report::Noted(model.account.take())));
                (model.reported, model.reported_at) = (model.tally.structures, at);
            }
        }
        now = turn;
    }
    for model in &mut ranks {
        coordinator.note(model.account.take()).unwrap();
    }
    assert!(coordinator.is_finished());
    figures.length_s = now;
    figures.most_received = figures.most_received.max(in_second.0);
    figures.most_processor_s = figures.most_processor_s.max(in_second.1);
    figures
}

/// A run, the same resumed when it is complete, and what its report asks of the root.
fn try_run(n_ranks: usize, n: u64, mean_s: f64, patience: Duration) -> Figures {
    let folder = tempfile::tempdir().unwrap();
    let processor = Processor::new();
    let at_start = peak_bytes();
    let mut coordinator = coordinator_of(n, &vec![1; n_ranks], Known::new(folder.path()), 1.0);
    let listed = processor.seconds();
    eprintln!(
        "{n_ranks} ranks, {n} structures of {mean_s} s\n  list: {:.2} µs an entry, {} MB more than before",
        1e6 * listed / n as f64,
        (peak_bytes() - at_start) / 1_000_000
    );
    let figures = simulate(&mut coordinator, n, mean_s, patience);
    let computed = peak_bytes();
    eprintln!("  {figures:.2?}");
    eprintln!(
        "  root: {:.1} % of a core, {:.0} % in its busiest second; {:.2} µs a structure, {:.2} µs a message; {:.0} messages \
         a second come, {:.0} go; {} MB more than before",
        100.0 * figures.processor_s / figures.length_s,
        100.0 * figures.most_processor_s,
        1e6 * figures.processor_s / figures.done as f64,
        1e6 * figures.processor_s / figures.received as f64,
        figures.received as f64 / figures.length_s,
        figures.sent as f64 / figures.length_s,
        (computed - at_start) / 1_000_000,
    );
    if figures.done < n {
        eprintln!("  the time is over: {} were computed", figures.done);
        return figures;
    }
    let (entries, ledger) = coordinator.into_parts();
    let before = processor.seconds();
    let mut found = 0;
    for entry in entries.iter() {
        let id = entry.unwrap().id;
        let number: u64 = id[1..].parse().unwrap();
        let key = TaskKey::new(digest_of(number), &potential(), "settings");
        found += ledger.locations(&[key]).unwrap().iter().flatten().count() as u64;
    }
    assert_eq!(found, n);
    eprintln!("  report: {:.2} µs an entry to find its records", 1e6 * (processor.seconds() - before) / n as f64);
    drop(entries);
    let known = Known { ledger, ..Known::new(Path::new("")) };
    let mut again = coordinator_of(n, &vec![1; n_ranks], known, 1.0);
    let before = processor.seconds();
    let resumed = simulate(&mut again, n, mean_s, Duration::MAX);
    eprintln!(
        "  resumed when complete: {:.2} µs an entry, {:.1} s of virtual time; {} MB at most",
        1e6 * (processor.seconds() - before) / n as f64,
        resumed.length_s,
        peak_bytes() / 1_000_000
    );
    assert_eq!(again.totals().recorded, n);
    figures
}

#[test]
fn ten_thousand_ranks_do_not_drown_the_root_in_messages() {
    let figures = try_run(10_000, 300_000, 1.0, Duration::MAX);
    // Two seconds between two reports of a rank; at the end, where structures take milliseconds, one for each of them.
    assert!(figures.most_received < 200_000, "{figures:?}");
    assert!(figures.received < 3 * 300_000, "{figures:?}");
    assert!(figures.first_s < 1.0 && figures.all_s < 10.0, "{figures:?}");
    // The longest structure takes 30 s.
    assert!(figures.length_s < 1.5 * figures.ideal_s, "{figures:?}");
}

#[test]
#[ignore = "takes minutes and gigabytes of temporary files: docs/scale.md"]
fn as_asked_for() {
    let asked = std::env::var("MLIP_SCALE").unwrap_or_else(|_| "10000,1000000,0.04".into());
    let numbers: Vec<f64> = asked.split(',').map(|number| number.parse().unwrap()).collect();
    let patience = numbers.get(3).map_or(Duration::MAX, |seconds| Duration::from_secs_f64(*seconds));
    try_run(numbers[0] as usize, numbers[1] as u64, numbers[2], patience);
}

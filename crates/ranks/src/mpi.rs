//! Ranks as MPI processes.

use crate::{Channel, Communicator, Rank};
use mpi::datatype::Equivalence as _;
use mpi::environment::{Threading, Universe};
use mpi::point_to_point::{Destination as _, Source as _};
use mpi::topology::{Communicator as _, SimpleCommunicator};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Longer messages travel in pieces: MPI counts with 32 bits, and a piece is what a receiver must allocate at once. Chosen, not
/// measured: hundreds of times the buffers of MPI, so that what each piece costs besides does not count, and little memory.
const PIECE_BYTES: usize = 4 << 20;

/// Between ranks of a host that may not read each other's memory (containers often forbid it) a message goes through a
/// buffer of some ten kilobytes, which is filled again only when the sender looks: so it looks often. The number was not
/// measured: more of them keep a core from workers for longer, fewer let a message wait for [`BETWEEN_LOOKS`] sooner.
const SHORT_LOOKS: usize = 64;

/// After those others may want the core. Longer is less of it, and a longer wait for each part of a message: tables of 320,000
/// crystals took four ranks of 16 threads 3.5 s so, and twice that with sleeps of up to 8 ms (docs/gpu.md, "Four cards").
const BETWEEN_LOOKS: Duration = Duration::from_micros(100);

/// From then on the receiver is busy with something else, and a hundred senders may wait for it. Not measured: longer than a
/// receiver needs that looks for messages between two of its own pauses ([`crate::Pause::LONGEST`]).
const BUSY_AFTER: Duration = Duration::from_millis(20);

/// Between looks then. Not measured: a tenth of the looks, and a message begins to move at most so much later.
const BETWEEN_LATE_LOOKS: Duration = Duration::from_millis(1);

/// Exit code of a job that ends because a rank panicked.
const PANIC_CODE: i32 = 101;

/// A process of an MPI job. Only the main thread calls MPI (`MPI_THREAD_FUNNELED`).
pub struct MpiRanks {
    inbox: [VecDeque<(Rank, Vec<u8>)>; Channel::COUNT],
    /// By source and channel: pieces received so far.
    partial: Vec<[Vec<u8>; Channel::COUNT]>,
    rank: Rank,
    size: usize,
    host: String,
    world: SimpleCommunicator,
    /// Finalizes MPI when it goes: last, after all that uses it.
    _universe: Universe,
}

/// Tag of a piece: the channel, and whether another piece follows.
fn tag(channel: Channel, more: bool) -> i32 {
    (channel.index() as i32) * 2 + i32::from(more)
}

impl MpiRanks {
    /// Starts MPI; `None` if it was started before.
    pub fn start() -> Option<Self> {
        let (universe, _threading) = mpi::initialize_with_threading(Threading::Funneled)?;
        let world = universe.world();
        let rank = Rank(u32::try_from(world.rank()).unwrap_or(0));
        let size = usize::try_from(world.size()).unwrap_or(1);
        let host = mpi::environment::processor_name().unwrap_or_else(|_| "unknown".into());
        abort_when_this_thread_panics();
        let partial = (0..size).map(|_| Default::default()).collect();
        Some(Self { inbox: Default::default(), partial, rank, size, host, world, _universe: universe })
    }

    /// Takes in what has arrived; whether anything had.
    fn receive_arrived(&mut self) -> bool {
        let mut any = false;
        while let Some((message, status)) = self.world.any_process().immediate_matched_probe() {
            any = true;
            let length = usize::try_from(status.count(u8::equivalent_datatype())).unwrap_or(0);
            let mut bytes = vec![0u8; length];
            message.matched_receive_into(&mut bytes[..]);
            self.keep(Rank(u32::try_from(status.source_rank()).unwrap_or(0)), status.tag(), bytes);
        }
        any
    }

    fn keep(&mut self, from: Rank, tag: i32, bytes: Vec<u8>) {
        let channel = usize::try_from(tag / 2).unwrap_or(0).min(Channel::COUNT - 1);
        let partial = &mut self.partial[from.index()][channel];
        if partial.is_empty() {
            *partial = bytes;
        } else {
            partial.extend_from_slice(&bytes);
        }
        if tag % 2 == 0 {
            let whole = std::mem::take(partial);
            self.inbox[channel].push_back((from, whole));
        }
    }
}

/// A panic on the main thread would unwind into `MPI_Finalize` and hang the whole job. Panics of
/// workers are caught by the pool and become records.
fn abort_when_this_thread_panics() {
    let main = std::thread::current().id();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        before(panic);
        if std::thread::current().id() == main {
            SimpleCommunicator::world().abort(PANIC_CODE);
        }
    }));
}

impl Communicator for MpiRanks {
    fn rank(&self) -> Rank {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn host(&self) -> &str {
        &self.host
    }

    fn send(&mut self, to: Rank, channel: Channel, bytes: Vec<u8>) {
        self.send_all(channel, vec![(to, bytes)]);
    }

    fn send_all(&mut self, channel: Channel, messages: Vec<(Rank, Vec<u8>)>) {
        let (own, others): (Vec<_>, Vec<_>) = messages.into_iter().partition(|(to, _)| *to == self.rank);
        self.inbox[channel.index()].extend(own);
        let world = SimpleCommunicator::world();
        // MPI keeps what is longer than some kilobytes until the receiver asks for it, which may be sending in the same
        // place: so receive meanwhile. All messages are under way at once: waiting for one receiver after the other
        // would take a root with a thousand of them seconds.
        mpi::request::scope(|scope| {
            let mut open = Vec::with_capacity(others.len());
            for (to, bytes) in &others {
                let process = world.process_at_rank(i32::try_from(to.0).unwrap_or(0));
                let mut rest = bytes.as_slice();
                loop {
                    let (piece, after) = rest.split_at(rest.len().min(PIECE_BYTES));
                    open.push(process.immediate_send_with_tag(scope, piece, tag(channel, !after.is_empty())));
                    rest = after;
                    if rest.is_empty() {
                        break;
                    }
                }
            }
            let (mut n_looks, begun) = (0, Instant::now());
            loop {
                open = open.into_iter().filter_map(|request| request.test().err()).collect();
                if open.is_empty() {
                    return;
                }
                match self.receive_arrived() {
                    true => n_looks = 0,
                    false if n_looks < SHORT_LOOKS => {
                        n_looks += 1;
                        std::thread::yield_now();
                    }
                    false if begun.elapsed() < BUSY_AFTER => std::thread::sleep(BETWEEN_LOOKS),
                    false => std::thread::sleep(BETWEEN_LATE_LOOKS),
                }
            }
        });
    }

    fn try_receive(&mut self, channel: Channel) -> Option<(Rank, Vec<u8>)> {
        if self.inbox[channel.index()].is_empty() {
            self.receive_arrived();
        }
        self.inbox[channel.index()].pop_front()
    }

    fn abort(&self, code: i32) -> ! {
        self.world.abort(code)
    }
}

/// The library in a line of its own words; it may be asked before it is initialized.
pub(crate) fn library() -> Option<String> {
    let text = mpi::environment::library_version().ok()?;
    let line = text.lines().next().unwrap_or_default();
    // Open MPI goes on with who packaged it.
    Some(line.split(", package").next().unwrap_or(line).trim_end_matches('\0').trim().to_owned())
}

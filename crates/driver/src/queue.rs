//! What the workers of a rank do next.
//!
//! Two kinds of work wait here: what the root has ordered (entries to be read, structures to be computed), and questions
//! of structures that were begun. Questions go first, whoever asks: so structures that were begun come to their end, and
//! a worker with nothing else to do helps with the others' structures. Entries are read before another structure is
//! begun, since the plan of everybody waits for them, and before questions once they have waited a second: questions of a
//! long relaxation would keep them waiting to its end. Before all else go answers that a card has given: they free memory,
//! and most ask for more.
//!
//! A card is fed by all workers: while less than a full batch is ready for it, it is *short*, and structures are begun for
//! it beyond those that workers alone would have under way.

use crate::batcher::{Answered, Batcher, Waiting};
use crate::protocol::{Assignment, ToRead};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A piece of work for a worker.
#[derive(Debug)]
pub(crate) enum NextWork {
    /// Entries to be read for the survey.
    Read(Vec<ToRead>),
    /// A structure to be begun, with this potential first if it is to be computed at all.
    Begin(Assignment, Option<usize>),
    /// A question to this potential: the oldest of all that wait.
    Evaluate {
        /// Position of the potential.
        potential: usize,
        /// The question.
        waiting: Box<Waiting>,
    },
    /// Answers of a card to be handed to those who asked.
    Receive(Vec<Answered>),
}

/// Shared by the main thread and the workers of a rank.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    /// Structures under way at a time, unless batches want more.
    most_structures: usize,
}

#[derive(Debug)]
struct State {
    first: VecDeque<Assignment>,
    /// With the time when they came.
    read: VecDeque<(Instant, Vec<ToRead>)>,
    compute: VecDeque<Assignment>,
    /// Of `first` and `compute`, seconds.
    cost: f64,
    batcher: Batcher,
    /// Of cards, for workers.
    answered: VecDeque<Vec<Answered>>,
    /// Potentials whose card has less than a full batch waiting.
    short: Vec<bool>,
    /// By potential: questions that are ready for its card, or computed by it.
    on_cards: Vec<usize>,
    /// Structures that were begun and are not at their end.
    structures: usize,
    /// Workers with work in hand.
    busy: usize,
    /// Memory that workflows under way hold, bytes.
    held_bytes: u64,
    has_first: bool,
    closed: bool,
}

/// How much a rank has left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Backlog {
    /// Structures waiting.
    pub(crate) structures: usize,
    /// Their predicted cost, seconds.
    pub(crate) cost: f64,
}

/// Questions do not keep entries waiting for longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Workflows that hold more than this together let no further structure be begun, bytes.
const MOST_HELD_BYTES: u64 = 256 << 20;

/// Structures under way at a time for cards that are short: several batches of the smallest ones.
pub(crate) const MOST_FOR_CARDS: usize = 16_384;

impl Queue {
    /// For this number of potentials, and structures under way at a time.
    pub(crate) fn new(n_potentials: usize, most_structures: usize) -> Self {
        let state = State {
            first: VecDeque::new(),
            read: VecDeque::new(),
            compute: VecDeque::new(),
            cost: 0.0,
            batcher: Batcher::new(n_potentials),
            answered: VecDeque::new(),
            short: vec![false; n_potentials],
            on_cards: vec![0; n_potentials],
            structures: 0,
            busy: 0,
            held_bytes: 0,
            has_first: false,
            closed: false,
        };
        Self { state: Mutex::new(state), changed: Condvar::new(), most_structures }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds entries to be read.
    pub(crate) fn push_read(&self, entries: Vec<ToRead>) {
        self.lock().read.push_back((Instant::now(), entries));
        self.changed.notify_one();
    }

    /// Adds structures to be computed. The very first go before all else: a first result shows that all is well.
    pub(crate) fn push_compute(&self, assignments: Vec<Assignment>) {
        let mut state = self.lock();
        let has_first = std::mem::replace(&mut state.has_first, true);
        for assignment in assignments {
            state.cost += f64::from(assignment.cost);
            if has_first { &mut state.compute } else { &mut state.first }.push_back(assignment);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Waits for the next piece of work; `None` when the worker should end. The worker calls [`Queue::done`] after each.
    pub(crate) fn next(&self) -> Option<NextWork> {
        let mut state = self.lock();
        loop {
            // What a card has computed is not lost, even when nothing more is begun.
            if let Some(answered) = state.answered.pop_front() {
                state.busy += 1;
                return Some(NextWork::Receive(answered));
            }
            if state.closed {
                return None;
            }
            if let Some(work) = state.next(self.most_structures) {
                state.busy += 1;
                return Some(work);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A piece of work ended.
    pub(crate) fn done(&self) {
        self.lock().busy -= 1;
    }

    /// Another question for a batch of this potential: one that waits, or else a structure to be begun with it, if
    /// there are more than the other workers need.
    pub(crate) fn more(&self, potential: usize) -> Option<NextWork> {
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        if let Some(waiting) = state.batcher.take(potential) {
            return Some(NextWork::Evaluate { potential, waiting: Box::new(waiting) });
        }
        if state.compute.len() <= self.most_structures || state.held_bytes > MOST_HELD_BYTES {
            return None;
        }
        state.begin().map(|assignment| NextWork::Begin(assignment, Some(potential)))
    }

    /// Questions of a structure under way. Once the queue is closed they are dropped: their workflows are taken up again
    /// by a later attempt.
    pub(crate) fn ask(&self, questions: impl IntoIterator<Item = (usize, Waiting)>) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        let mut n_asked = 0;
        for (potential, waiting) in questions {
            state.batcher.push(potential, waiting);
            n_asked += 1;
        }
        drop(state);
        // The asking worker itself takes one.
        if n_asked > 1 {
            self.changed.notify_all();
        }
    }

    /// Puts a question back that does not fit into a batch: it stays the oldest.
    pub(crate) fn put_back(&self, potential: usize, waiting: Waiting) {
        let mut state = self.lock();
        if !state.closed {
            state.batcher.put_back(potential, waiting);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// A question is ready for the card of its potential.
    pub(crate) fn enter_card(&self, potential: usize) {
        self.lock().on_cards[potential] += 1;
    }

    /// Questions have left the card without an answer that waits here.
    pub(crate) fn leave_card(&self, potential: usize, n: usize) {
        self.lock().on_cards[potential] -= n;
    }

    /// Nobody computes what the card of this potential had.
    pub(crate) fn lose_card(&self, potential: usize) {
        self.lock().on_cards[potential] = 0;
    }

    /// Says whether less than a full batch waits for a card.
    pub(crate) fn set_short(&self, potential: usize, is_short: bool) {
        let mut state = self.lock();
        let changed = state.short.get_mut(potential).map(|short| std::mem::replace(short, is_short));
        drop(state);
        if is_short && changed == Some(false) {
            self.changed.notify_all();
        }
    }

    /// Gives answers of a card to the workers. Gives them back once the queue is closed: nobody may be there to take them.
    pub(crate) fn answer(&self, potential: usize, answered: Vec<Vec<Answered>>) -> Vec<Vec<Answered>> {
        let mut state = self.lock();
        if state.closed {
            return answered;
        }
        state.on_cards[potential] -= answered.iter().map(Vec::len).sum::<usize>();
        state.answered.extend(answered);
        drop(state);
        self.changed.notify_all();
        Vec::new()
    }

    /// Lets workers look for work.
    pub(crate) fn wake(&self) {
        self.changed.notify_all();
    }

    /// A structure is at its end.
    pub(crate) fn end_structure(&self) {
        self.lock().structures -= 1;
        self.changed.notify_one();
    }

    /// A workflow holds another number of bytes than before.
    pub(crate) fn hold(&self, before: u64, now: u64) {
        if before != now {
            let mut state = self.lock();
            state.held_bytes = (state.held_bytes + now).saturating_sub(before);
        }
    }

    /// Structures that were begun and are not at their end.
    pub(crate) fn structures(&self) -> usize {
        self.lock().structures
    }

    /// What waits to be begun.
    pub(crate) fn backlog(&self) -> Backlog {
        let state = self.lock();
        Backlog { structures: state.compute.len() + state.first.len(), cost: state.cost }
    }

    /// Whether nothing waits and nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        let state = self.lock();
        state.busy == 0 && !state.waits() && state.on_cards.iter().all(|n| *n == 0)
    }

    /// Workers with work in hand, if nothing waits for the others.
    pub(crate) fn busy_at_the_end(&self) -> Option<usize> {
        let state = self.lock();
        (!state.waits()).then_some(state.busy)
    }

    /// Forgets what waits and lets workers end after the evaluation that they have in hand.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.first.clear();
        state.read.clear();
        state.compute.clear();
        state.batcher.clear();
        state.cost = 0.0;
        state.closed = true;
        drop(state);
        self.changed.notify_all();
    }

    /// Whether what is under way is to be put down.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }
}

impl State {
    /// Whether there is work for another worker.
    fn waits(&self) -> bool {
        !self.batcher.is_empty()
            || !self.answered.is_empty()
            || !self.first.is_empty()
            || !self.read.is_empty()
            || !self.compute.is_empty()
    }

    fn next(&mut self, most_structures: usize) -> Option<NextWork> {
        if self.read.front().is_some_and(|(came, _)| came.elapsed() >= LONGEST_WAIT)
            && let Some((_, entries)) = self.read.pop_front()
        {
            return Some(NextWork::Read(entries));
        }
        if let Some((potential, waiting)) = self.batcher.oldest() {
            return Some(NextWork::Evaluate { potential, waiting: Box::new(waiting) });
        }
        // Those for a card are many and small.
        let short = self.short.iter().position(|short| *short).filter(|_| self.structures < MOST_FOR_CARDS);
        let has_room = (self.structures < most_structures || short.is_some())
            && (self.structures == 0 || self.held_bytes <= MOST_HELD_BYTES);
        if self.first.is_empty()
            && let Some((_, entries)) = self.read.pop_front()
        {
            return Some(NextWork::Read(entries));
        }
        if has_room {
            return self.begin().map(|assignment| NextWork::Begin(assignment, short));
        }
        self.read.pop_front().map(|(_, entries)| NextWork::Read(entries))
    }

    fn begin(&mut self) -> Option<Assignment> {
        let assignment = self.first.pop_front().or_else(|| self.compute.pop_front())?;
        self.structures += 1;
        self.cost -= f64::from(assignment.cost);
        if self.compute.is_empty() && self.first.is_empty() {
            // Sums of many costs leave rounding behind.
            self.cost = 0.0;
        }
        Some(assignment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Predicted, Treatment, Work};
    use crate::underway::{Ended, RunningStructure, RunningTask};
    use mlip_atoms::lennard_jones::{LennardJones, LennardJonesParameters};
    use mlip_atoms::{Deadline, Frame, Lattice, Potential, Species, Structure};
    use mlip_calculations::{CalculationConfig, Embeddings};
    use mlip_store::{StructureDigest, TaskKey};
    use std::sync::Arc;

    /// The question of a single point.
    fn question() -> Waiting {
        let lattice = Lattice::from_parameters([5.0; 3], [90.0; 3], Frame::Pymatgen).unwrap();
        let species = vec![Species::from_symbol("Ar").unwrap()];
        let structure = Arc::new(Structure::new(lattice, species, vec![[0.0; 3]]).unwrap());
        let digest = StructureDigest::of(&structure);
        let key = TaskKey::new(digest, LennardJones::new(LennardJonesParameters::default()).id(), "");
        let treatment = Treatment::Evaluate { ended_before: 0 };
        let work = Work { potential: 0, treatment, predicted: Predicted::default(), answers: Vec::new() };
        let workflow = CalculationConfig::SinglePoint.build(true, Embeddings::None).start(structure.clone());
        let running =
            RunningStructure::new(structure, digest, false, Deadline::NONE, 1.0, Vec::new(), Ended::default());
        let task = Arc::new(RunningTask::new(Arc::new(running), work, key, workflow, Vec::new()));
        let ask = task.advance().questions.remove(0);
        Waiting { task, ask, prepared: None }
    }

    #[test]
    fn questions_go_before_entries_until_these_have_waited_long() {
        let queue = Queue::new(1, 2);
        let next = || match queue.next() {
            Some(NextWork::Read(_)) => "read",
            Some(NextWork::Evaluate { .. }) => "evaluate",
            other => panic!("{other:?}"),
        };
        let wait = |waited: Duration| {
            let mut state = queue.lock();
            let since = &mut state.read.front_mut().unwrap().0;
            *since = since.checked_sub(waited).unwrap();
        };
        queue.ask([(0, question()), (0, question()), (0, question())]);
        queue.push_read(Vec::new());
        queue.push_read(Vec::new());
        wait(LONGEST_WAIT / 10);
        assert_eq!(next(), "evaluate", "they have come lately");
        wait(LONGEST_WAIT);
        // Each has a time of its own: the second has come lately still.
        assert_eq!([next(), next(), next(), next()], ["read", "evaluate", "evaluate", "read"]);
    }
}

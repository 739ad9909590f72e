//! Structures and tasks that were begun and are not at their end.

use crate::protocol::Work;
use mlip_atoms::{Deadline, PredictError, Prediction, Structure};
use mlip_calculations::{Ask, AskId, Outcome, Poll, Workflow};
use mlip_store::{Answers, StructureDigest, TaskKey};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What tasks that ended add to the totals of their rank.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ended {
    pub(crate) finished: u64,
    pub(crate) failed: u64,
    /// Taken from the cache.
    pub(crate) cached: u64,
    pub(crate) wall_s: f64,
    /// What people should know.
    pub(crate) remark: Option<String>,
}

impl Ended {
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            finished: self.finished + other.finished,
            failed: self.failed + other.failed,
            cached: self.cached + other.cached,
            wall_s: self.wall_s + other.wall_s,
            remark: self.remark.or(other.remark),
        }
    }
}

impl FromIterator<Ended> for Ended {
    fn from_iter<T: IntoIterator<Item = Ended>>(all: T) -> Self {
        all.into_iter().fold(Self::default(), Self::and)
    }
}

/// A structure under way.
pub(crate) struct RunningStructure {
    pub(crate) structure: Arc<Structure>,
    pub(crate) digest: StructureDigest,
    /// Whether nothing else is under way on this rank.
    pub(crate) alone: bool,
    /// Predicted, seconds.
    pub(crate) cost: f32,
    state: Mutex<StructureState>,
}

struct StructureState {
    /// Of all that is done with it.
    deadline: Deadline,
    /// Potentials whose turn has not come.
    pending: VecDeque<Work>,
    /// Tasks under way.
    open: usize,
    ended: Ended,
}

/// What follows from the end of a task.
pub(crate) enum AfterTask {
    /// Another potential's turn.
    Next(Work),
    /// Others are under way.
    Others,
    /// The structure is at its end.
    End(Ended),
}

impl RunningStructure {
    /// With this to do; `known` was done without it.
    pub(crate) fn new(
        structure: Arc<Structure>,
        digest: StructureDigest,
        alone: bool,
        deadline: Deadline,
        cost: f32,
        work: Vec<Work>,
        known: Ended,
    ) -> Self {
        let state = StructureState { deadline, pending: work.into(), open: 0, ended: known };
        Self { structure, digest, alone, cost, state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, StructureState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When all that is done with it must be over.
    pub(crate) fn deadline(&self) -> Deadline {
        self.lock().deadline
    }

    /// Earlier attempts have spent so much time on evaluations whose answers are used now, seconds.
    fn spent_before(&self, seconds: f64) {
        let spent = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        let mut state = self.lock();
        state.deadline = state.deadline.sooner_by(spent);
    }

    /// Takes this potential's work out if it waits, else the next one's.
    pub(crate) fn take(&self, potential: Option<usize>) -> Option<Work> {
        let mut state = self.lock();
        let of_potential = |work: &Work| Some(usize::from(work.potential)) == potential;
        let place = state.pending.iter().position(of_potential).unwrap_or(0);
        let work = state.pending.remove(place)?;
        state.open += 1;
        Some(work)
    }

    /// A task ended.
    pub(crate) fn end_task(&self, ended: Ended) -> AfterTask {
        let mut state = self.lock();
        state.ended = std::mem::take(&mut state.ended).and(ended);
        match state.pending.pop_front() {
            Some(next) => AfterTask::Next(next),
            None => {
                state.open -= 1;
                if state.open > 0 { AfterTask::Others } else { AfterTask::End(std::mem::take(&mut state.ended)) }
            }
        }
    }
}

/// A (structure, potential) under way.
pub(crate) struct RunningTask {
    pub(crate) structure: Arc<RunningStructure>,
    pub(crate) work: Work,
    pub(crate) key: TaskKey,
    state: Mutex<TaskState>,
}

struct TaskState {
    /// None once it is at its end.
    workflow: Option<Box<dyn Workflow>>,
    /// Answers that the journal has kept, by question.
    kept: HashMap<u32, Prediction>,
    /// Answers that the journal does not hold, and the time they took; only of workflows that ask more than once.
    unwritten: Vec<(u32, Prediction)>,
    unwritten_s: f64,
    written_at: Instant,
    /// Time of all its evaluations in this and earlier attempts, seconds.
    spent_s: f64,
    held_bytes: u64,
}

/// What a workflow came to.
pub(crate) struct Advance {
    /// What it wants to know next.
    pub(crate) questions: Vec<Ask>,
    /// What came of it, once it is at its end, and the time that its evaluations took, seconds.
    pub(crate) finished: Option<(Outcome, f64)>,
    /// Memory that it held before, and that it holds now.
    pub(crate) held_bytes: (u64, u64),
}

impl RunningTask {
    /// Begun with the answers that earlier attempts have journaled.
    pub(crate) fn new(
        structure: Arc<RunningStructure>,
        work: Work,
        key: TaskKey,
        workflow: Box<dyn Workflow>,
        kept: Vec<Answers>,
    ) -> Self {
        let spent_s = kept.iter().map(|answers| f64::from(answers.spent_s)).sum();
        if spent_s > 0.0 {
            structure.spent_before(spent_s);
        }
        let state = TaskState {
            workflow: Some(workflow),
            kept: kept.into_iter().flat_map(|answers| answers.answers).collect(),
            unwritten: Vec::new(),
            unwritten_s: 0.0,
            written_at: Instant::now(),
            spent_s,
            held_bytes: 0,
        };
        Self { structure, work, key, state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, TaskState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the workflow go on as far as it can.
    pub(crate) fn advance(&self) -> Advance {
        let mut state = self.lock();
        let mut advance = Advance { questions: Vec::new(), finished: None, held_bytes: (state.held_bytes, 0) };
        let TaskState { workflow: place, kept, spent_s, held_bytes, .. } = &mut *state;
        while let Some(workflow) = place.as_mut() {
            match workflow.poll() {
                Poll::Ask(asks) => {
                    for ask in asks {
                        match kept.remove(&ask.id.0) {
                            Some(answer) => workflow.receive(ask.id, Ok(answer)),
                            None => advance.questions.push(ask),
                        }
                    }
                }
                Poll::Waiting => {
                    *held_bytes = workflow.held_bytes();
                    break;
                }
                Poll::Finished => {
                    *held_bytes = 0;
                    advance.finished = place.take().map(|workflow| (workflow.finish(), *spent_s));
                }
            }
        }
        advance.held_bytes.1 = *held_bytes;
        advance
    }

    /// An answer, which took this long. With `keep` it is kept for the journal; gives what is due to be written, which
    /// is so when the last writing was longer ago than `sync_every`.
    pub(crate) fn receive(
        &self,
        ask: AskId,
        answer: Result<Prediction, PredictError>,
        wall_s: f64,
        keep: Option<Duration>,
    ) -> Option<Answers> {
        let mut state = self.lock();
        state.spent_s += wall_s;
        if let (Some(_), Ok(answer)) = (keep, &answer) {
            state.unwritten.push((ask.0, answer.clone()));
            state.unwritten_s += wall_s;
        }
        if let Some(workflow) = &mut state.workflow {
            workflow.receive(ask, answer);
        }
        match keep {
            Some(every) if state.written_at.elapsed() >= every => state.take_unwritten(self.key),
            _ => None,
        }
    }

    /// Answers that the journal does not hold, of a workflow that is not at its end.
    pub(crate) fn take_unwritten(&self) -> Option<Answers> {
        let mut state = self.lock();
        state.workflow.as_ref()?;
        state.take_unwritten(self.key)
    }
}

impl TaskState {
    fn take_unwritten(&mut self, key: TaskKey) -> Option<Answers> {
        self.written_at = Instant::now();
        let answers = std::mem::take(&mut self.unwritten);
        let spent_s = std::mem::take(&mut self.unwritten_s) as f32;
        (!answers.is_empty()).then_some(Answers { key, spent_s, answers })
    }
}

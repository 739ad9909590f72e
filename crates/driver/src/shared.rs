//! What the threads of a rank have in common, and what each of them does with it: read entries, begin structures, let
//! their workflows go on.

use crate::batcher::Waiting;
use crate::cache::{Digested, StructureCache};
use crate::card::Card;
use crate::charge_warnings::charge_warnings;
use crate::error::with_causes;
use crate::evaluator::{Evaluator, crashed};
use crate::protocol::{Answer, Assignment, Predicted, Seen, Tally, ToRead, Treatment, Work};
use crate::queue::Queue;
use crate::source::{Loaded, StructureSource};
use crate::underway::{Advance, AfterTask, Ended, RunningStructure, RunningTask};
use mlip_atoms::{Deadline, DeviceError, Failure, FailureKind, Structure};
use mlip_calculations::Outcome;
use mlip_inputs::Locator;
use mlip_store::journal::{KeptEntries, KeptEntry, KeptStructure, read_answers};
use mlip_store::{
    Answers, EntryState, Frame, StoreError, SurveyedEntry, SurveyedStructure, SurveyedStructures, TaskKey,
};
use std::any::Any;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;

/// What a worker reports to the main thread of its rank. Ends of evaluations are counted in
/// [`Shared::tally`] instead: there may be many thousand a second.
#[derive(Debug)]
pub(crate) enum Event {
    /// Entries were read.
    Read(Vec<Answer>),
    /// What people should know.
    Remark(String),
    /// The rank cannot go on, and why.
    Broken(String),
}

/// Why a rank cannot go on.
#[derive(Debug, Error)]
pub(crate) enum WorkError {
    /// Results cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A potential cannot be computed any more, whatever the structure.
    #[error("{potential} cannot go on: {error}")]
    Device {
        /// Its name.
        potential: String,
        /// What is wrong.
        error: DeviceError,
    },
}

/// What the threads of a rank have in common.
pub(crate) struct Shared {
    /// Of the potentials, in their order.
    pub(crate) labels: Vec<String>,
    pub(crate) evaluator: Evaluator,
    pub(crate) source: Arc<dyn StructureSource>,
    pub(crate) queue: Queue,
    /// By potential: its card, where it has one.
    pub(crate) cards: Vec<Option<Card>>,
    pub(crate) cache: StructureCache,
    pub(crate) tally: Mutex<Tally>,
    /// Potentials of a structure at once.
    pub(crate) mlip_workers: usize,
    /// All threads of the rank, if an evaluation may have more than its own while the others have nothing to do.
    pub(crate) lent_threads: Option<usize>,
    /// Tasks under way whose answers the journal may keep.
    pub(crate) underway: Mutex<HashMap<TaskKey, Arc<RunningTask>>>,
}

/// Atoms of the structures in a frame, at most, but for those of the last.
const MOST_ATOMS_KEPT: usize = 100_000;

/// Structures on their way into the journal.
#[derive(Default)]
struct Kept {
    surveyed: Option<SurveyedStructures>,
    n_atoms: usize,
}

impl Kept {
    /// Whether entries lie between the last that was looked at and this one.
    fn ends_before(&self, entry: u64) -> bool {
        self.surveyed.as_ref().is_some_and(|surveyed| surveyed.last.saturating_add(1) < entry)
    }

    fn looked_at(&mut self, entry: u64) {
        let new = || SurveyedStructures { first: entry, last: entry, structures: Vec::new() };
        let surveyed = self.surveyed.get_or_insert_with(new);
        surveyed.last = entry;
    }

    fn structure(&mut self, structure: Option<Arc<Structure>>, entry: u64) {
        let Some(structure) = structure else { return };
        self.looked_at(entry);
        self.n_atoms += structure.n_atoms();
        if let Some(surveyed) = &mut self.surveyed {
            surveyed.structures.push(SurveyedStructure { entry, structure });
        }
    }
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// A structure that was read before, and the warnings of its reader.
type ReadBefore = (Digested, Vec<(String, String)>);

/// An entry from the journals of earlier attempts; `None` where they hold no structure of it, which is then read from the
/// input.
fn read_kept(earlier: &mut KeptEntries, entry: u64, place: KeptEntry) -> Result<Option<ReadBefore>, StoreError> {
    let digested = |KeptStructure { structure, digest, warnings }| (Digested { structure, digest }, warnings);
    Ok(earlier.get(entry, place)?.map(digested))
}

impl Shared {
    /// The card of a potential; none where workers compute it themselves.
    pub(crate) fn card(&self, potential: usize) -> Option<&Card> {
        self.cards.get(potential)?.as_ref()
    }

    /// Reads entries for the survey.
    pub(crate) fn read(&self, entries: Vec<ToRead>) -> Result<Vec<Answer>, StoreError> {
        let mut answers = Vec::with_capacity(entries.len());
        let mut surveyed = Vec::with_capacity(entries.len());
        let mut kept = Kept::default();
        let mut earlier = KeptEntries::new(&self.evaluator.run_dir);
        for ToRead { entry, locator, kept: place } in entries {
            // What was read once stays what it was, whatever has become of its file.
            let read_before = match place {
                Some(place) => read_kept(&mut earlier, entry, place)?,
                None => None,
            };
            let is_kept = read_before.is_some();
            // A frame has no gaps: whoever looks for an entry within it knows that it was looked at.
            if kept.ends_before(entry) {
                self.keep(&mut kept)?;
            }
            let loaded = read_before.map(Ok).unwrap_or_else(|| {
                let (digested, mut warnings) = self.load(&locator)?;
                warnings.extend(charge_warnings(&digested.structure, &self.labels, &self.evaluator.potentials));
                Ok((digested, warnings))
            });
            let (structure, state) = match loaded {
                Err(failure) => (None, EntryState::Failed(failure)),
                Ok((digested, warnings)) => {
                    let n_atoms = u32::try_from(digested.structure.n_atoms()).unwrap_or(u32::MAX);
                    let seen = self.predict_cost(&digested);
                    kept.structure((!is_kept).then(|| digested.structure.clone()), entry);
                    self.cache.put(entry, &digested);
                    (Some(seen), EntryState::Structure { digest: digested.digest, n_atoms, warnings })
                }
            };
            answers.push(Answer { entry, structure });
            surveyed.push(SurveyedEntry { entry, state });
            if place.is_none() {
                kept.looked_at(entry);
            }
            if kept.n_atoms >= MOST_ATOMS_KEPT {
                self.keep(&mut kept)?;
            }
        }
        // Before what the survey says: whoever has its answers has the structures too.
        self.keep(&mut kept)?;
        self.evaluator.journal.append(&Frame::Surveyed(surveyed))?;
        Ok(answers)
    }

    /// Journals structures as they were read.
    fn keep(&self, kept: &mut Kept) -> Result<(), StoreError> {
        match std::mem::take(kept).surveyed {
            Some(surveyed) => self.evaluator.journal.append(&Frame::Structures(surveyed)).map(|_| ()),
            None => Ok(()),
        }
    }

    /// A reader that panics costs its entry only.
    fn load(&self, locator: &Locator) -> Result<(Digested, Vec<(String, String)>), Failure> {
        let loaded = catch_unwind(AssertUnwindSafe(|| self.source.load(locator))).unwrap_or_else(|panic| {
            Err(Failure {
                kind: FailureKind::Internal,
                line: None,
                message: format!("the reader panicked: {}; please report this file", panic_message(panic.as_ref())),
            })
        });
        loaded.map(|Loaded { structure, warnings }| (Digested::new(structure), warnings))
    }

    /// What the plan needs to know; a potential that cannot tell is met again in its evaluation.
    fn predict_cost(&self, Digested { structure, digest }: &Digested) -> Seen {
        let n_evaluations = self.evaluator.calculation.expected_evaluations();
        let mut keys = DefaultHasher::new();
        let mut shares = false;
        let predicted = self.evaluator.potentials.iter().map(|potential| {
            let predict = || (potential.cost(structure), potential.preparation(structure));
            let (cost, preparation) = catch_unwind(AssertUnwindSafe(predict)).unwrap_or_default();
            shares |= preparation.is_some();
            preparation.map(|preparation| preparation.key).hash(&mut keys);
            Predicted {
                evaluation: (n_evaluations * cost) as f32,
                preparation: preparation.map_or(0.0, |preparation| preparation.cost) as f32,
            }
        });
        Seen { digest: *digest, predicted: predicted.collect(), group: shares.then(|| keys.finish()) }
    }

    /// Begins a structure, with this potential if that is to be done. Gives what people should know.
    pub(crate) fn begin(&self, assignment: Assignment, first: Option<usize>) -> Result<Option<String>, WorkError> {
        let Assignment { entry, locator, kept, digest, cost, work, alone } = assignment;
        let (known, left) = self.evaluator.take_known(digest, work)?;
        if left.is_empty() {
            // Without a look at the structure: that is what a cache is for.
            self.cache.take(entry);
            return Ok(self.end_structure(cost, known));
        }
        let digested = match self.digested(entry, &locator, kept, digest) {
            Ok(digested) => digested,
            Err(failure) => {
                let record = |work| self.evaluator.record_unread(digest, work, &failure);
                let failed: Ended = left.iter().map(record).collect::<Result<Vec<_>, _>>()?.into_iter().collect();
                return Ok(self.end_structure(cost, known.and(failed)));
            }
        };
        let deadline = self.evaluator.structure_timeout.map_or(Deadline::NONE, Deadline::after);
        let structure = RunningStructure::new(digested.structure, digest, alone, deadline, cost, left, known);
        let structure = Arc::new(structure);
        let mut remark = None;
        for _ in 0..self.mlip_workers.max(1) {
            let Some(work) = structure.take(first) else { break };
            remark = self.start(&structure, work)?.or(remark);
        }
        Ok(remark)
    }

    /// The structure of an assignment: still held since the survey, or read again.
    fn digested(
        &self,
        entry: u64,
        locator: &Locator,
        kept: Option<KeptEntry>,
        digest: mlip_store::StructureDigest,
    ) -> Result<Digested, Failure> {
        // Where a journal fails now the input is read: by the digest it can only be the same structure.
        let read_before =
            || kept.and_then(|place| read_kept(&mut KeptEntries::new(&self.evaluator.run_dir), entry, place).ok()?);
        let digested = match self.cache.take(entry).or_else(|| read_before().map(|(digested, _)| digested)) {
            Some(held) => held,
            None => self.load(locator)?.0,
        };
        if digested.digest == digest {
            return Ok(digested);
        }
        Err(Failure {
            kind: FailureKind::Unreadable,
            line: None,
            message: "the file changed between survey and evaluation; `resume` the run to compute what it says now"
                .into(),
        })
    }

    /// Begins a task, and those that take its place if it is at its end at once.
    fn start(&self, structure: &Arc<RunningStructure>, work: Work) -> Result<Option<String>, WorkError> {
        let mut next = Some(work);
        let mut remark = None;
        while let Some(work) = next.take() {
            let ended = match (self.evaluator.key(structure.digest, &work), work.treatment) {
                (None, _) => {
                    let message =
                        format!("the root asked for potential {}, which this run does not have", work.potential);
                    return Err(StoreError::Source { what: "a task", source: message.into() }.into());
                }
                (Some(key), Treatment::Quarantine { deaths, is_guilty }) => {
                    let outcome = Outcome::Failed(crashed(deaths, is_guilty));
                    self.evaluator.record(key, &work, &structure.structure, outcome, 0.0)?
                }
                (Some(key), _) => {
                    let (kept, damaged) = self.kept_answers(&work);
                    remark = damaged.or(remark);
                    let workflow = self.evaluator.calculation.start(structure.structure.clone());
                    let task = Arc::new(RunningTask::new(structure.clone(), work, key, workflow, kept));
                    if self.evaluator.asks_often() {
                        self.lock_underway().insert(key, task.clone());
                    }
                    match self.advance(&task)? {
                        Some(ended) => ended,
                        None => return Ok(remark),
                    }
                }
            };
            match structure.end_task(ended) {
                AfterTask::Next(work) => next = Some(work),
                AfterTask::Others => {}
                AfterTask::End(ended) => remark = self.end_structure(structure.cost, ended).or(remark),
            }
        }
        Ok(remark)
    }

    /// What earlier attempts have journaled of a task. What cannot be read is asked for again.
    fn kept_answers(&self, work: &Work) -> (Vec<Answers>, Option<String>) {
        if work.answers.is_empty() {
            return (Vec::new(), None);
        }
        match read_answers(&self.evaluator.run_dir, &work.answers) {
            Ok(answers) => (answers, None),
            Err(error) => {
                (Vec::new(), Some(format!("answers of an earlier attempt are computed again: {}", with_causes(&error))))
            }
        }
    }

    /// Lets a task go on: its questions join those that wait. Gives what it adds to the totals once it is at its end.
    fn advance(&self, task: &Arc<RunningTask>) -> Result<Option<Ended>, WorkError> {
        let Advance { questions, finished, held_bytes: (before, now) } = task.advance();
        self.queue.hold(before, now);
        if let Some((outcome, spent_s)) = finished {
            if self.evaluator.asks_often() {
                self.lock_underway().remove(&task.key);
            }
            let ended = self.evaluator.record(task.key, &task.work, &task.structure.structure, outcome, spent_s)?;
            return Ok(Some(ended));
        }
        let potential = usize::from(task.work.potential);
        let waiting = |ask| (potential, Waiting { task: task.clone(), ask, prepared: None });
        self.queue.ask(questions.into_iter().map(waiting));
        Ok(None)
    }

    /// What follows from an answer that a task has received. Gives what people should know.
    pub(crate) fn go_on(&self, task: &Arc<RunningTask>, due: Option<Answers>) -> Result<Option<String>, WorkError> {
        if let Some(answers) = due {
            self.evaluator.journal.append(&Frame::Answered(answers))?;
        }
        let Some(ended) = self.advance(task)? else { return Ok(None) };
        match task.structure.end_task(ended) {
            // Once the rank is to stop nothing is begun any more.
            AfterTask::Next(_) if self.queue.is_closed() => Ok(None),
            AfterTask::Next(work) => self.start(&task.structure, work),
            AfterTask::Others => Ok(None),
            AfterTask::End(ended) => Ok(self.end_structure(task.structure.cost, ended)),
        }
    }

    fn end_structure(&self, cost: f32, ended: Ended) -> Option<String> {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.structures += 1;
        tally.cost += f64::from(cost);
        tally.finished += ended.finished;
        tally.failed += ended.failed;
        tally.cached += ended.cached;
        tally.busy_s += ended.wall_s;
        drop(tally);
        self.queue.end_structure();
        ended.remark
    }

    /// Journals the answers of all tasks that are put down.
    pub(crate) fn keep_answers(&self) -> Result<(), StoreError> {
        for task in self.lock_underway().values() {
            if let Some(answers) = task.take_unwritten() {
                self.evaluator.journal.append(&Frame::Answered(answers))?;
            }
        }
        Ok(())
    }

    fn lock_underway(&self) -> std::sync::MutexGuard<'_, HashMap<TaskKey, Arc<RunningTask>>> {
        self.underway.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

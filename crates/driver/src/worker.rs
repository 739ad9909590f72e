//! What a structure worker does: reads entries, and sees a structure through all its potentials.

use crate::cache::{Digested, StructureCache};
use crate::error::with_causes;
use crate::evaluate::{Ended, Evaluator, Subject, panic_message};
use crate::protocol::{Answer, Assignment, Predicted, Seen, Tally, ToRead, Work};
use crate::queue::{Job, Queue};
use crate::source::{Loaded, StructureSource};
use crate::team::Team;
use mlip_atoms::{Deadline, Failure, FailureKind};
use mlip_inputs::Locator;
use mlip_store::{EntryState, Frame, StoreError, SurveyedEntry};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

/// What a worker tells the main thread of its rank. Ends of evaluations are counted in
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

/// What the threads of a rank have in common.
pub(crate) struct Shared {
    pub(crate) evaluator: Evaluator,
    pub(crate) source: Arc<dyn StructureSource>,
    pub(crate) queue: Queue,
    pub(crate) cache: StructureCache,
    pub(crate) tally: Mutex<Tally>,
}

/// Works until the queue is closed.
pub(crate) fn work(shared: &Shared, team: &Team, events: &Sender<Event>) {
    while let Some(job) = shared.queue.next() {
        let result = catch_unwind(AssertUnwindSafe(|| match job {
            Job::Read(entries) => shared.read(entries).map(|answers| Some(Event::Read(answers))),
            Job::Compute(assignment) => shared.compute(&assignment, team).map(|remark| remark.map(Event::Remark)),
        }));
        let event = match result {
            Ok(Ok(event)) => event,
            Ok(Err(error)) => Some(Event::Broken(with_causes(&error))),
            Err(panic) => Some(Event::Broken(format!("a worker panicked: {}", panic_message(panic.as_ref())))),
        };
        if let Some(event) = event {
            // Nobody listens any more once the rank is given up.
            let _ = events.send(event);
        }
        shared.queue.done();
    }
}

impl Shared {
    fn read(&self, entries: Vec<ToRead>) -> Result<Vec<Answer>, StoreError> {
        let mut answers = Vec::with_capacity(entries.len());
        let mut surveyed = Vec::with_capacity(entries.len());
        for ToRead { entry, locator } in entries {
            let (structure, state) = match self.load(&locator) {
                Err(failure) => (None, EntryState::Failed(failure)),
                Ok((digested, warnings)) => {
                    let n_atoms = u32::try_from(digested.structure.n_atoms()).unwrap_or(u32::MAX);
                    let seen = self.look(&digested);
                    self.cache.put(entry, &digested);
                    (Some(seen), EntryState::Structure { digest: digested.digest, n_atoms, warnings })
                }
            };
            answers.push(Answer { entry, structure });
            surveyed.push(SurveyedEntry { entry, state });
        }
        self.evaluator.journal.append(&Frame::Surveyed(surveyed))?;
        Ok(answers)
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
    fn look(&self, Digested { structure, digest }: &Digested) -> Seen {
        let mut keys = DefaultHasher::new();
        let mut shares = false;
        let predicted = self.evaluator.potentials.iter().map(|potential| {
            let look = || (potential.cost(structure), potential.preparation(structure));
            let (cost, preparation) = catch_unwind(AssertUnwindSafe(look)).unwrap_or_default();
            shares |= preparation.is_some();
            preparation.map(|preparation| preparation.key).hash(&mut keys);
            Predicted {
                evaluation: cost as f32,
                preparation: preparation.map_or(0.0, |preparation| preparation.cost) as f32,
            }
        });
        Seen { digest: *digest, predicted: predicted.collect(), group: shares.then(|| keys.finish()) }
    }

    /// Gives what people should know.
    fn compute(&self, assignment: &Assignment, team: &Team) -> Result<Option<String>, StoreError> {
        let (known, left) = self.evaluator.take_known(assignment.digest, &assignment.work)?;
        let computed = if left.is_empty() {
            // Without a look at the structure: that is what a cache is for.
            self.cache.take(assignment.entry);
            Ended::default()
        } else {
            match self.subject(assignment) {
                Ok(subject) => team.evaluate_all(&self.evaluator, &subject, &left)?,
                Err(failure) => {
                    let record = |work: &Work| self.evaluator.record_unread(assignment.digest, *work, &failure);
                    left.iter().map(record).collect::<Result<Vec<_>, _>>()?.into_iter().collect()
                }
            }
        };
        let ended = known.and(computed);
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.structures += 1;
        tally.cost += f64::from(assignment.cost);
        tally.finished += ended.finished;
        tally.failed += ended.failed;
        tally.cached += ended.cached;
        tally.busy_s += ended.wall_s;
        Ok(ended.remark)
    }

    /// The structure of an assignment: still held since the survey, or read again.
    fn subject(&self, assignment: &Assignment) -> Result<Subject, Failure> {
        let digested = match self.cache.take(assignment.entry) {
            Some(held) => held,
            None => self.load(&assignment.locator)?.0,
        };
        if digested.digest != assignment.digest {
            return Err(Failure {
                kind: FailureKind::Unreadable,
                line: None,
                message: "the file changed between survey and evaluation; `resume` the run to compute what it says now"
                    .into(),
            });
        }
        let deadline = self.evaluator.structure_timeout.map_or(Deadline::NONE, Deadline::after);
        Ok(Subject { structure: digested.structure, digest: digested.digest, alone: assignment.alone, deadline })
    }
}

impl FromIterator<Ended> for Ended {
    fn from_iter<T: IntoIterator<Item = Ended>>(all: T) -> Self {
        all.into_iter().fold(Self::default(), Self::and)
    }
}

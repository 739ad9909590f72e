//! A sample of the structures of a run, computed on the threads that the run would have.

use crate::budget::ThreadBudget;
use crate::evaluation_threads::evaluation_threads;
use crate::pool::in_parallel;
use crate::run::Engine;
use mlip_atoms::engine::{self, predict};
use mlip_atoms::{Deadline, DeviceError, EngineResources, Failure, Structure};
use mlip_calculations::{Calculation, Outcome, Poll};
use mlip_inputs::{InputError, Manifest};
use mlip_store::journal::EncodedFrame;
use mlip_store::{
    Answers, EntryState, Frame, Record, StoreError, StructureDigest, SurveyedEntry, SurveyedStructure,
    SurveyedStructures, TaskKey,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use thiserror::Error;

/// How a sample is computed.
#[derive(Clone, Copy)]
pub struct Sampling<'a> {
    /// Structures that are drawn; a costly one may be drawn several times, and is computed once.
    pub draws: usize,
    /// What is done with each.
    pub calculation: &'a dyn Calculation,
    /// Workers, and threads of an evaluation.
    pub threads: ThreadBudget,
    /// Limit of one evaluation.
    pub timeout: Option<Duration>,
    /// Answers of a structure that takes longer are journaled.
    pub sync_every: Duration,
}

/// Why there is no sample.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SampleError {
    /// No structure, or no potential on cores.
    #[error("there is nothing to compute a sample of")]
    Nothing,
    /// The list cannot be read back.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A structure that could be read before.
    #[error("a structure cannot be read any more: {}", .0.message)]
    Gone(Failure),
    /// A potential cannot be opened.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A result that is too long for a journal.
    #[error(transparent)]
    Journal(#[from] StoreError),
    /// No threads.
    #[error("threads for the sample cannot be started")]
    Threads(#[source] std::io::Error),
}

/// What came of one structure.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measured {
    /// In the order of the potentials.
    pub(crate) tasks: Vec<Task>,
    /// What a run would journal of it.
    pub(crate) journal_bytes: u64,
}

/// What came of one potential with it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Task {
    pub(crate) seconds: f64,
    pub(crate) evaluations: u32,
    pub(crate) failed: bool,
}

/// Computes the entries at these positions, in this order, with these potentials.
pub(crate) fn compute(
    manifest: &Manifest,
    engine: &Engine,
    potentials: &[usize],
    positions: &[usize],
    sampling: Sampling<'_>,
) -> Result<BTreeMap<usize, Measured>, SampleError> {
    let next = AtomicUsize::new(0);
    let found: Mutex<BTreeMap<usize, Measured>> = Mutex::default();
    let trouble: Mutex<Option<SampleError>> = Mutex::default();
    let threads = sampling.threads;
    let work = || -> Result<(), SampleError> {
        let n_threads = threads.threads_per_mlip;
        let mut pool = evaluation_threads(n_threads).map_err(SampleError::Threads)?;
        let resources = EngineResources { threads: n_threads.get(), rank_on_host: 0 };
        let open = |potential: &usize| engine.potentials[*potential].clone().open(resources);
        let mut engines = potentials.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        while let Some(position) = positions.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Some(entry) = manifest.get(*position)? else { continue };
            let structure = Arc::new(engine.source.load(&entry.locator).map_err(SampleError::Gone)?.structure);
            let mut measured = Measured { journal_bytes: survey_bytes(&structure)?, ..Measured::default() };
            for (potential, engine) in potentials.iter().zip(&mut engines) {
                let (task, bytes) =
                    pool.run(n_threads.get(), || one_task(engine.as_mut(), &structure, *potential, sampling))?;
                measured.tasks.push(task);
                measured.journal_bytes += bytes;
            }
            found.lock().unwrap_or_else(PoisonError::into_inner).insert(*position, measured);
        }
        Ok(())
    };
    in_parallel(threads.structure_workers.get(), || {
        if let Err(error) = work() {
            trouble.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    });
    match trouble.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner)),
    }
}

/// A structure with a potential, and what a run would journal of that, bytes.
fn one_task(
    engine: &mut dyn engine::Engine,
    structure: &Arc<Structure>,
    potential: usize,
    sampling: Sampling<'_>,
) -> Result<(Task, u64), SampleError> {
    let begin = Instant::now();
    let mut workflow = sampling.calculation.start(structure.clone());
    let (mut evaluations, mut answers) = (0, Vec::new());
    while let Poll::Ask(asks) = workflow.poll() {
        for ask in asks {
            let deadline = sampling.timeout.map_or(Deadline::NONE, Deadline::after);
            let answer = predict(engine, ask.structure, ask.request, deadline);
            evaluations += 1;
            answers.extend(answer.as_ref().ok().map(|prediction| (ask.id.0, prediction.clone())));
            workflow.receive(ask.id, answer);
        }
    }
    let outcome = workflow.finish();
    let elapsed = begin.elapsed();
    let task = Task { seconds: elapsed.as_secs_f64(), evaluations, failed: matches!(outcome, Outcome::Failed(_)) };
    let key = TaskKey([0; 16]);
    let mut frames = vec![Frame::Started { key, alone: false }];
    // Of a workflow with one question the record is the answer.
    if elapsed > sampling.sync_every && evaluations > 1 {
        frames.push(Frame::Answered(Answers { key, spent_s: 0.0, answers }));
    }
    let species = structure.species().iter().map(|species| species.atomic_number()).collect();
    let potential = u16::try_from(potential).unwrap_or(u16::MAX);
    frames.push(Frame::Finished(Record { key, potential, species, outcome, attempts: 1, wall_s: 0.0 }));
    Ok((task, bytes(&frames)?))
}

fn survey_bytes(structure: &Arc<Structure>) -> Result<u64, SampleError> {
    let n_atoms = u32::try_from(structure.n_atoms()).unwrap_or(u32::MAX);
    let state = EntryState::Structure { digest: StructureDigest::of(structure), n_atoms, warnings: Vec::new() };
    let structures = vec![SurveyedStructure { entry: 0, structure: structure.clone() }];
    let frames = [
        Frame::Surveyed(vec![SurveyedEntry { entry: 0, state }]),
        Frame::Structures(SurveyedStructures { first: 0, last: 0, structures }),
    ];
    Ok(bytes(&frames)?)
}

fn bytes(frames: &[Frame]) -> Result<u64, StoreError> {
    let length = |frame: &Frame| EncodedFrame::new(frame, Path::new("journal")).map(|frame| frame.bytes().len() as u64);
    frames.iter().map(length).sum()
}

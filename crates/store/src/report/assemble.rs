//! Walks over the entries of a run.

use super::batch::{JobEntry, TableJob, Tabulator};
use super::in_order::RowsInOrder;
use super::makers::RowMakers;
use super::source::FramesByEntry;
use super::{JournalSurveys, Provenance, ReadAgain, ReportPlan, ReportWriter, WrittenReport};
use crate::{Attempts, EntryState, Ledger, Location, StoreError};
use mlip_calculations::Embeddings;
use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Entries whose survey is held in memory at a time.
const WINDOW_ENTRIES: usize = 4096;

/// Threads that look up records, at most, and entries for each of them that are worth a thread.
const LOOKING: (usize, usize) = (4, 512);

/// A job has this many entries at most, and once it has this many atoms, summed over potentials, it is full: some
/// milliseconds of work, and half a megabyte of text.
const JOB_ENTRIES: usize = 256;
const JOB_ATOMS: u64 = 4096;

/// Entries and atoms of a job, at most: fewer where each of them has hundreds of numbers of embeddings, or a structure has
/// hundreds of frames.
fn limits(plan: &ReportPlan) -> (usize, u64) {
    let (entries, atoms) = limits_by_embeddings(plan.embeddings);
    if plan.has_trajectories() { (entries / 32, atoms / 64) } else { (entries, atoms) }
}

fn limits_by_embeddings(embeddings: Embeddings) -> (usize, u64) {
    match embeddings {
        Embeddings::None => (JOB_ENTRIES, JOB_ATOMS),
        Embeddings::Graph => (JOB_ENTRIES / 4, JOB_ATOMS),
        Embeddings::Node => (JOB_ENTRIES / 4, JOB_ATOMS / 8),
    }
}

/// The jobs that make the rows of all entries, (id, path) in the order of the input list.
///
/// Holds a window of entries in memory at a time, whatever the length of the list.
pub struct TableJobs<'a, I> {
    entries: I,
    plan: &'a ReportPlan,
    ledger: &'a Ledger,
    surveys: JournalSurveys,
    structures: FramesByEntry,
    window: VecDeque<JobEntry>,
    first: u64,
    threads: usize,
}

impl<'a, I, E> TableJobs<'a, I>
where
    I: Iterator<Item = Result<(String, String), E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    /// Of the entries of the run in this folder; up to this many threads look up where their records lie.
    pub fn new(run_dir: &Path, plan: &'a ReportPlan, ledger: &'a Ledger, entries: I, threads: usize) -> Self {
        let surveys = JournalSurveys::new(run_dir, ledger);
        let structures = FramesByEntry::new(ledger.structures());
        Self { entries, plan, ledger, surveys, structures, window: VecDeque::new(), first: 0, threads }
    }

    fn look_on(&mut self) -> Result<(), StoreError> {
        let entries: Vec<(String, String)> = self
            .entries
            .by_ref()
            .take(WINDOW_ENTRIES)
            .collect::<Result<_, _>>()
            .map_err(|error: E| StoreError::Source { what: "the entries", source: error.into() })?;
        let states = self.surveys.survey(self.first, entries.len())?;
        self.first += entries.len() as u64;
        let records = self.locations(&states)?;
        let entries = entries.into_iter().zip(states).zip(records);
        self.window.extend(entries.map(|(((id, path), state), records)| JobEntry { id, path, state, records }));
        Ok(())
    }

    /// Where the records of entries lie. Most of what the root has to do for a report are these random reads.
    fn locations(&self, states: &[Option<EntryState>]) -> Result<Vec<Vec<Option<Location>>>, StoreError> {
        let (most, worthwhile) = LOOKING;
        let n_threads = self.threads.min(most).min(states.len() / worthwhile).max(1);
        let (plan, ledger) = (self.plan, self.ledger);
        let look = |states: &[Option<EntryState>]| -> Result<Vec<_>, StoreError> {
            states.iter().map(|state| ledger.locations(&plan.keys(state.as_ref()))).collect()
        };
        let mut parts = states.chunks(states.len().div_ceil(n_threads).max(1));
        let own = parts.next().unwrap_or_default();
        std::thread::scope(|scope| {
            let start = |part| (part, std::thread::Builder::new().spawn_scoped(scope, move || look(part)));
            let others: Vec<_> = parts.map(start).collect();
            let mut found = look(own)?;
            for (part, started) in others {
                // Where no thread could be had, or it panicked, here.
                let looked = started.ok().and_then(|thread| thread.join().ok());
                found.extend(looked.unwrap_or_else(|| look(part))?);
            }
            Ok(found)
        })
    }

    fn job(&mut self) -> Result<Option<TableJob>, StoreError> {
        let first = self.first - self.window.len() as u64;
        let mut job = TableJob { first, entries: Vec::new(), structures: Vec::new(), hosts: BTreeMap::new() };
        let mut atoms = 0;
        let (most_entries, most_atoms) = limits(self.plan);
        while job.entries.len() < most_entries && atoms < most_atoms {
            if self.window.is_empty() {
                self.look_on()?;
            }
            let Some(entry) = self.window.pop_front() else { break };
            if let Some(EntryState::Structure { n_atoms, .. }) = entry.state {
                atoms += u64::from(n_atoms) * self.plan.potentials.len() as u64;
            }
            for Location { attempt, rank, .. } in entry.records.iter().flatten() {
                let host = || self.ledger.host(*attempt, *rank).to_owned();
                job.hosts.entry((*attempt, *rank)).or_insert_with(host);
            }
            job.entries.push(entry);
        }
        job.structures = self.structures.about(first, first + job.entries.len() as u64);
        Ok((!job.entries.is_empty()).then_some(job))
    }
}

impl<I, E> Iterator for TableJobs<'_, I>
where
    I: Iterator<Item = Result<(String, String), E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    type Item = Result<TableJob, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.job().transpose()
    }
}

/// Jobs for each thread whose rows are not in the files: half a megabyte of text each.
const UNDER_WAY_PER_THREAD: usize = 4;

/// Longest wait for rows before it is looked whether files have taken in some.
const PAUSE: Duration = Duration::from_millis(1);

/// Writes `RUN/report` from the journals alone, on this many threads, without other ranks. Structures that journals of
/// older versions lack are read again.
///
/// # Errors
/// When a journal or an entry cannot be read, or the disk is full. Damaged parts of journals are
/// skipped; what stood there is `pending`.
pub fn report_from_journals<E: Into<Box<dyn Error + Send + Sync>>>(
    run_dir: &Path,
    plan: &ReportPlan,
    provenance: &Provenance,
    entries: impl IntoIterator<Item = Result<(String, String), E>>,
    threads: usize,
    again: Option<Arc<dyn ReadAgain>>,
) -> Result<WrittenReport, StoreError> {
    let mut ledger = Ledger::new(run_dir);
    for file in &Attempts::list(run_dir)?.files {
        ledger.scan(file, provenance.run)?;
    }
    let mut jobs = TableJobs::new(run_dir, plan, &ledger, entries.into_iter(), threads);
    let mut makers = RowMakers::start(Arc::new(Tabulator::new(run_dir, plan, again)), threads);
    let mut rows = RowsInOrder::start(|| ReportWriter::create(run_dir, plan))?;
    let most = (UNDER_WAY_PER_THREAD * threads.max(2)) as u64;
    let (mut n_jobs, mut is_last) = (0, false);
    while !is_last || makers.is_busy() {
        while !is_last && makers.has_room() && n_jobs < rows.n_written()? + most {
            match jobs.next().transpose()? {
                Some(job) => makers.make(n_jobs, job),
                None => is_last = true,
            }
            n_jobs += u64::from(!is_last);
        }
        if let Some((number, made)) = makers.made(PAUSE) {
            rows.take(number, made?)?;
        }
    }
    rows.finish()?.finish(provenance, &ledger)
}

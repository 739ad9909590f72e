//! Walks over the entries of a run and feeds the tables.

use super::{
    EntryRow, Fetched, JournalRecords, JournalSurveys, Provenance, RecordSource, ReportCounts, ReportOptions,
    ReportWriter, SurveySource,
};
use crate::{Attempts, EntryState, Ledger, StoreError, TaskKey};
use mlip_atoms::PotentialId;
use std::error::Error;
use std::path::{Path, PathBuf};

/// Entries whose survey is held in memory at a time.
const WINDOW_ENTRIES: usize = 2048;

/// Atoms, summed over potentials, whose records are held in memory at a time: 32 bytes an atom, so about 10 MB.
const WINDOW_ATOMS: u64 = 300_000;

/// What a report is about.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportPlan {
    /// In the order of the rows.
    pub potentials: Vec<PotentialId>,
    /// The canonical text that went into every [`TaskKey`].
    pub settings: String,
    /// How to write it.
    pub options: ReportOptions,
}

impl ReportPlan {
    /// Keys of an entry's tasks, one a potential; none for an entry that is no structure.
    pub fn keys(&self, state: Option<&EntryState>) -> Vec<TaskKey> {
        match state {
            Some(EntryState::Structure { digest, .. }) => {
                self.potentials.iter().map(|potential| TaskKey::new(*digest, potential, &self.settings)).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Writes the rows of all entries, (id, path) in the order of the input list.
///
/// Holds a window of entries in memory at a time, whatever the length of the list; the bytes do
/// not depend on where windows begin.
///
/// # Errors
/// When an entry or a record cannot be had, or the disk is full.
pub fn write_entries<E: Into<Box<dyn Error + Send + Sync>>>(
    writer: &mut ReportWriter,
    plan: &ReportPlan,
    entries: impl IntoIterator<Item = Result<(String, String), E>>,
    surveys: &mut dyn SurveySource,
    records: &mut dyn RecordSource,
) -> Result<(), StoreError> {
    let mut entries = entries.into_iter();
    let mut first = 0;
    loop {
        let window: Vec<(String, String)> = entries
            .by_ref()
            .take(WINDOW_ENTRIES)
            .collect::<Result<_, _>>()
            .map_err(|error: E| StoreError::Source { what: "the entries", source: error.into() })?;
        if window.is_empty() {
            return Ok(());
        }
        let states = surveys.survey(first, window.len())?;
        first += window.len() as u64;
        let mut rest = window.as_slice();
        let mut states = states.as_slice();
        while !rest.is_empty() {
            let n = batch(states, plan.potentials.len()).min(rest.len());
            let (now, later) = rest.split_at(n);
            let (states_now, states_later) = states.split_at(n.min(states.len()));
            write_batch(writer, plan, now, states_now, records)?;
            (rest, states) = (later, states_later);
        }
    }
}

/// How many of these entries may be in memory with their records; at least one.
fn batch(states: &[Option<EntryState>], n_potentials: usize) -> usize {
    let mut atoms = 0;
    let fits = states.iter().take_while(|state| {
        if let Some(EntryState::Structure { n_atoms, .. }) = state {
            atoms += u64::from(*n_atoms) * n_potentials as u64;
        }
        atoms <= WINDOW_ATOMS
    });
    fits.count().max(1)
}

fn write_batch(
    writer: &mut ReportWriter,
    plan: &ReportPlan,
    entries: &[(String, String)],
    states: &[Option<EntryState>],
    records: &mut dyn RecordSource,
) -> Result<(), StoreError> {
    let state = |position: usize| states.get(position).and_then(Option::as_ref);
    let keys: Vec<Vec<TaskKey>> = (0..entries.len()).map(|position| plan.keys(state(position))).collect();
    let mut found = records.fetch(&keys.concat())?.into_iter();
    for (position, ((id, path), keys)) in entries.iter().zip(&keys).enumerate() {
        let records: Vec<Option<Fetched>> = found.by_ref().take(keys.len()).collect();
        writer.entry(&EntryRow { id, path, state: state(position), records: &records })?;
    }
    Ok(())
}

/// Writes `RUN/report` from the journals alone, without other ranks. Gives the counts and the files.
///
/// # Errors
/// When a journal or an entry cannot be read, or the disk is full. Damaged parts of journals are
/// skipped; what stood there is `pending`.
pub fn report_from_journals<E: Into<Box<dyn Error + Send + Sync>>>(
    run_dir: &Path,
    plan: &ReportPlan,
    provenance: &Provenance,
    entries: impl IntoIterator<Item = Result<(String, String), E>>,
) -> Result<(ReportCounts, Vec<PathBuf>), StoreError> {
    let mut ledger = Ledger::new(run_dir);
    for file in &Attempts::list(run_dir)?.files {
        ledger.scan(file, provenance.run)?;
    }
    let mut writer = ReportWriter::create(run_dir, &plan.potentials, plan.options)?;
    let mut surveys = JournalSurveys::new(run_dir, &ledger);
    let mut records = JournalRecords::new(run_dir, &ledger);
    write_entries(&mut writer, plan, entries, &mut surveys, &mut records)?;
    writer.memory(&ledger)?;
    writer.finish(provenance, &ledger)
}

//! How far a run is, from its journals.

use crate::Error;
use crate::folder::{read_config, read_manifest, run_id};
use mlip_driver::RunConfig;
use mlip_store::ledger::JournalSummary;
use mlip_store::report::JournalSurveys;
use mlip_store::{Attempts, EntryState, Ledger, RunLock, Tail};
use std::path::Path;
use std::time::SystemTime;

/// Entries looked at together.
const WINDOW: usize = 4096;

/// How far a run is; equal structures count each.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// What it is doing.
    pub state: RunState,
    /// Labels of its potentials.
    pub potentials: Vec<String>,
    /// Entries of its list.
    pub entries: usize,
    /// Entries that were read.
    pub surveyed: usize,
    /// Entries that are no structure.
    pub unreadable: usize,
    /// (Structure, potential) with a result.
    pub done: usize,
    /// (Structure, potential) that failed.
    pub failed: usize,
    /// (Structure, potential) without a record.
    pub pending: usize,
    /// Since a process last wrote into a journal or the lock of the run, seconds, by the clock of the file system; none where
    /// there is neither.
    pub silent_s: Option<f64>,
    /// From the first to the last.
    pub attempts: Vec<AttemptStatus>,
}

/// What a run is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    /// A process works in it.
    GoingOn {
        /// Its number on its host.
        pid: u32,
        /// Its host.
        host: String,
    },
    /// It has no journals yet.
    NotStarted,
    /// Everything has a record.
    Complete,
    /// It was stopped, and lost nothing.
    Stopped,
    /// It was killed: what was in flight has to be repeated.
    Interrupted,
}

/// One attempt of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptStatus {
    /// Its number, from 1.
    pub attempt: u32,
    /// Its ranks.
    pub n_ranks: usize,
    /// Ranks that ended in good order.
    pub n_closed: usize,
    /// Records that it wrote.
    pub n_records: u64,
    /// From its begin to its last sign of life, seconds.
    pub wall_s: f64,
    /// Largest resident set of a rank, bytes.
    pub peak_bytes: u64,
    /// Journals that do not end as they should: rank, and how.
    pub damaged: Vec<(u32, Tail)>,
}

impl AttemptStatus {
    fn of(journals: &[&JournalSummary]) -> Self {
        let damaged = |journal: &&JournalSummary| (journal.rank, journal.tail.clone());
        Self {
            attempt: journals.first().map_or(0, |journal| journal.attempt),
            n_ranks: journals.len(),
            n_closed: journals.iter().filter(|journal| journal.closed).count(),
            n_records: journals.iter().map(|journal| journal.n_records).sum(),
            wall_s: journals.iter().map(|journal| journal.last_time_s).fold(0.0, f64::max),
            peak_bytes: journals.iter().map(|journal| journal.peak_bytes).max().unwrap_or(0),
            damaged: journals.iter().filter(|journal| journal.tail != Tail::Clean).map(damaged).collect(),
        }
    }
}

/// Looks at a run. Whoever asks need not be allowed to write into its folder.
///
/// # Errors
/// When there is no run in the folder, or its journals cannot be read.
pub fn status(run_dir: &Path) -> Result<Status, Error> {
    let config = read_config(run_dir)?;
    let run = run_id(&config)?;
    let entries = read_manifest(run_dir)?.len();
    let mut ledger = Ledger::new(Path::new(""));
    let files = Attempts::list(run_dir)?.files;
    for file in &files {
        ledger.scan(file, run)?;
    }
    let mut status = Status {
        state: RunState::NotStarted,
        potentials: config.physics.potentials.iter().map(|potential| potential.label.clone()).collect(),
        entries,
        surveyed: 0,
        unreadable: 0,
        done: 0,
        failed: 0,
        pending: 0,
        silent_s: silent_s(run_dir, files.iter().map(|file| file.path.as_path())),
        attempts: ledger.journals().chunk_by(|a, b| a.attempt == b.attempt).map(AttemptStatus::of).collect(),
    };
    status.count(run_dir, &config, &ledger)?;
    status.state = match (RunLock::holder(run_dir)?, status.attempts.last_mut()) {
        (Some(holder), last) => {
            // Of an attempt that this process began: records tell of times that have passed, and the longest evaluations are
            // those that have none yet.
            let begun = files
                .last()
                .and_then(|file| begun_unix_s(&file.path))
                .filter(|begun| *begun >= holder.since_unix_s as f64);
            if let (Some(last), Some(begun)) = (last, begun) {
                let alive_s = unix_s(SystemTime::now()) - begun - status.silent_s.unwrap_or(0.0);
                last.wall_s = last.wall_s.max(alive_s);
            }
            RunState::GoingOn { pid: holder.pid, host: holder.host }
        }
        (None, None) => RunState::NotStarted,
        (None, Some(_)) if status.pending == 0 => RunState::Complete,
        (None, Some(last)) if last.n_closed == last.n_ranks => RunState::Stopped,
        (None, Some(_)) => RunState::Interrupted,
    };
    Ok(status)
}

/// Since the newest of the journals or the lock was written. Files that have gone meanwhile say nothing.
fn silent_s<'p>(run_dir: &Path, journals: impl Iterator<Item = &'p Path>) -> Option<f64> {
    let lock = run_dir.join("run.lock");
    let written = |path: &Path| std::fs::metadata(path).and_then(|file| file.modified()).ok();
    let newest = journals.filter_map(written).chain(written(&lock)).max()?;
    Some(newest.elapsed().unwrap_or_default().as_secs_f64())
}

/// When ranks of the attempt of this journal began theirs.
fn begun_unix_s(journal: &Path) -> Option<f64> {
    let begun = std::fs::metadata(journal.parent()?).and_then(|folder| folder.modified()).ok()?;
    Some(unix_s(begun))
}

fn unix_s(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

impl Status {
    fn count(&mut self, run_dir: &Path, config: &RunConfig, ledger: &Ledger) -> Result<(), Error> {
        let plan = config.report_plan();
        let mut surveys = JournalSurveys::new(run_dir, ledger);
        for first in (0..self.entries).step_by(WINDOW) {
            for state in surveys.survey(first as u64, WINDOW.min(self.entries - first))? {
                self.surveyed += usize::from(state.is_some());
                self.unreadable += usize::from(matches!(state, Some(EntryState::Failed(_))));
                if state.is_none() {
                    self.pending += plan.potentials.len();
                }
                for key in plan.keys(state.as_ref()) {
                    match ledger.get(&key)? {
                        Some(entry) if entry.status().is_done() => self.done += 1,
                        Some(_) => self.failed += 1,
                        None => self.pending += 1,
                    }
                }
            }
        }
        Ok(())
    }
}

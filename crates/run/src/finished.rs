//! A run that came to its end, and its tables: what others take from it.

use crate::folder::{read_config, run_id};
use crate::{Error, RunConfig};
use mlip_driver::{End, Finish, InputsAgain, PotentialConfig, Signals, StructureSource, provenance, rows};
use mlip_inputs::Manifest;
use mlip_store::report::{RunJson, TableReader, report_from_journals};
use mlip_store::run_lock::REFRESH_EVERY;
use mlip_store::{Attempts, RunLock, StoreError};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The tables of a run once more, if all that its last report is of has a record: there is nothing to compute then. `None`
/// where there is, or may be. A signal ends it; what stood there before stays then.
///
/// # Errors
/// When its journals or tables cannot be read or written, or another process took the run over.
pub(crate) fn written_again(
    run_dir: &Path,
    config: &RunConfig,
    manifest: &Manifest,
    again: Arc<dyn StructureSource>,
    lock: &RunLock,
    signals: &mut Signals,
) -> Result<Option<Finish>, StoreError> {
    let (Some(report), Some(run)) = (RunJson::read(run_dir)?, run_id(config).ok()) else { return Ok(None) };
    let last = report.attempts.last().map_or(0, |attempt| attempt.attempt);
    let is_whole = report.run == run.to_string()
        && (report.counts.pending, report.counts.entries) == (0, manifest.len() as u64)
        && Attempts::list(run_dir)?.latest() == last;
    if !is_whole {
        return Ok(None);
    }
    let finish = |end, report| Ok(Some(Finish { end, report, abandoned_threads: false }));
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let again = Arc::new(InputsAgain::new(run_dir, again));
    let (plan, provenance) = (config.report_plan(), provenance(config, run));
    let mut stopped = false;
    // The journals of a large run are scanned for minutes before the first row is asked for.
    let written = lock.refresh_during(REFRESH_EVERY, |is_lost| {
        let watched = rows(manifest).map(|row| -> Result<_, Box<dyn std::error::Error + Send + Sync>> {
            if signals.is_asked() {
                stopped = true;
                return Err("a signal asked for the end".into());
            }
            if is_lost.load(Ordering::Relaxed) {
                return Err("the lock of the run is lost".into());
            }
            Ok(row?)
        });
        report_from_journals(run_dir, &plan, &provenance, watched, threads, Some(again))
    })?;
    match written {
        Err(_) if stopped => finish(End::Drained, None),
        Err(error) => Err(error),
        // Records that a damaged journal has lost are computed anew.
        Ok(written) if written.counts.pending > 0 => Ok(None),
        Ok(written) => finish(End::Complete, Some(written)),
    }
}

/// A run that has a record of everything, with its tables.
#[derive(Debug)]
pub(crate) struct FinishedRun {
    folder: PathBuf,
    config: RunConfig,
    n_entries: usize,
}

impl FinishedRun {
    /// The run in a folder.
    ///
    /// # Errors
    /// When there is none, it is not finished, or it has no tables.
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        let config = read_config(folder)?;
        let unfinished = |why: String| Error::NotFinished { folder: folder.into(), why };
        if let Some(holder) = RunLock::holder(folder)? {
            return Err(unfinished(format!("process {} on {} works in it", holder.pid, holder.host)));
        }
        // Written last, beside the tables.
        let Some(report) = RunJson::read(folder)? else {
            let why = "it has no report: it was stopped, or its report was deleted (`mlip-batch report` writes it)";
            return Err(unfinished(why.into()));
        };
        if report.run != run_id(&config)?.to_string() {
            return Err(unfinished("its report is of another run".into()));
        }
        if report.counts.pending > 0 {
            return Err(unfinished(format!("{} evaluations are pending", report.counts.pending)));
        }
        let n_entries = usize::try_from(report.counts.entries).unwrap_or(usize::MAX);
        Ok(Self { folder: folder.into(), config, n_entries })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn config(&self) -> &RunConfig {
        &self.config
    }

    /// Entries of its list.
    pub(crate) fn n_entries(&self) -> usize {
        self.n_entries
    }

    /// Labels of its potentials.
    pub(crate) fn labels(&self) -> Vec<String> {
        self.config.physics.potentials.iter().map(|potential| potential.label.clone()).collect()
    }

    /// One of its tables; `None` where it has none of this name.
    pub(crate) fn table(&self, name: &str) -> Result<Option<TableReader>, Error> {
        Ok(TableReader::find(&self.folder, name)?)
    }

    /// The potential of a label; the only one if none is said.
    pub(crate) fn potential(&self, label: Option<&str>) -> Result<&PotentialConfig, Error> {
        let potentials = &self.config.physics.potentials;
        match (label, potentials.as_slice()) {
            (None, [only]) => Ok(only),
            (None, _) => Err(Error::SeveralPotentials { folder: self.folder.clone(), labels: self.labels() }),
            (Some(label), all) => all.iter().find(|potential| potential.label == label).ok_or_else(|| {
                Error::NoSuchPotentialOf { folder: self.folder.clone(), label: label.into(), known: self.labels() }
            }),
        }
    }
}

//! The report of a run, from the journals of all ranks.

use crate::config::RunConfig;
use crate::error::RunError;
use crate::protocol::{Message, Order, Report, decode, encode};
use crate::root::Root;
use crate::setup::Setup;
use mlip_atoms::PotentialId;
use mlip_inputs::{InputError, Manifest};
use mlip_ranks::{Channel, Communicator, Pause, Rank};
use mlip_store::report::{
    Provenance, ReportCounts, ReportOptions, ReportPlan, ReportWriter, TableJob, TableJobs, TableRows, tabulate,
};
use mlip_store::run_lock::REFRESH_EVERY;
use mlip_store::{RunId, RunLock, StoreError};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Jobs whose rows are awaited at a time: what the root holds of them is some ten megabytes.
const MOST_AWAITED: u64 = 64;

/// Rows are made by whoever has time, the root too, and put together in order.
struct Gathering<'a> {
    ranks: &'a mut dyn Communicator,
    run_dir: &'a Path,
    potentials: &'a [PotentialId],
    threads: usize,
    writer: ReportWriter,
    /// Jobs that were handed out.
    n_given: u64,
    n_written: u64,
    /// Rows whose turn has not come.
    early: BTreeMap<u64, TableRows>,
    /// By rank: whether it has jobs.
    busy: Vec<bool>,
}

type Trouble = Box<dyn Error + Send + Sync>;

impl Gathering<'_> {
    fn gather(
        mut self,
        mut jobs: impl Iterator<Item = Result<TableJob, StoreError>>,
        lock: &RunLock,
    ) -> Result<ReportWriter, Trouble> {
        let mut refreshed = Instant::now();
        let mut pause = Pause::new();
        loop {
            if refreshed.elapsed() >= REFRESH_EVERY {
                lock.refresh()?;
                refreshed = Instant::now();
            }
            let mut active = self.receive()?;
            let given = self.n_given;
            self.give_to_idle(&mut jobs)?;
            if self.has_room() {
                let own = self.next_jobs(&mut jobs)?;
                let first = self.n_given;
                self.n_given += own.len() as u64;
                self.take(first, tabulate(self.run_dir, self.potentials, &own, self.threads)?)?;
                if own.is_empty() && self.n_written == self.n_given {
                    return Ok(self.writer);
                }
            }
            active |= self.n_given > given;
            if active {
                pause.reset();
            } else {
                pause.sleep();
            }
        }
    }

    fn has_room(&self) -> bool {
        self.n_given < self.n_written + MOST_AWAITED
    }

    fn next_jobs(
        &self,
        jobs: &mut impl Iterator<Item = Result<TableJob, StoreError>>,
    ) -> Result<Vec<TableJob>, StoreError> {
        jobs.take(self.threads).collect()
    }

    /// Has rows made by the ranks that are idle. All orders are under way at once: ranks look for them now and then.
    fn give_to_idle(&mut self, jobs: &mut impl Iterator<Item = Result<TableJob, StoreError>>) -> Result<(), Trouble> {
        let mut orders = Vec::new();
        for rank in 1..self.busy.len() {
            if self.busy[rank] || !self.has_room() {
                continue;
            }
            let some = self.next_jobs(jobs)?;
            if some.is_empty() {
                break;
            }
            let first = self.n_given;
            self.n_given += some.len() as u64;
            self.busy[rank] = true;
            orders.push((Rank::from_index(rank), encode(&Message::Order(Order::Tabulate(first, some)))?));
        }
        self.ranks.send_all(Channel::Work, orders);
        Ok(())
    }

    /// Takes in rows that have come; whether there were any.
    fn receive(&mut self) -> Result<bool, Trouble> {
        let mut any = false;
        while let Some((from, bytes)) = self.ranks.try_receive(Channel::Work) {
            if let Message::Report(Report::Tabulated(first, rows)) = decode(&bytes)? {
                any = true;
                if let Some(busy) = self.busy.get_mut(from.index()) {
                    *busy = false;
                }
                self.take(first, rows.map_err(|message| format!("rank {from}: {message}"))?)?;
            }
        }
        Ok(any)
    }

    /// Writes rows whose turn it is.
    fn take(&mut self, first: u64, rows: Vec<TableRows>) -> Result<(), Trouble> {
        self.early.extend((first..).zip(rows));
        while let Some(rows) = self.early.remove(&self.n_written) {
            self.writer.append(&rows)?;
            self.n_written += 1;
        }
        Ok(())
    }
}

/// Writes the report of an attempt that has ended; every rank makes rows on so many threads.
pub(crate) fn report(
    ranks: &mut dyn Communicator,
    setup: &Setup,
    root: Root,
    threads: usize,
) -> Result<(ReportCounts, Vec<PathBuf>), RunError> {
    let (entries, ledger, lock) = root.into_report_parts();
    let plan = report_plan(&setup.config);
    let jobs = TableJobs::new(&setup.run_dir, &plan, &ledger, rows(&entries));
    let gathering = Gathering {
        run_dir: &setup.run_dir,
        potentials: &plan.potentials,
        threads,
        writer: ReportWriter::create(&setup.run_dir, &plan.potentials, plan.options)?,
        n_given: 0,
        n_written: 0,
        early: BTreeMap::new(),
        busy: vec![false; ranks.size()],
        ranks,
    };
    let gathered = gathering.gather(jobs, &lock);
    let writer = gathered.map_err(|source| StoreError::Source { what: "the rows", source })?;
    Ok(writer.finish(&provenance(&setup.config, setup.run_id()?), &ledger)?)
}

/// Ids and paths of all entries, in order.
pub fn rows(entries: &Manifest) -> impl Iterator<Item = Result<(String, String), InputError>> {
    entries.iter().map(|entry| entry.map(|entry| (entry.id, entry.locator.to_string())))
}

/// What the report of a run with these settings is about.
pub fn report_plan(config: &RunConfig) -> ReportPlan {
    ReportPlan {
        potentials: config.physics.potential_ids(),
        settings: config.physics.settings(),
        options: ReportOptions { compress: config.resources.compress },
    }
}

/// Where the results of a run come from, for `run.json`.
pub fn provenance(config: &RunConfig, run: RunId) -> Provenance {
    Provenance {
        version: config.version.clone(),
        run,
        settings: serde_json::to_value(config).unwrap_or_default(),
        frame: format!("{:?}", config.physics.frame).to_lowercase(),
    }
}

//! The report of a run, from the journals of all ranks.

use crate::config::RunConfig;
use crate::error::RunError;
use crate::protocol::{Message, Order, Report, decode, encode};
use crate::rank::RankLife;
use crate::root::Root;
use crate::setup::Setup;
use mlip_inputs::{InputError, Manifest};
use mlip_ranks::{Channel, Communicator, Pause, Rank};
use mlip_store::report::{
    Provenance, ReadAgain, ReportWriter, TableJob, TableJobs, TableRows, Tabulator, WrittenReport,
};
use mlip_store::run_lock::REFRESH_EVERY;
use mlip_store::{RunId, RunLock, StoreError};
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

/// Jobs whose rows are awaited at a time: half a megabyte of text each, so the root holds some thirty.
const MOST_AWAITED: u64 = 64;

/// Rows are made by whoever has time, the root too, and put together in order.
struct Gathering<'a> {
    ranks: &'a mut dyn Communicator,
    life: &'a mut RankLife,
    /// Whether a signal on another rank has asked for the end.
    is_asked: bool,
    tabulator: Tabulator,
    threads: usize,
    writer: ReportWriter,
    /// Jobs that were handed out.
    n_handed_out: u64,
    n_written: u64,
    /// Rows whose turn has not come.
    early: BTreeMap<u64, TableRows>,
    /// By rank: whether it has jobs.
    busy: Vec<bool>,
}

type Trouble = Box<dyn Error + Send + Sync>;

impl Gathering<'_> {
    /// All rows; `None` when a signal came before.
    fn gather(
        mut self,
        mut jobs: impl Iterator<Item = Result<TableJob, StoreError>>,
        lock: &RunLock,
    ) -> Result<Option<ReportWriter>, Trouble> {
        let mut refreshed = Instant::now();
        let mut pause = Pause::new();
        loop {
            self.ranks.check_end()?;
            if refreshed.elapsed() >= REFRESH_EVERY {
                lock.refresh()?;
                refreshed = Instant::now();
            }
            let mut active = self.receive()?;
            if self.life.is_asked_to_end() || self.is_asked {
                return Ok(None);
            }
            if self.n_handed_out < self.n_written + MOST_AWAITED {
                let idle = (1..self.busy.len()).find(|rank| !self.busy[*rank]);
                let some = jobs.by_ref().take(self.threads).collect::<Result<Vec<_>, _>>()?;
                if some.is_empty() && self.n_written == self.n_handed_out {
                    return Ok(Some(self.writer));
                }
                active |= !some.is_empty();
                self.hand_out(idle, some)?;
            }
            if active {
                pause.reset();
            } else {
                pause.sleep();
            }
        }
    }

    /// Takes in rows that have come; whether there were any.
    fn receive(&mut self) -> Result<bool, Trouble> {
        let mut any = false;
        while let Some((from, bytes)) = self.ranks.try_receive(Channel::Work) {
            match decode(&bytes)? {
                Message::Report(Report::Tabulated(first, rows)) => {
                    any = true;
                    if let Some(busy) = self.busy.get_mut(from.index()) {
                        *busy = false;
                    }
                    self.take(first, rows.map_err(|message| format!("rank {from}: {message}"))?)?;
                }
                Message::Report(Report::Signal) => self.is_asked = true,
                _ => {}
            }
        }
        Ok(any)
    }

    /// Has rows made by an idle rank, or without one here.
    fn hand_out(&mut self, idle: Option<usize>, jobs: Vec<TableJob>) -> Result<(), Trouble> {
        if jobs.is_empty() {
            return Ok(());
        }
        let first = self.n_handed_out;
        self.n_handed_out += jobs.len() as u64;
        match idle {
            Some(rank) => {
                self.busy[rank] = true;
                let order = encode(&Message::Order(Order::Tabulate(first, jobs)))?;
                self.ranks.send(Rank::from_index(rank), Channel::Work, order);
            }
            None => self.take(first, self.tabulator.tabulate(&jobs, self.threads)?)?,
        }
        Ok(())
    }

    /// Writes rows whose turn it is.
    fn take(&mut self, first: u64, rows: Vec<TableRows>) -> Result<(), Trouble> {
        self.early.extend((first..).zip(rows));
        while let Some(rows) = self.early.remove(&self.n_written) {
            self.writer.append(rows)?;
            self.n_written += 1;
        }
        Ok(())
    }
}

/// Writes the report of an attempt that has ended; every rank makes rows. `None` when a signal came before it was whole:
/// nothing of it is left then, and the next attempt writes it.
pub(crate) fn report(
    ranks: &mut dyn Communicator,
    setup: &Setup,
    root: Root<'_>,
    life: &mut RankLife,
    again: Arc<dyn ReadAgain>,
) -> Result<Option<WrittenReport>, RunError> {
    let (entries, ledger, lock) = root.into_report_parts();
    let plan = setup.config.report_plan();
    let jobs = TableJobs::new(&setup.run_dir, &plan, &ledger, rows(&entries));
    let gathering = Gathering {
        tabulator: Tabulator::new(&setup.run_dir, &plan, Some(again)),
        threads: life.threads(),
        life,
        is_asked: false,
        writer: ReportWriter::create(&setup.run_dir, &plan)?,
        n_handed_out: 0,
        n_written: 0,
        early: BTreeMap::new(),
        busy: vec![false; ranks.size()],
        ranks,
    };
    let gathered = gathering.gather(jobs, &lock);
    let writer = gathered.map_err(|source| StoreError::Source { what: "the rows", source })?;
    let Some(writer) = writer else { return Ok(None) };
    Ok(Some(writer.finish(&provenance(&setup.config, setup.run_id()?), &ledger)?))
}

/// Ids and paths of all entries, in order.
pub fn rows(entries: &Manifest) -> impl Iterator<Item = Result<(String, String), InputError>> {
    entries.iter().map(|entry| entry.map(|entry| (entry.id, entry.locator.to_string())))
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

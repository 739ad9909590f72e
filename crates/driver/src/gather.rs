//! The report of a run, from the journals of all ranks.

use crate::config::RunConfig;
use crate::error::RunError;
use crate::protocol::{Message, Order, Report, decode, encode};
use crate::rank::RankLife;
use crate::root::Root;
use crate::setup::Setup;
use mlip_inputs::{InputError, Manifest};
use mlip_ranks::{Channel, Communicator, Pause, Rank};
use mlip_store::report::{Provenance, ReportWriter, RowsInOrder, TableJob, TableJobs, TableRows, WrittenReport};
use mlip_store::run_lock::REFRESH_EVERY;
use mlip_store::{RunId, RunLock, StoreError};
use std::error::Error;
use std::time::{Duration, Instant};

/// Jobs whose rows are not in the files, at least and at most, and otherwise twice as many as ranks may have in hand: half
/// a megabyte of text each, which the root holds while the first of them is late or the disk is slow. Beyond the most,
/// ranks have nothing to do, and need not: the root finds a thousand jobs a second.
const AWAITED: (u64, u64) = (8, 256);

/// Jobs that a rank has at a time, for each of its threads: one that is made and one that lies ready.
const JOBS_PER_THREAD: usize = 2;

/// Longest wait for rows that are made by this rank before messages are looked for.
const PAUSE: Duration = Duration::from_micros(200);

/// Rows are made by whoever has time, the root too, and put together in order.
struct Gathering<'a> {
    ranks: &'a mut dyn Communicator,
    life: &'a mut RankLife,
    /// Whether a signal on another rank has asked for the end.
    is_asked: bool,
    rows: RowsInOrder,
    /// Jobs that were handed out.
    n_handed_out: u64,
    /// Jobs whose rows have come.
    n_taken: u64,
    /// Jobs that a rank may have at a time.
    most_each: usize,
    /// By rank: the jobs that it has. The root's are counted by the root itself.
    n_jobs: Vec<usize>,
}

type Trouble = Box<dyn Error + Send + Sync>;

impl Gathering<'_> {
    /// All rows; `None` when a signal came before.
    fn gather(
        mut self,
        mut jobs: impl Iterator<Item = Result<TableJob, StoreError>>,
        lock: &RunLock,
    ) -> Result<Option<ReportWriter>, Trouble> {
        let most_awaited = ((2 * self.most_each * self.n_jobs.len()) as u64).clamp(AWAITED.0, AWAITED.1);
        let mut refreshed = Instant::now();
        let mut pause = Pause::new();
        let mut is_last = false;
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
            while !is_last && self.n_handed_out < self.rows.n_written()? + most_awaited {
                let Some(rank) = self.idle() else { break };
                match jobs.next().transpose()? {
                    Some(job) => self.hand_out(rank, job)?,
                    None => is_last = true,
                }
                active = true;
            }
            if is_last && self.n_taken == self.n_handed_out {
                return Ok(Some(self.rows.finish()?));
            }
            if active {
                pause.reset();
            } else if let Some((number, rows)) = self.life.made_rows(PAUSE) {
                self.take(number, rows?)?;
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
                Message::Report(Report::Tabulated(number, rows)) => {
                    any = true;
                    if let Some(n_jobs) = self.n_jobs.get_mut(from.index()) {
                        *n_jobs = n_jobs.saturating_sub(1);
                    }
                    self.take(number, rows.map_err(|message| format!("rank {from}: {message}"))?)?;
                }
                Message::Report(Report::Signal) => self.is_asked = true,
                _ => {}
            }
        }
        while let Some((number, rows)) = self.life.made_rows(Duration::ZERO) {
            any = true;
            self.take(number, rows?)?;
        }
        Ok(any)
    }

    /// The rank that has fewest jobs, if it may have more: the root only where no other may.
    fn idle(&self) -> Option<usize> {
        let others = (1..self.n_jobs.len()).min_by_key(|rank| self.n_jobs[*rank]);
        let others = others.filter(|rank| self.n_jobs[*rank] < self.most_each);
        others.or_else(|| self.life.has_room_for_rows().then_some(0))
    }

    fn hand_out(&mut self, rank: usize, job: TableJob) -> Result<(), Trouble> {
        let number = self.n_handed_out;
        self.n_handed_out += 1;
        if rank == 0 {
            self.life.make_rows(number, job);
            return Ok(());
        }
        self.n_jobs[rank] += 1;
        let order = encode(&Message::Order(Order::Tabulate(number, job)))?;
        self.ranks.send(Rank::from_index(rank), Channel::Work, order);
        Ok(())
    }

    fn take(&mut self, number: u64, rows: TableRows) -> Result<(), Trouble> {
        self.n_taken += 1;
        Ok(self.rows.take(number, rows)?)
    }
}

/// Writes the report of an attempt that has ended; every rank makes rows. `None` when a signal came before it was whole:
/// nothing of it is left then, and the next attempt writes it.
pub(crate) fn report(
    ranks: &mut dyn Communicator,
    setup: &Setup,
    root: Root<'_>,
    life: &mut RankLife,
) -> Result<Option<WrittenReport>, RunError> {
    let (entries, ledger, lock) = root.into_report_parts();
    let plan = setup.config.report_plan();
    let jobs = TableJobs::new(&setup.run_dir, &plan, &ledger, rows(&entries), life.threads());
    let gathering = Gathering {
        most_each: JOBS_PER_THREAD * life.threads(),
        life,
        is_asked: false,
        rows: RowsInOrder::start(|| ReportWriter::create(&setup.run_dir, &plan))?,
        n_handed_out: 0,
        n_taken: 0,
        n_jobs: vec![0; ranks.size()],
        ranks,
    };
    let gathered = gathering.gather(jobs, &lock);
    let writer = gathered.map_err(|source| StoreError::Source { what: "the rows", source })?;
    let Some(writer) = writer else { return Ok(None) };
    let provenance = provenance(&setup.config, setup.run_id()?);
    // Databases, plots and sums of ten million rows take longer than a lock stays fresh.
    Ok(Some(lock.refresh_during(REFRESH_EVERY, |_| writer.finish(&provenance, &ledger))??))
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

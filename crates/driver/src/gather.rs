//! The report of a run, from the journals of all ranks.

use crate::config::RunConfig;
use crate::error::RunError;
use crate::protocol::{Message, Order, Report, decode, encode};
use crate::root::Root;
use crate::setup::Setup;
use mlip_inputs::{InputError, Manifest};
use mlip_ranks::{Channel, Communicator, Pause, Rank};
use mlip_store::report::{
    Fetched, JournalRecords, JournalSurveys, Provenance, RecordSource, ReportCounts, ReportOptions, ReportPlan,
    ReportWriter, write_entries,
};
use mlip_store::run_lock::REFRESH_EVERY;
use mlip_store::{Ledger, Location, RunId, RunLock, StoreError, TaskKey};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Finds records: those of this attempt at the ranks that wrote them, older ones in their journals.
pub(crate) struct RankRecords<'a> {
    ranks: &'a mut dyn Communicator,
    ledger: &'a Ledger,
    journals: JournalRecords<'a>,
    attempt: u32,
    lock: &'a RunLock,
    refreshed: Instant,
}

impl<'a> RankRecords<'a> {
    pub(crate) fn new(
        ranks: &'a mut dyn Communicator,
        run_dir: &Path,
        ledger: &'a Ledger,
        attempt: u32,
        lock: &'a RunLock,
    ) -> Self {
        let journals = JournalRecords::new(run_dir, ledger);
        Self { ranks, ledger, journals, attempt, lock, refreshed: Instant::now() }
    }

    /// The rank that is asked for a record; the root reads its own and older ones itself.
    fn owner(&self, location: &Location) -> Rank {
        if location.attempt == self.attempt { Rank(location.rank) } else { Rank::ROOT }
    }

    fn ask(&mut self, wanted: &BTreeMap<Rank, Vec<Location>>) -> Result<BTreeMap<Rank, Vec<Fetched>>, Trouble> {
        let message = |(rank, locations): (&Rank, &Vec<Location>)| {
            encode(&Message::Order(Order::Fetch(locations.clone()))).map(|message| (*rank, message))
        };
        let others = wanted.iter().filter(|(rank, _)| **rank != Rank::ROOT);
        let messages = others.map(message).collect::<Result<Vec<_>, _>>()?;
        let mut open = messages.len();
        self.ranks.send_all(Channel::Work, messages);
        let mut found = BTreeMap::new();
        if let Some(locations) = wanted.get(&Rank::ROOT) {
            found.insert(Rank::ROOT, self.journals.read(locations)?);
        }
        let mut pause = Pause::new();
        while open > 0 {
            let Some((from, bytes)) = self.ranks.try_receive(Channel::Work) else {
                pause.sleep();
                continue;
            };
            pause.reset();
            if let Message::Report(Report::Fetched(answer)) = decode(&bytes)? {
                found.insert(from, answer.map_err(|message| format!("rank {from}: {message}"))?);
                open -= 1;
            }
        }
        Ok(found)
    }
}

type Trouble = Box<dyn Error + Send + Sync>;

impl RecordSource for RankRecords<'_> {
    fn fetch(&mut self, keys: &[TaskKey]) -> Result<Vec<Option<Fetched>>, StoreError> {
        if self.refreshed.elapsed() >= REFRESH_EVERY {
            self.lock.refresh()?;
            self.refreshed = Instant::now();
        }
        let known = self.ledger.locations(keys)?;
        let mut wanted: BTreeMap<Rank, Vec<Location>> = BTreeMap::new();
        for location in known.iter().flatten() {
            wanted.entry(self.owner(location)).or_default().push(*location);
        }
        let found = self.ask(&wanted).map_err(|source| StoreError::Source { what: "the records", source })?;
        let mut found: BTreeMap<Rank, _> = found.into_iter().map(|(rank, all)| (rank, all.into_iter())).collect();
        Ok(known
            .into_iter()
            .map(|location| location.and_then(|location| found.get_mut(&self.owner(&location))?.next()))
            .collect())
    }
}

/// Writes the report of an attempt that has ended.
pub(crate) fn report(
    ranks: &mut dyn Communicator,
    setup: &Setup,
    root: Root,
) -> Result<(ReportCounts, Vec<PathBuf>), RunError> {
    let (entries, ledger, lock) = root.into_report_parts();
    let plan = report_plan(&setup.config);
    let mut writer = ReportWriter::create(&setup.run_dir, &plan.potentials, plan.options)?;
    let mut surveys = JournalSurveys::new(&setup.run_dir, &ledger);
    let mut records = RankRecords::new(ranks, &setup.run_dir, &ledger, setup.attempt, &lock);
    write_entries(&mut writer, &plan, rows(&entries), &mut surveys, &mut records)?;
    writer.memory(&ledger)?;
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

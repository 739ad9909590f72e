//! Rows of all tables for some entries: made by whoever has time, put together in order.

use super::columns::{Column, ColumnRows};
use super::database_rows::{DatabaseRow, DatabaseRows};
use super::documents::{self, Documents};
use super::embeddings::{ArrayRows, EmbeddingRows};
use super::energies::Energies;
use super::energy_volume::EnergyVolume;
use super::ensemble::Ensemble;
use super::equation_of_state::EquationOfStateTable;
use super::failures::Failures;
use super::forces::Forces;
use super::forces_ensemble::ForcesEnsemble;
use super::format::ReportFormat;
use super::given::Given;
use super::potential::LabeledPotential;
use super::relaxation::RelaxationTable;
use super::relaxed_structures::RelaxedStructures;
use super::row::{EntryRow, Fetched};
use super::sites::{self, Sites};
use super::source::JournalRecords;
use super::stability::Stability;
use super::stability_table::StabilityTable;
use super::structures_table::{self, StructuresTable};
use super::table::Content;
use super::timings::Timings;
use super::trajectories::Trajectories;
use super::warnings::Warnings;
use super::{
    ReadAgain, ReportCounts, ReportPlan, embeddings, energies, energy_volume, ensemble, equation_of_state, failures,
    forces, forces_ensemble, relaxation, relaxed_structures, stability_table, timings, trajectories, warnings,
};
use crate::{CHARGE_UNUSED, EntryState, Location, StoreError, StructureDigest};
use mlip_atoms::{Failure, Species, Structure, structure::formula};
use mlip_calculations::Outcome;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Some entries that follow each other, with all that is needed to make their rows from the journals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableJob {
    /// Number of the first entry.
    pub(super) first: u64,
    pub(super) entries: Vec<JobEntry>,
    /// Where the structures of these entries lie, among others.
    pub(super) structures: Vec<Location>,
    /// Hosts by attempt and rank, of those that made the records.
    pub(super) hosts: BTreeMap<(u32, u32), String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct JobEntry {
    pub(super) id: String,
    /// As the user gave it.
    pub(super) path: String,
    /// What it turned out to be; `None` when nobody looked yet.
    pub(super) state: Option<EntryState>,
    /// One a potential, in their order, of an entry that is a structure; `None` where there is no record yet.
    pub(super) records: Vec<Option<Location>>,
}

/// Rows of all tables for the entries of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableRows {
    /// In the order of [`tables`].
    pub(super) tables: Vec<ByteBuf>,
    /// In the order of [`arrays`].
    pub(super) arrays: Vec<ArrayRows>,
    /// In the order of [`column_files`].
    pub(super) columns: Vec<ColumnRows>,
    /// For each potential those of its database, where databases are asked for.
    pub(super) databases: Vec<Vec<DatabaseRow>>,
    pub(super) counts: ReportCounts,
    /// Where and why, of the first failure among them.
    pub(super) first_failure: Option<String>,
}

/// Names of the files with rows for entries, and what they hold.
pub(super) fn tables(plan: &ReportPlan) -> Vec<(String, Content)> {
    let table = |name: &str, columns| (name.to_owned(), Content::Table(columns));
    let fixed = |name: &str, columns: &[&str]| table(name, columns.iter().map(|column| (*column).to_owned()).collect());
    let potentials = &plan.potentials;
    let mut tables = vec![
        fixed(energies::NAME, &energies::COLUMNS),
        fixed(forces::NAME, &forces::COLUMNS),
        table(ensemble::NAME, ensemble::columns(plan)),
        fixed(structures_table::NAME, &structures_table::COLUMNS),
    ];
    tables.extend(documents::files(plan));
    if plan.stability.is_asked_for() {
        tables.push(fixed(stability_table::NAME, &stability_table::COLUMNS));
    }
    if ForcesEnsemble::new(potentials.len()).is_some() {
        tables.push(fixed(forces_ensemble::NAME, &forces_ensemble::COLUMNS));
    }
    if plan.has_curves() {
        tables.push(fixed(energy_volume::NAME, &energy_volume::COLUMNS));
        tables.push(fixed(equation_of_state::NAME, &equation_of_state::COLUMNS));
    }
    if plan.has_relaxations() {
        tables.push(table(relaxation::NAME, relaxation::columns(plan.stability.is_asked_for())));
        tables.extend(potentials.iter().map(|potential| (relaxed_structures::name(potential), Content::Structures)));
    }
    if plan.has_trajectories() {
        tables.extend(potentials.iter().map(|potential| (trajectories::name(potential), Content::Structures)));
    }
    let of_embeddings = embeddings::tables(plan.embeddings, potentials);
    tables.extend(of_embeddings.into_iter().map(|(name, columns)| (name, Content::Table(columns))));
    tables.extend([
        fixed(failures::NAME, &failures::COLUMNS),
        fixed(warnings::NAME, &warnings::COLUMNS),
        fixed(timings::NAME, &timings::COLUMNS),
    ]);
    tables
}

/// Names of the arrays with rows for entries.
pub(super) fn arrays(plan: &ReportPlan) -> Vec<String> {
    embeddings::tables(plan.embeddings, &plan.potentials).into_iter().map(|(name, _)| name).collect()
}

/// Names and columns of the Parquet files with rows for entries.
pub(super) fn column_files(plan: &ReportPlan) -> Vec<(&'static str, Vec<Column>)> {
    if !plan.writes(ReportFormat::Parquet) {
        return Vec::new();
    }
    let of = |names: &[&str]| names.iter().map(|name| Column::of_table(name)).collect();
    let ensemble: Vec<String> = ensemble::columns(plan);
    let ensemble: Vec<&str> = ensemble.iter().map(String::as_str).collect();
    vec![
        (energies::NAME, of(&energies::COLUMNS)),
        (ensemble::NAME, of(&ensemble)),
        (structures_table::NAME, of(&structures_table::COLUMNS)),
        (sites::NAME, sites::columns()),
    ]
}

/// Makes rows of all tables from the journals of a run.
pub struct Tabulator {
    run_dir: PathBuf,
    plan: ReportPlan,
    again: Option<Arc<dyn ReadAgain>>,
    /// Read with the first jobs: a process that makes no rows needs no hull.
    stability: Mutex<Option<Arc<Stability>>>,
}

impl Tabulator {
    /// Of the run in this folder. `again` reads structures that journals of older versions lack.
    pub fn new(run_dir: &Path, plan: &ReportPlan, again: Option<Arc<dyn ReadAgain>>) -> Self {
        Self { run_dir: run_dir.into(), plan: plan.clone(), again, stability: Mutex::new(None) }
    }

    fn stability(&self) -> Result<Option<Arc<Stability>>, StoreError> {
        if !self.plan.stability.is_asked_for() {
            return Ok(None);
        }
        let mut held = self.stability.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() {
            *held = Some(Arc::new(Stability::load(&self.plan.stability, &self.plan.potentials)?));
        }
        Ok(held.clone())
    }

    /// What reads the journals of this run, one for each thread.
    pub(super) fn journals(&self) -> JournalRecords {
        JournalRecords::new(&self.run_dir)
    }

    /// Makes the rows of one job.
    ///
    /// # Errors
    /// When a journal cannot be read or was changed, or a hull or reference energies cannot be read.
    pub(super) fn make(&self, journals: &mut JournalRecords, job: &TableJob) -> Result<TableRows, StoreError> {
        let stability = self.stability()?;
        self.rows(journals, stability.as_deref(), job)
    }

    fn rows(
        &self,
        journals: &mut JournalRecords,
        stability: Option<&Stability>,
        job: &TableJob,
    ) -> Result<TableRows, StoreError> {
        let plan = &self.plan;
        let locations: Vec<Location> = job.entries.iter().flat_map(|entry| &entry.records).flatten().copied().collect();
        let mut found = journals.read(&locations)?.into_iter();
        let states: Vec<Option<&EntryState>> = job.entries.iter().map(|entry| entry.state.as_ref()).collect();
        let structures = journals.structures(&job.structures, job.first, &states)?;
        let mut tables = Tables::new(plan, stability);
        for ((number, entry), structure) in (job.first..).zip(&job.entries).zip(structures) {
            let fetched = |location: &Option<Location>| {
                let (Location { attempt, rank, .. }, record) = ((*location)?, found.next()?);
                let host = job.hosts.get(&(attempt, rank)).cloned().unwrap_or_default();
                Some(Fetched { record, host, rank, attempt })
            };
            let records: Vec<Option<Fetched>> = entry.records.iter().map(fetched).collect();
            let state = entry.state.as_ref();
            let given = structure
                .or_else(|| self.read_again(number, state))
                .map(|structure| Given::new(structure, plan.options.space_groups));
            let (id, path, given) = (entry.id.as_str(), entry.path.as_str(), given.as_ref());
            let row = EntryRow { number, id, path, state, records: &records, given };
            tables.entry(&row, &plan.potentials)?;
        }
        tables.finish()
    }

    /// A structure that no journal holds, if its file still says what the survey read.
    fn read_again(&self, entry: u64, state: Option<&EntryState>) -> Option<Arc<Structure>> {
        let Some(EntryState::Structure { digest, .. }) = state else { return None };
        let structure = self.again.as_ref()?.read_again(entry).ok()?;
        (StructureDigest::of(&structure) == *digest).then(|| Arc::new(structure))
    }
}

struct Tables<'a> {
    counts: ReportCounts,
    first_failure: Option<String>,
    energies: Energies,
    forces: Forces,
    ensemble: Ensemble,
    failures: Failures,
    warnings: Warnings,
    timings: Timings,
    /// Of runs that compute them.
    curves: Option<(EnergyVolume, EquationOfStateTable)>,
    /// Of runs that relax.
    relaxations: Option<(RelaxationTable, RelaxedStructures)>,
    /// Of runs that keep the ways of relaxations.
    trajectories: Option<Trajectories>,
    structures: StructuresTable,
    documents: Documents,
    /// Where Parquet files are asked for.
    sites: Option<Sites>,
    /// Where databases are asked for.
    databases: Option<DatabaseRows>,
    /// With two potentials or more.
    forces_ensemble: Option<ForcesEnsemble>,
    embeddings: EmbeddingRows,
    /// Where something to measure it by is named.
    stability: Option<(&'a Stability, StabilityTable)>,
}

impl<'a> Tables<'a> {
    fn new(plan: &ReportPlan, stability: Option<&'a Stability>) -> Self {
        let columnar = plan.writes(ReportFormat::Parquet);
        Self {
            counts: ReportCounts::default(),
            first_failure: None,
            energies: Energies::new(columnar),
            forces: Forces::new(),
            ensemble: Ensemble::new(plan),
            structures: StructuresTable::new(columnar),
            documents: Documents::new(plan),
            sites: columnar.then(Sites::new),
            databases: plan.writes(ReportFormat::AseDb).then(|| DatabaseRows::new(plan.potentials.len())),
            failures: Failures::new(),
            warnings: Warnings::new(),
            timings: Timings::new(),
            curves: plan.has_curves().then(|| (EnergyVolume::new(), EquationOfStateTable::new())),
            relaxations: plan
                .has_relaxations()
                .then(|| (RelaxationTable::new(), RelaxedStructures::new(plan.potentials.len()))),
            trajectories: plan.has_trajectories().then(|| Trajectories::new(plan.potentials.len())),
            forces_ensemble: ForcesEnsemble::new(plan.potentials.len()),
            embeddings: EmbeddingRows::new(plan.embeddings, &plan.potentials),
            stability: stability.map(|stability| (stability, StabilityTable::new())),
        }
    }

    fn entry(&mut self, entry: &EntryRow<'_>, potentials: &[LabeledPotential]) -> Result<(), StoreError> {
        self.count(entry, potentials.len());
        let numbers = (0..potentials.len())
            .filter_map(|position| entry.record(position).map(|fetched| fetched.record.species.as_slice()))
            .find(|numbers| !numbers.is_empty());
        let species: Vec<Species> = match (entry.given, numbers) {
            (Some(given), _) => given.structure.species().to_vec(),
            (None, numbers) => {
                numbers.unwrap_or_default().iter().filter_map(|number| Species::from_atomic_number(*number)).collect()
            }
        };
        let formula = formula(&species);
        self.energies.write(entry, &formula, potentials)?;
        self.forces.write(entry, potentials)?;
        let stability = self.stability.as_ref().map(|(stability, _)| stability.of(entry, &species));
        self.ensemble.write(entry, &formula, potentials, stability.as_ref())?;
        self.structures.write(entry, &formula)?;
        self.documents.write(entry, potentials, stability.as_ref())?;
        if let Some(sites) = &mut self.sites {
            sites.write(entry, potentials)?;
        }
        if let Some(databases) = &mut self.databases {
            databases.write(entry, potentials, stability.as_ref());
        }
        if let (Some((_, table)), Some(rows)) = (&mut self.stability, &stability) {
            let unmeasured = rows.given.iter().flatten().filter(|row| !row.errors.is_empty());
            self.counts.unmeasured += unmeasured.count() as u64;
            table.write(entry, &formula, potentials, &rows.given)?;
        }
        self.failures.write(entry, potentials)?;
        self.warnings.write(entry)?;
        self.timings.write(entry, potentials)?;
        self.embeddings.write(entry)?;
        if let Some((table, structures)) = &mut self.relaxations {
            let stability = stability.as_ref().map(|stability| stability.relaxed.as_slice());
            table.write(entry, &formula, potentials, stability)?;
            structures.write(entry, potentials);
        }
        if let Some(trajectories) = &mut self.trajectories {
            trajectories.write(entry, potentials);
        }
        if let Some((points, states)) = &mut self.curves {
            points.write(entry, potentials)?;
            states.write(entry, &formula, potentials)?;
        }
        self.forces_ensemble.as_mut().map_or(Ok(()), |table| table.write(entry, &species))
    }

    fn count(&mut self, entry: &EntryRow<'_>, n_potentials: usize) {
        self.counts.entries += 1;
        match entry.state {
            Some(EntryState::Failed(failure)) => {
                self.counts.unreadable += 1;
                self.count_failure(entry, failure);
                return;
            }
            Some(EntryState::Structure { warnings, .. }) => {
                self.counts.structures += 1;
                self.counts.without_cell += u64::from(entry.given.is_none());
                self.counts.warnings += warnings.len() as u64;
                self.counts.charges_unused += u64::from(warnings.iter().any(|(class, _)| class == CHARGE_UNUSED));
            }
            None => {}
        }
        for position in 0..n_potentials {
            let Some(Fetched { record, .. }) = entry.record(position) else {
                self.counts.pending += 1;
                continue;
            };
            match &record.outcome {
                Outcome::Failed(failure) => {
                    self.counts.failed += 1;
                    self.count_failure(entry, failure);
                }
                Outcome::Done(_) => {
                    if let Some((relaxed, _)) = entry.relaxed(position) {
                        *self.counts.relaxations.entry(relaxed.ended.name().to_owned()).or_default() += 1;
                    }
                    self.counts.ok += 1;
                    self.counts.cached += u64::from(record.is_from_cache());
                }
            }
        }
    }

    fn count_failure(&mut self, entry: &EntryRow<'_>, failure: &Failure) {
        *self.counts.failures.entry(failure.kind.to_string()).or_default() += 1;
        self.first_failure.get_or_insert_with(|| {
            let line = failure.line.map_or_else(String::new, |line| format!(", line {line}"));
            format!("{}{line}: {}", entry.path, failure.message)
        });
    }

    fn finish(self) -> Result<TableRows, StoreError> {
        let (energies, energy_columns) = self.energies.finish();
        let (ensemble, ensemble_columns) = self.ensemble.finish();
        let (structures, structure_columns) = self.structures.finish();
        let columns = [energy_columns, ensemble_columns, structure_columns, self.sites.map(Sites::finish)];
        let columns = columns.into_iter().flatten().collect();
        let mut tables = vec![energies, self.forces.finish(), ensemble, structures];
        tables.extend(self.documents.finish()?);
        tables.extend(self.stability.map(|(_, table)| table.finish()));
        tables.extend(self.forces_ensemble.map(ForcesEnsemble::finish));
        if let Some((points, states)) = self.curves {
            tables.extend([points.finish(), states.finish()]);
        }
        if let Some((table, structures)) = self.relaxations {
            tables.push(table.finish());
            tables.extend(structures.finish());
        }
        tables.extend(self.trajectories.map(Trajectories::finish).unwrap_or_default());
        let (indices, arrays) = self.embeddings.finish();
        tables.extend(indices);
        tables.extend([self.failures.finish(), self.warnings.finish(), self.timings.finish()]);
        let tables = tables.into_iter().map(ByteBuf::from).collect();
        let databases = self.databases.map(DatabaseRows::finish).unwrap_or_default();
        let (counts, first_failure) = (self.counts, self.first_failure);
        Ok(TableRows { tables, arrays, columns, databases, counts, first_failure })
    }
}

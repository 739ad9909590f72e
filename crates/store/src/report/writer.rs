//! The files of a report.

use super::array_file::ArrayFile;
use super::batch::{TableRows, arrays, column_files, tables};
use super::database_file::{self, DatabaseFile};
use super::documents;
use super::format::ReportFormat;
use super::memory::{self, Memory};
use super::page;
use super::parquet_file::ParquetFile;
use super::stability_plot;
use super::table::{Content, TableFile};
use super::{Provenance, ReportCounts, ReportPlan, RunJson, convergence, curves};
use crate::atomic_file::remove_if_there;
use crate::{AtomicFile, Ledger, StoreError};
use mlip_disk as fs;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// A report on disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WrittenReport {
    /// What became of the entries.
    pub counts: ReportCounts,
    /// Where and why, of the first row of `failures.csv`.
    pub first_failure: Option<String>,
    /// Its files.
    pub files: Vec<PathBuf>,
}

/// Writes `RUN/report/`: the tables appear together at the end.
pub struct ReportWriter {
    folder: PathBuf,
    plan: ReportPlan,
    counts: ReportCounts,
    first_failure: Option<String>,
    tables: Vec<TableFile>,
    arrays: Vec<ArrayFile>,
    columns: Vec<ParquetFile>,
    databases: Vec<DatabaseFile>,
    memory: TableFile,
}

impl ReportWriter {
    /// Begins a report; what an earlier one left stays until [`ReportWriter::finish`].
    ///
    /// # Errors
    /// When two potentials share a label or the folder cannot be written.
    pub fn create(run_dir: &Path, plan: &ReportPlan) -> Result<Self, StoreError> {
        let ReportPlan { potentials, options, .. } = plan;
        let mut labels = HashSet::new();
        if let Some(twice) = potentials.iter().find(|potential| !labels.insert(&potential.label)) {
            return Err(StoreError::DuplicatePotential { label: twice.label.clone() });
        }
        let folder = run_dir.join("report");
        fs::create_dir_all(&folder).map_err(StoreError::io("create the folder", &folder))?;
        let create = |(name, content): (String, Content)| TableFile::create(&folder, &name, options.compress, &content);
        let memory = Content::Table(memory::COLUMNS.map(str::to_owned).to_vec());
        Ok(Self {
            plan: plan.clone(),
            counts: ReportCounts::default(),
            first_failure: None,
            tables: tables(plan).into_iter().map(create).collect::<Result<_, _>>()?,
            arrays: arrays(plan).iter().map(|name| ArrayFile::create(&folder, name)).collect::<Result<_, _>>()?,
            columns: column_files(plan)
                .into_iter()
                .map(|(name, columns)| ParquetFile::create(&folder, name, columns))
                .collect::<Result<_, _>>()?,
            databases: database_file::names(plan)
                .iter()
                .map(|name| DatabaseFile::create(&folder, name))
                .collect::<Result<_, _>>()?,
            memory: create((memory::NAME.to_owned(), memory))?,
            folder,
        })
    }

    /// Adds the rows of the next entries, in the order of the input list.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn append(&mut self, rows: TableRows) -> Result<(), StoreError> {
        self.counts.add(&rows.counts);
        if self.first_failure.is_none() {
            self.first_failure = rows.first_failure;
        }
        self.tables.iter_mut().zip(&rows.tables).try_for_each(|(table, rows)| table.append(rows))?;
        self.arrays.iter_mut().zip(&rows.arrays).try_for_each(|(array, rows)| array.append(rows))?;
        self.columns.iter_mut().zip(rows.columns).try_for_each(|(file, rows)| file.append(rows))?;
        self.databases.iter_mut().zip(&rows.databases).try_for_each(|(file, rows)| file.append(rows))
    }

    /// Syncs the tables, renames them into place and adds `memory.csv` and `run.json`.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn finish(mut self, provenance: &Provenance, ledger: &Ledger) -> Result<WrittenReport, StoreError> {
        let mut samples = Memory::new();
        for sample in ledger.samples() {
            samples.write(ledger.host(sample.location.attempt, sample.location.rank), &sample)?;
        }
        self.memory.append(&samples.finish())?;
        let tables = self.tables.into_iter().chain([self.memory]);
        let mut files = tables.map(TableFile::commit).collect::<Result<Vec<_>, _>>()?;
        files.extend(self.arrays.into_iter().map(ArrayFile::commit).collect::<Result<Vec<_>, _>>()?);
        files.extend(self.columns.into_iter().map(ParquetFile::commit).collect::<Result<Vec<_>, _>>()?);
        files.extend(self.databases.into_iter().map(DatabaseFile::commit).collect::<Result<Vec<_>, _>>()?);
        remove_left_over(&self.folder, &self.plan, &files)?;
        if self.plan.has_curves() {
            files.extend(plot(&self.plan, &files, &self.folder, "energy_volume", curves::draw)?);
        }
        if self.plan.has_relaxations() {
            files.extend(plot(&self.plan, &files, &self.folder, "relaxation", convergence::draw)?);
        }
        if self.plan.stability.is_asked_for() {
            files.extend(draw_stability(&self.plan, &files, &self.folder)?);
        }
        let run = RunJson::new(provenance, &self.plan.potentials, self.counts.clone(), ledger);
        run.write(&self.folder)?;
        files.push(self.folder.join("run.json"));
        if self.plan.writes(ReportFormat::Html) {
            files.extend(page::write(&self.folder, &self.plan, &run, &files)?);
        }
        Ok(WrittenReport { counts: self.counts, first_failure: self.first_failure, files })
    }
}

/// What an earlier report of this run wrote, and this one did not: it may be of an earlier state. Only stability and the
/// formats can be asked for in one report and not in another: what other files there are is decided when a run begins.
fn remove_left_over(folder: &Path, plan: &ReportPlan, files: &[PathBuf]) -> Result<(), StoreError> {
    let mut all = plan.clone();
    all.options.formats = ReportFormat::ALL.into();
    let mut names = vec!["stability.csv".to_owned(), "stability.svg".to_owned()];
    names.extend(documents::files(&all).into_iter().map(|(name, content)| format!("{name}.{}", content.ending())));
    names.extend(names.clone().into_iter().map(|name| format!("{name}.zst")));
    if !plan.writes(ReportFormat::Html) {
        names.extend(page::PLOTS.iter().chain([&page::NAME]).map(|name| (*name).to_owned()));
    }
    names.extend(column_files(&all).into_iter().map(|(name, _)| format!("{name}.parquet")));
    names.extend(database_file::names(&all).into_iter().map(|name| format!("{name}.db")));
    let mut paths = names.into_iter().map(|name| folder.join(name)).filter(|path| !files.contains(path));
    paths.try_for_each(|path| remove_if_there(&path))
}

/// Draws the energies above the hull: of the relaxed structures, if there are any, else as they were read.
fn draw_stability(plan: &ReportPlan, files: &[PathBuf], folder: &Path) -> Result<Option<PathBuf>, StoreError> {
    if plan.stability.hulls.is_empty() {
        return Ok(None);
    }
    let is_relaxed = plan.has_relaxations();
    let (name, column, title) = match is_relaxed {
        true => ("relaxation.csv", "relaxed_e_above_hull_ev_per_atom", "Relaxed structures"),
        false => ("stability.csv", "e_above_hull_ev_per_atom", "Structures as they were read"),
    };
    let is_table =
        |file: &&PathBuf| file.file_name().is_some_and(|file| file.as_encoded_bytes().starts_with(name.as_bytes()));
    let Some(table) = files.iter().find(is_table) else { return Ok(None) };
    let labels: Vec<&str> = plan.potentials.iter().map(|potential| potential.label.as_str()).collect();
    let path = folder.join("stability.svg");
    AtomicFile::write(&path, stability_plot::draw(table, column, &labels, title)?.as_bytes())?;
    Ok(Some(path))
}

/// Draws what a table holds into a file of the same name.
fn plot(
    plan: &ReportPlan,
    files: &[PathBuf],
    folder: &Path,
    name: &str,
    draw: impl Fn(&Path, &[&str]) -> Result<String, StoreError>,
) -> Result<Option<PathBuf>, StoreError> {
    let begin = format!("{name}.csv");
    let is_table =
        |file: &&PathBuf| file.file_name().is_some_and(|found| found.as_encoded_bytes().starts_with(begin.as_bytes()));
    let Some(table) = files.iter().find(is_table) else { return Ok(None) };
    let labels: Vec<&str> = plan.potentials.iter().map(|potential| potential.label.as_str()).collect();
    let path = folder.join(format!("{name}.svg"));
    AtomicFile::write(&path, draw(table, &labels)?.as_bytes())?;
    Ok(Some(path))
}

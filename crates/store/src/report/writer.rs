//! The files of a report.

use super::batch::{TableRows, tables};
use super::memory::{self, Memory};
use super::table::TableFile;
use super::{LabeledPotential, Provenance, ReportCounts, RunJson};
use crate::{Ledger, StoreError};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportOptions {
    /// Tables as `.csv.zst`.
    pub compress: bool,
}

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
    potentials: Vec<LabeledPotential>,
    counts: ReportCounts,
    first_failure: Option<String>,
    tables: Vec<TableFile>,
    memory: TableFile,
}

impl ReportWriter {
    /// Begins a report; what an earlier one left stays until [`ReportWriter::finish`].
    ///
    /// # Errors
    /// When two potentials share a label or the folder cannot be written.
    pub fn create(run_dir: &Path, potentials: &[LabeledPotential], options: ReportOptions) -> Result<Self, StoreError> {
        let mut labels = HashSet::new();
        if let Some(twice) = potentials.iter().find(|potential| !labels.insert(&potential.label)) {
            return Err(StoreError::DuplicatePotential { label: twice.label.clone() });
        }
        let folder = run_dir.join("report");
        fs::create_dir_all(&folder).map_err(StoreError::io("create the folder", &folder))?;
        let create = |(name, columns)| TableFile::create(&folder, name, options.compress, columns);
        Ok(Self {
            potentials: potentials.to_vec(),
            counts: ReportCounts::default(),
            first_failure: None,
            tables: tables(potentials).into_iter().map(create).collect::<Result<_, _>>()?,
            memory: TableFile::create(&folder, memory::NAME, options.compress, memory::COLUMNS)?,
            folder,
        })
    }

    /// Adds the rows of the next entries, in the order of the input list.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn append(&mut self, rows: &TableRows) -> Result<(), StoreError> {
        self.counts.add(&rows.counts);
        if self.first_failure.is_none() {
            self.first_failure.clone_from(&rows.first_failure);
        }
        self.tables.iter_mut().zip(&rows.tables).try_for_each(|(table, rows)| table.append(rows))
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
        self.memory.append(&samples.finish()?)?;
        let tables = self.tables.into_iter().chain([self.memory]);
        let mut files = tables.map(TableFile::commit).collect::<Result<Vec<_>, _>>()?;
        RunJson::new(provenance, &self.potentials, self.counts.clone(), ledger).write(&self.folder)?;
        files.push(self.folder.join("run.json"));
        Ok(WrittenReport { counts: self.counts, first_failure: self.first_failure, files })
    }
}

//! All tables of a report, fed in order.

use super::energies::Energies;
use super::ensemble::Ensemble;
use super::failures::Failures;
use super::forces::Forces;
use super::forces_ensemble::ForcesEnsemble;
use super::memory::Memory;
use super::timings::Timings;
use super::warnings::Warnings;
use super::{Fetched, Provenance, ReportCounts, RunJson};
use crate::{EntryState, Ledger, StoreError};
use mlip_atoms::{PotentialId, Prediction, Species, structure::formula};
use mlip_tasks::Outcome;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportOptions {
    /// Tables as `.csv.zst`.
    pub compress: bool,
}

/// An entry of the input list with all that is known of it.
#[derive(Debug, Clone, Copy)]
pub struct EntryRow<'a> {
    /// Its id.
    pub id: &'a str,
    /// Where it came from, as the user gave it.
    pub path: &'a str,
    /// What it turned out to be; `None` when nobody looked yet.
    pub state: Option<&'a EntryState>,
    /// One a potential, in their order; `None` where there is no record yet.
    pub records: &'a [Option<Fetched>],
}

impl EntryRow<'_> {
    /// The record of a potential; an entry that failed has none.
    pub(super) fn record(&self, position: usize) -> Option<&Fetched> {
        match self.state {
            Some(EntryState::Structure { .. }) => self.records.get(position)?.as_ref(),
            _ => None,
        }
    }

    /// The result of a potential, if it has one.
    pub(super) fn prediction(&self, position: usize) -> Option<&Prediction> {
        match &self.record(position)?.record.outcome {
            Outcome::Done(prediction) => Some(prediction),
            Outcome::Failed(_) => None,
        }
    }
}

/// Writes `RUN/report/`: the tables appear together at the end.
pub struct ReportWriter {
    folder: PathBuf,
    potentials: Vec<PotentialId>,
    counts: ReportCounts,
    energies: Energies,
    forces: Forces,
    ensemble: Ensemble,
    /// With two potentials or more.
    forces_ensemble: Option<ForcesEnsemble>,
    failures: Failures,
    warnings: Warnings,
    timings: Timings,
    memory: Memory,
}

impl ReportWriter {
    /// Begins a report; what an earlier one left stays until [`ReportWriter::finish`].
    ///
    /// # Errors
    /// When two potentials share a name or the folder cannot be written.
    pub fn create(run_dir: &Path, potentials: &[PotentialId], options: ReportOptions) -> Result<Self, StoreError> {
        let mut names = HashSet::new();
        if let Some(twice) = potentials.iter().find(|potential| !names.insert(&potential.name)) {
            return Err(StoreError::DuplicatePotential { name: twice.name.clone() });
        }
        let folder = run_dir.join("report");
        fs::create_dir_all(&folder).map_err(StoreError::io("create the folder", &folder))?;
        Ok(Self {
            potentials: potentials.to_vec(),
            counts: ReportCounts::default(),
            energies: Energies::create(&folder, options)?,
            forces: Forces::create(&folder, options)?,
            ensemble: Ensemble::create(&folder, options, potentials)?,
            forces_ensemble: ForcesEnsemble::create(&folder, options, potentials.len())?,
            failures: Failures::create(&folder, options)?,
            warnings: Warnings::create(&folder, options)?,
            timings: Timings::create(&folder, options)?,
            memory: Memory::create(&folder, options)?,
            folder,
        })
    }

    /// Adds the rows of the next entry. Call it in the order of the input list.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn entry(&mut self, entry: &EntryRow<'_>) -> Result<(), StoreError> {
        self.count(entry);
        let numbers = (0..self.potentials.len())
            .filter_map(|position| entry.record(position).map(|fetched| fetched.record.species.as_slice()))
            .find(|numbers| !numbers.is_empty())
            .unwrap_or_default();
        let species: Vec<Species> = numbers.iter().filter_map(|number| Species::from_atomic_number(*number)).collect();
        let formula = formula(&species);
        self.energies.write(entry, &formula, &self.potentials)?;
        self.forces.write(entry, &self.potentials)?;
        self.ensemble.write(entry, &formula, &self.potentials)?;
        if let Some(forces_ensemble) = &mut self.forces_ensemble {
            forces_ensemble.write(entry, &species)?;
        }
        self.failures.write(entry, &self.potentials)?;
        self.warnings.write(entry)?;
        self.timings.write(entry, &self.potentials)
    }

    fn count(&mut self, entry: &EntryRow<'_>) {
        let counts = &mut self.counts;
        counts.entries += 1;
        match entry.state {
            Some(EntryState::Failed(_)) => {
                counts.unreadable += 1;
                return;
            }
            Some(EntryState::Structure { warnings, .. }) => {
                counts.structures += 1;
                counts.warnings += warnings.len() as u64;
            }
            None => {}
        }
        for position in 0..self.potentials.len() {
            let Some(Fetched { record, .. }) = entry.record(position) else {
                counts.pending += 1;
                continue;
            };
            match &record.outcome {
                Outcome::Done(_) => {
                    counts.ok += 1;
                    counts.cached += u64::from(record.is_from_cache());
                }
                Outcome::Failed(_) => counts.failed += 1,
            }
        }
    }

    /// Adds all memory samples of a run.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn memory(&mut self, ledger: &Ledger) -> Result<(), StoreError> {
        ledger.samples().try_for_each(|sample| {
            self.memory.write(ledger.host(sample.location.attempt, sample.location.rank), &sample)
        })
    }

    /// What was written so far.
    pub fn counts(&self) -> ReportCounts {
        self.counts
    }

    /// Syncs the tables, renames them into place and adds `run.json`. Gives the files and what they hold.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn finish(self, provenance: &Provenance, ledger: &Ledger) -> Result<(ReportCounts, Vec<PathBuf>), StoreError> {
        let mut files = vec![self.energies.commit()?, self.forces.commit()?, self.ensemble.commit()?];
        files.extend(self.forces_ensemble.map(ForcesEnsemble::commit).transpose()?);
        files.extend([self.failures.commit()?, self.warnings.commit()?, self.timings.commit()?, self.memory.commit()?]);
        RunJson::new(provenance, &self.potentials, self.counts, ledger).write(&self.folder)?;
        files.push(self.folder.join("run.json"));
        Ok((self.counts, files))
    }
}

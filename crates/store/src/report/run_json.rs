//! `run.json`: provenance.

use super::LabeledPotential;
use crate::{AtomicFile, Ledger, RunId, StoreError};
use mlip_atoms::Precision;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// What a run was: known before it began.
#[derive(Debug, Clone, PartialEq)]
pub struct Provenance {
    /// Version of the program.
    pub version: String,
    /// Identity of the run.
    pub run: RunId,
    /// The resolved settings.
    pub settings: serde_json::Value,
    /// Cartesian frame of forces and stress: `pymatgen` or `ase`.
    pub frame: String,
}

/// What became of the entries of a run. It also travels between ranks, in a form without names of fields: none may be left
/// out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReportCounts {
    /// Entries of the input list.
    pub entries: u64,
    /// Entries that are structures.
    pub structures: u64,
    /// Entries that could not be read.
    pub unreadable: u64,
    /// (Structure, potential) with a result.
    pub ok: u64,
    /// Results among them that were taken from a cache instead of computed.
    #[serde(default)]
    pub cached: u64,
    /// (Structure, potential) that failed.
    pub failed: u64,
    /// (Structure, potential) without a record yet; entries not surveyed yet count for all potentials.
    pub pending: u64,
    /// Warnings of the reader.
    pub warnings: u64,
    /// Rows of `failures.csv` by class, of entries and of (structure, potential) alike.
    #[serde(default)]
    pub failures: BTreeMap<String, u64>,
    /// Structures with a charge or spin that not all potentials use.
    #[serde(default)]
    pub charges_unused: u64,
    /// Relaxations by how they ended.
    #[serde(default)]
    pub relaxations: BTreeMap<String, u64>,
    /// Results of which stability was asked for, and something could not be had.
    #[serde(default)]
    pub unmeasured: u64,
    /// Structures that are not in the journals, which an older version wrote, and cannot be read again.
    #[serde(default)]
    pub without_cell: u64,
}

impl ReportCounts {
    pub(super) fn add(&mut self, more: &Self) {
        self.entries += more.entries;
        self.structures += more.structures;
        self.unreadable += more.unreadable;
        self.ok += more.ok;
        self.cached += more.cached;
        self.failed += more.failed;
        self.pending += more.pending;
        self.warnings += more.warnings;
        for (class, count) in &more.failures {
            *self.failures.entry(class.clone()).or_default() += count;
        }
        self.charges_unused += more.charges_unused;
        for (end, count) in &more.relaxations {
            *self.relaxations.entry(end.clone()).or_default() += count;
        }
        self.unmeasured += more.unmeasured;
        self.without_cell += more.without_cell;
    }
}

/// Content of `run.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunJson {
    /// Version of the program.
    pub version: String,
    /// Identity of the run, 32 hexadecimal digits.
    pub run: String,
    /// Potentials in the order of the tables, with the digests of their weights.
    pub potentials: Vec<PotentialJson>,
    /// The resolved settings.
    pub settings: serde_json::Value,
    /// Cartesian frame of forces and stress.
    pub frame: String,
    /// What became of the entries.
    pub counts: ReportCounts,
    /// Hosts of all attempts, each once, in alphabetical order.
    pub hosts: Vec<String>,
    /// Seconds that all attempts took together.
    pub wall_s: f64,
    /// The launches of the run.
    pub attempts: Vec<AttemptJson>,
}

/// A potential of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PotentialJson {
    /// Name in the tables.
    pub label: String,
    /// Name of the model, as it was typed.
    pub name: String,
    /// Which weights, in words.
    pub checkpoint: String,
    /// blake3 digest of the weights, hexadecimal.
    pub digest: String,
    /// Precision of the evaluations.
    pub precision: Precision,
    /// The choices that change its numbers; empty where there are none.
    pub settings: String,
}

impl From<&LabeledPotential> for PotentialJson {
    fn from(potential: &LabeledPotential) -> Self {
        let LabeledPotential { label, id } = potential.clone();
        Self {
            label,
            name: id.name,
            checkpoint: id.checkpoint,
            digest: id.digest,
            precision: id.precision,
            settings: id.settings,
        }
    }
}

/// One launch of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptJson {
    /// Number, from 1.
    pub attempt: u32,
    /// When it began, seconds since 1970.
    pub started_unix_s: u64,
    /// Ranks.
    pub n_ranks: u32,
    /// Ranks that left in good order.
    pub n_closed: u32,
    /// Seconds from its begin to its last memory sample.
    pub wall_s: f64,
    /// Records written in it.
    pub n_records: u64,
    /// Largest resident set of a rank, bytes.
    pub peak_bytes: u64,
}

impl RunJson {
    /// Puts together what is known of a run.
    pub fn new(
        provenance: &Provenance,
        potentials: &[LabeledPotential],
        counts: ReportCounts,
        ledger: &Ledger,
    ) -> Self {
        let journals = ledger.journals();
        let mut hosts: Vec<String> = journals.iter().map(|journal| journal.host.clone()).collect();
        hosts.retain(|host| !host.is_empty());
        hosts.sort();
        hosts.dedup();
        let attempts = journals.chunk_by(|a, b| a.attempt == b.attempt).map(|journals| AttemptJson {
            attempt: journals.first().map_or(0, |journal| journal.attempt),
            started_unix_s: journals.iter().map(|journal| journal.started_unix_s).max().unwrap_or(0),
            n_ranks: journals.iter().map(|journal| journal.n_ranks).max().unwrap_or(0),
            n_closed: journals.iter().map(|journal| u32::from(journal.closed)).sum(),
            wall_s: journals.iter().map(|journal| journal.last_time_s).fold(0.0, f64::max),
            n_records: journals.iter().map(|journal| journal.n_records).sum(),
            peak_bytes: journals.iter().map(|journal| journal.peak_bytes).max().unwrap_or(0),
        });
        Self {
            version: provenance.version.clone(),
            run: provenance.run.to_string(),
            potentials: potentials.iter().map(PotentialJson::from).collect(),
            settings: provenance.settings.clone(),
            frame: provenance.frame.clone(),
            counts,
            hosts,
            wall_s: ledger.wall_s(),
            attempts: attempts.collect(),
        }
    }

    /// Of the report in this folder of a run; `None` where there is none.
    ///
    /// # Errors
    /// When the file cannot be read, or is none of this program.
    pub fn read(run_dir: &Path) -> Result<Option<Self>, StoreError> {
        let path = run_dir.join("report").join("run.json");
        let text = match mlip_disk::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(StoreError::io("read", &path))?,
        };
        serde_json::from_str(&text).map(Some).map_err(|source| StoreError::Json { path, source })
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), StoreError> {
        let path = folder.join("run.json");
        let mut text =
            serde_json::to_string_pretty(self).map_err(|source| StoreError::Json { path: path.clone(), source })?;
        text.push('\n');
        AtomicFile::write(&path, text.as_bytes())
    }
}

//! The tables of a run, from its journals alone.

use crate::Error;
use crate::folder::{read_config, read_manifest, run_id};
use crate::run::files_of;
use crate::stability::{Ready, ready};
use mlip_calculations::CalculationConfig;
use mlip_driver::{InputsAgain, provenance, rows};
use mlip_store::RunLock;
use mlip_store::report::{ReportFormat, StabilitySources, WrittenReport, report_from_journals};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub struct RunReport {
    /// Counts and files.
    pub written: WrittenReport,
    /// What was done with each structure.
    pub calculation: CalculationConfig,
    /// Whether a process works in the run: what is not finished yet is `pending`.
    pub is_going_on: bool,
    /// What there is to warn of.
    pub warnings: Vec<String>,
}

/// How a report is written beside what the run says.
#[derive(Debug, Clone, Default)]
pub struct ReportWishes {
    /// Tables as `.csv.zst`.
    pub compress: bool,
    /// Forms beside the tables.
    pub formats: Vec<ReportFormat>,
    /// Space groups of the structures as they were read.
    pub space_groups: bool,
}

/// Writes the tables of a run as far as it is, and the forms that are asked for now or were when it was begun; tables
/// compressed likewise. `stability`, with
/// paths from the current folder, takes the place of what the run was begun with, reference energies and
/// hulls each for themselves.
///
/// # Errors
/// When there is no run in the folder, or its journals cannot be read.
pub fn report(run_dir: &Path, wishes: &ReportWishes, stability: &StabilitySources) -> Result<RunReport, Error> {
    let mut config = read_config(run_dir)?;
    config.resources.compress |= wishes.compress;
    config.resources.formats.extend(&wishes.formats);
    config.resources.space_groups |= wishes.space_groups;
    let here = std::env::current_dir().map_err(Error::io("find", Path::new(".")))?;
    let Ready { sources, warnings } = ready(&stability.over(&config.stability), &here, &config.physics)?;
    config.stability = sources;
    let run = run_id(&config)?;
    let manifest = read_manifest(run_dir)?;
    let is_going_on = RunLock::holder(run_dir)?.is_some();
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let again = InputsAgain::new(run_dir, files_of(&config));
    let (plan, provenance) = (config.report_plan(), provenance(&config, run));
    let written = report_from_journals(run_dir, &plan, &provenance, rows(&manifest), threads, Some(Arc::new(again)))?;
    Ok(RunReport { written, calculation: config.physics.calculation, is_going_on, warnings })
}

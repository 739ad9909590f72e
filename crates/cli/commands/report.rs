//! `report`: writes the tables of a run from its journals alone.

use super::attempt::{MANIFEST, failures, summary};
use super::resume::read_config;
use crate::args::ReportArgs;
use crate::error::Complaint;
use crate::exit_code::ExitCode;
use mlip_driver::{provenance, rows};
use mlip_inputs::Manifest;
use mlip_store::report::report_from_journals;
use mlip_store::{RunId, RunLock};
use std::num::NonZeroUsize;

/// Writes the tables; a run that is going on is reported as far as it is.
pub(crate) fn report(args: &ReportArgs) -> Result<ExitCode, Complaint> {
    let mut config = read_config(&args.run)?;
    config.resources.compress |= args.csv_zst;
    let run = RunId::parse(&config.run).ok_or_else(|| Complaint::new("run.toml names no run identity"))?;
    let manifest = Manifest::read(&args.run.join(MANIFEST))?;
    if RunLock::holder(&args.run)?.is_some() {
        eprintln!("note: the run is going on; what is not finished yet is `pending`");
    }
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let report =
        report_from_journals(&args.run, &config.report_plan(), &provenance(&config, run), rows(&manifest), threads)?;
    eprintln!("{}", summary(&report.counts));
    if let Some(line) = failures(&report) {
        eprintln!("{line}");
    }
    let list: String = report.files.iter().map(|file| format!("{}\n", file.display())).collect();
    super::print(&list)?;
    Ok(ExitCode::Success)
}

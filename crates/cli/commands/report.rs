//! `report`: writes the tables of a run from its journals alone.

use super::attempt::{failures, of_calculations, summary};
use crate::args::ReportArgs;
use crate::error::CommandError;
use crate::exit_code::ExitCode;
use crate::formats::formats;
use crate::show::{counted, say};
use crate::stability::stability;
use mlip_run::{ReportWishes, RunReport};

/// Writes the tables; a run that is going on is reported as far as it is.
pub(crate) fn report(args: &ReportArgs) -> Result<ExitCode, CommandError> {
    show(&report_as(args)?)?;
    Ok(ExitCode::Success)
}

/// Says what was written.
pub(super) fn show(report: &RunReport) -> Result<(), CommandError> {
    report.warnings.iter().for_each(|warning| say!("warning: {warning}"));
    if report.is_going_on {
        say!("note: the run is going on; what is not finished yet is `pending`");
    }
    say!("{}", summary(&report.written.counts, counted(&report.calculation)));
    of_calculations(&report.written.counts).iter().for_each(|line| say!("{line}"));
    failures(&report.written).iter().for_each(|line| say!("{line}"));
    let list: String = report.written.files.iter().map(|file| format!("{}\n", file.display())).collect();
    super::output::print(&list)
}

/// Writes the tables without a word.
pub(crate) fn report_as(args: &ReportArgs) -> Result<RunReport, CommandError> {
    let stability = stability(args.reference.clone(), args.hull.clone(), args.hull_mismatch);
    let wishes =
        ReportWishes { compress: args.csv_zst, formats: formats(&args.format), space_groups: args.space_groups };
    mlip_run::report(&args.run, &wishes, &stability).map_err(CommandError::of_run)
}

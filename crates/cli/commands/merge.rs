//! `merge`: makes one run of the runs over all parts of a list.

use crate::args::MergeArgs;
use crate::error::CommandError;
use crate::exit_code::ExitCode;
use crate::formats::formats;
use crate::show::say;
use mlip_run::{Error, ReportWishes};

/// Checks the parts, copies their journals and writes the tables.
pub(crate) fn merge(args: &MergeArgs) -> Result<ExitCode, CommandError> {
    if args.out.is_none() && args.runs.len() > 1 {
        let said = CommandError::new("several folders were named, and none for the run that is made of them");
        return Err(said.hint("name one: --out DIR").usage());
    }
    let wishes =
        ReportWishes { compress: args.csv_zst, formats: formats(&args.format), space_groups: args.space_groups };
    let merged = mlip_run::merge(&args.runs, args.out.as_deref(), &wishes).map_err(|error| match &error {
        Error::Exists { folder } => {
            let hint = format!(
                "its tables are written again by `mlip-batch report {}`; name another folder with --out",
                folder.display()
            );
            CommandError::from_error(&error).hint(hint).usage()
        }
        _ => CommandError::of_run(error),
    })?;
    say!("{} parts are the run in {}", merged.parts, merged.run_dir.display());
    super::report::show(&merged.report)?;
    Ok(ExitCode::Success)
}

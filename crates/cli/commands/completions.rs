//! `completions` and `man`: for the shell and for readers, made from the command line itself.

use crate::args::{Args, CompletionsArgs, ManArgs};
use crate::error::CommandError;
use crate::exit_code::ExitCode;
use clap::CommandFactory;

/// Writes what a shell completes to stdout.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<ExitCode, CommandError> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "mlip-batch", &mut text);
    super::output::print(&String::from_utf8_lossy(&text))?;
    Ok(ExitCode::Success)
}

/// Writes `mlip-batch.1` and a page for each command into a folder.
pub(crate) fn man(args: &ManArgs) -> Result<ExitCode, CommandError> {
    let folder = args.out.display();
    std::fs::create_dir_all(&args.out).and_then(|()| clap_mangen::generate_to(Args::command(), &args.out)).map_err(
        |error| CommandError::from_error(&error).while_doing(format!("writing manual pages into `{folder}`")),
    )?;
    Ok(ExitCode::Success)
}

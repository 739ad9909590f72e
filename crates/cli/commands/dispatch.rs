//! From what was asked for to what does it.

use super::{bench, cite, completions, hull, merge, models, plan, report, resume, run, status, verify};
use crate::args::Command;
use crate::error::CommandError;
use crate::exit_code::ExitCode;

/// Does what was asked for.
pub(crate) fn dispatch(command: Command) -> Result<ExitCode, CommandError> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Resume(args) => resume::resume(&args),
        Command::Status(args) => status::status(&args),
        Command::Report(args) => report::report(&args),
        Command::Merge(args) => merge::merge(&args),
        Command::Plan(args) => plan::plan(&args),
        Command::Bench(args) => bench::bench(&args),
        Command::Verify(args) => verify::verify(&args),
        Command::Hull(args) => hull::hull(&args),
        Command::Models(args) => models::models(&args),
        Command::Cite(args) => cite::cite(&args),
        Command::Completions(args) => completions::completions(&args),
        Command::Man(args) => completions::man(&args),
    }
}

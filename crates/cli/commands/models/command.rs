//! Which of both was asked for.

use super::{get, list};
use crate::args::{ModelsArgs, ModelsCommand};
use crate::error::CommandError;
use crate::exit_code::ExitCode;

/// Lists potentials, or fetches checkpoints.
pub(crate) fn models(args: &ModelsArgs) -> Result<ExitCode, CommandError> {
    match &args.command {
        Some(ModelsCommand::Get(args)) => get::get(args),
        None => list::list(args),
    }
}

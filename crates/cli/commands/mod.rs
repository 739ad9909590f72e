//! The commands, one a file.

mod attempt;
mod bench;
mod models;
mod plan;
mod report;
mod resume;
mod run;
mod status;
mod verify;

use crate::args::Command;
use crate::error::CommandError;
use crate::exit_code::ExitCode;
use std::io::{self, Write};

/// Does what was asked for.
pub(crate) fn dispatch(command: Command) -> Result<ExitCode, CommandError> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Resume(args) => resume::resume(&args),
        Command::Status(args) => status::status(&args),
        Command::Report(args) => report::report(&args),
        Command::Plan(args) => plan::plan(&args),
        Command::Bench(args) => bench::bench(&args),
        Command::Verify(args) => verify::verify(&args),
        Command::Models => models::models(),
    }
}

/// Writes to stdout: data. A reader that went away early (`| head`) is nobody's error.
fn print(text: &str) -> Result<(), CommandError> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

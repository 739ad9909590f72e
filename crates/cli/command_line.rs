//! From words to a command, and to what the process returns.

use crate::args::{Args, Command, RunArgs};
use crate::commands::dispatch;
use crate::environment::unknown_variables;
use crate::exit_code::ExitCode;
use crate::show::print_error;
use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue};
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::Path;

/// Does what a command line says, its first word being the name of the program; gives the exit code. A run ends the
/// process by itself, since its threads may still compute and MPI is to be ended in order.
pub fn run_command_line(words: impl IntoIterator<Item = OsString>) -> u8 {
    let args = match Args::read(words) {
        Ok(args) => args,
        Err(error) => return answer(&error).number(),
    };
    let command = match args.command {
        Some(command) => command,
        None if Path::new("job.toml").is_file() => Command::Run(Box::new(RunArgs::of_job("job.toml"))),
        None => {
            // Help is what was asked for by asking for nothing; a closed pipe is nobody's error.
            let _ = Args::command().print_long_help();
            return ExitCode::Usage.number();
        }
    };
    if mlip_ranks::may_speak(|name| std::env::var(name).ok()) {
        let set = std::env::vars_os().map(|(name, _)| name);
        for sentence in unknown_variables(&Args::command(), set) {
            eprintln!("warning: {sentence}");
        }
    }
    match dispatch(command) {
        Ok(code) => code.number(),
        Err(error) => {
            error.print();
            error.code().number()
        }
    }
}

/// What to type where a file or folder stands in the place of a command.
fn meant_as_input(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let is_job = Path::new(typed).extension().is_some_and(|ending| ending == "toml");
    let how = if is_job { format!("run {typed}") } else { format!("run --cifs {typed}") };
    Path::new(typed).exists().then(|| format!("\n  hint: mlip-batch {how}\n"))
}

/// Help, the version, or what is wrong with the arguments.
fn answer(error: &clap::Error) -> ExitCode {
    let speaks = mlip_ranks::may_speak(|name| std::env::var(name).ok());
    // A closed pipe is nobody's error.
    let _ = match (speaks, error.use_stderr()) {
        (true, true) if !std::io::stderr().is_terminal() => print_error(&error.render().to_string()),
        (true, _) => error.print(),
        (false, true) => {
            // A launcher that sees this process fail ends the one that speaks.
            mlip_ranks::let_first_speak();
            Ok(())
        }
        (false, false) => Ok(()),
    };
    if let Some(hint) = meant_as_input(error).filter(|_| speaks) {
        // A closed pipe is nobody's error.
        let _ = print_error(&hint);
    }
    if error.use_stderr() { ExitCode::Usage } else { ExitCode::Success }
}

//! `mlip-batch`: the composition root. Knows models, ranks, files and flags; computes nothing.
//!
//! Module order: `allocator`, `error`, `exit_code`, `values`, `version`, `formats`, `inputs`, `show`, `stability`, `potentials` ← `settings` (list, job files) ← `environment` ← `args`,
//! `upstream` ← `settings` (what is decided) ← `commands`.

mod allocator;
mod args;
mod commands;
mod environment;
mod error;
mod exit_code;
mod formats;
mod inputs;
mod potentials;
mod settings;
mod show;
mod stability;
mod upstream;
mod values;
mod version;

use args::{Args, Command};
use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue};
use exit_code::ExitCode;
use std::io::IsTerminal;
use std::path::Path;

fn main() -> std::process::ExitCode {
    // Threads inside an evaluation are those of the pool that it runs in. By itself the tensor library would size pools
    // of its own, one for each rank, by the whole machine; it asks this variable.
    // SAFETY: this is the first thing that the process does: no other thread exists that could read the environment.
    #[expect(unsafe_code, reason = "the tensor library asks the environment only")]
    unsafe {
        std::env::set_var("RAYON_NUM_THREADS", "1");
    }
    allocator::keep_freed_memory();
    let args = match Args::read() {
        Ok(args) => args,
        Err(error) => return answer(&error),
    };
    let command = match args.command {
        Some(command) => command,
        None if Path::new("job.toml").is_file() => Command::Run(Box::new(args::RunArgs::of_job("job.toml"))),
        None => {
            // Help is what was asked for by asking for nothing; a closed pipe is nobody's error.
            let _ = Args::command().print_long_help();
            return ExitCode::Usage.into();
        }
    };
    if mlip_ranks::may_speak(|name| std::env::var(name).ok()) {
        let set = std::env::vars_os().map(|(name, _)| name);
        for sentence in environment::unknown_variables(&Args::command(), set) {
            eprintln!("warning: {sentence}");
        }
    }
    match commands::dispatch(command) {
        Ok(code) => code.into(),
        Err(error) => {
            error.print();
            error.code().into()
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
fn answer(error: &clap::Error) -> std::process::ExitCode {
    let speaks = mlip_ranks::may_speak(|name| std::env::var(name).ok());
    // A closed pipe is nobody's error.
    let _ = match (speaks, error.use_stderr()) {
        (true, true) if !std::io::stderr().is_terminal() => show::print_error(&error.render().to_string()),
        (true, _) => error.print(),
        (false, true) => {
            // A launcher that sees this process fail ends the one that speaks.
            mlip_ranks::let_first_speak();
            Ok(())
        }
        (false, false) => Ok(()),
    };
    if let Some(hint) = meant_as_input(error).filter(|_| speaks) {
        let _ = show::print_error(&hint);
    }
    if error.use_stderr() { ExitCode::Usage.into() } else { ExitCode::Success.into() }
}

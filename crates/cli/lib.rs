//! `mlip-batch`: the composition root. Knows models, ranks, files and flags; computes nothing.
//!
//! The program is [`run_command_line`], behind a `main` that prepares the process. Bindings for other languages begin
//! runs and choose potentials by the same words as the command line ([`begin_run`], [`choose_potential`]).
//!
//! Module order: `allocator`, `program`, `error`, `exit_code`, `values`, `version`, `formats`, `inputs`, `show`, `stability`, `potentials` ← `settings` (list, job files) ← `environment` ← `args`,
//! `upstream` ← `settings` (what is decided) ← `commands` ← `command_line`, `bindings`.

mod allocator;
mod args;
mod bindings;
mod command_line;
mod commands;
mod environment;
mod error;
mod exit_code;
mod formats;
mod inputs;
mod potentials;
mod program;
mod settings;
mod show;
mod stability;
mod upstream;
mod values;
mod version;

pub use allocator::{keep_freed_memory, return_freed_memory};
pub use bindings::{
    BegunRun, begin_run, check_settings, choose_potential, load_potential, progress_line, write_report,
};
pub use command_line::run_command_line;
pub use error::CommandError;
pub use program::start_again_as;

//! The commands, and how what was typed is read.

use super::folder::{FolderArgs, MergeArgs, ReportArgs, StatusArgs};
use super::hull::HullArgs;
use super::models::ModelsArgs;
use super::run::{PresetArgs, ResumeArgs, RunArgs};
use super::trials::{BenchArgs, PlanArgs, VerifyArgs};
use crate::environment;
use crate::settings::What;
use crate::version::version;
use clap::{ArgMatches, Args as ClapArgs, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  mlip-batch run --cifs structures/ --model chgnet --out RUN
  mpirun -n 64 mlip-batch run --cifs all.list --model chgnet --precision f64 --out RUN
  mlip-batch run job.toml
  mpirun -n 16 mlip-batch resume RUN
  mlip-batch status RUN

Settings, the later ones win: built-in values, job file, MLIP_* environment, flags.

Exit codes:
   0  everything was computed and reported; single failures are in RUN/report/failures.csv
   1  the run could not begin or go on; what was computed is kept
   2  the command line or the job file is wrong
   3  with --strict: everything was done, but some entries or evaluations failed
   4  none of the entries could be read
   5  more failed than --max-failure-rate allows; what was computed is kept and reported
  75  a signal (SIGTERM, SIGUSR1, Ctrl-C) came: work in flight was finished; `resume` goes on.
      Under mpirun: kill -USR1 $(pgrep -x mpirun)";

/// Evaluates machine-learned interatomic potentials over lists of crystal structures.
///
/// Reads CIFs, shares the work among MPI ranks and their threads, keeps every result in a journal
/// that survives being killed, and writes CSV tables. Without a command it runs ./job.toml.
#[derive(Debug, Parser)]
#[command(name = "mlip-batch", version, after_long_help = EXAMPLES, after_help = "`--help` shows examples and exit codes.")]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

impl Args {
    /// What was typed, and what the environment says beside it.
    pub(crate) fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        // It lives as long as the process.
        let version: &'static str = version().leak();
        let command = Self::command().long_version(version);
        let matches = environment::with_older_names(command).try_get_matches_from(words)?;
        let mut args = Self::from_arg_matches(&matches)?;
        if let (Some(command), Some((_, matches))) = (&mut args.command, matches.subcommand()) {
            command.complete(matches);
        }
        Ok(args)
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compute a list of structures
    Run(Box<RunArgs>),
    /// Go on with a run, on any number of ranks
    Resume(Box<ResumeArgs>),
    /// Say how far a run is
    Status(StatusArgs),
    /// Write the tables of a run from its journals
    Report(ReportArgs),
    /// Make one run of the runs over all parts of a list, with its tables
    Merge(MergeArgs),
    /// Read everything, compute nothing: structures, cost, shards, memory
    Plan(Box<PlanArgs>),
    /// Measure sequential against parallel runs of a list on this machine: a table, a CSV, a plot
    Bench(Box<BenchArgs>),
    /// Compute structures with both engines of a potential, native and candle, and compare them
    Verify(Box<VerifyArgs>),
    /// Energies above the hull and formation energies of a table of compositions and total energies; `hull build` makes
    /// such a table of runs
    Hull(HullArgs),
    /// List the potentials that this program knows and which checkpoints are here; `models get` fetches published ones
    Models(ModelsArgs),
    /// Write the works behind a run as BibTeX: its potentials, optimizer and data
    Cite(FolderArgs),
    /// Write what a shell completes to stdout
    Completions(CompletionsArgs),
    /// Write manual pages, one a command
    Man(ManArgs),
}

impl Command {
    /// Adds what clap cannot derive.
    fn complete(&mut self, matches: &ArgMatches) {
        let what = match self {
            Self::Run(run) => &mut run.what,
            Self::Plan(plan) => &mut plan.what,
            Self::Verify(verify) => &mut verify.what,
            Self::Bench(bench) => {
                bench.typed = environment::typed::<PresetArgs>(matches);
                bench.typed.extend(environment::typed::<What>(matches));
                &mut bench.what
            }
            _ => return,
        };
        if matches.value_source("models") == Some(clap::parser::ValueSource::EnvVariable) {
            what.models = what.models.iter().flat_map(|text| environment::several(text)).collect();
        }
    }
}

/// `completions`.
#[derive(Debug, Clone, ClapArgs)]
#[command(after_long_help = "\
Examples:
  mlip-batch completions bash > ~/.local/share/bash-completion/completions/mlip-batch
  mlip-batch completions fish > ~/.config/fish/completions/mlip-batch.fish
  mlip-batch completions zsh > ~/.zfunc/_mlip-batch   # with fpath+=~/.zfunc before compinit in ~/.zshrc")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// `man`.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct ManArgs {
    /// Folder that they are written into
    #[arg(long, value_name = "DIR", default_value = "man1")]
    pub(crate) out: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_flags_are_what_clap_allows() {
        Args::command().debug_assert();
    }
}

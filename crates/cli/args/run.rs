//! What begins a run, or goes on with one.

use crate::settings::{How, What, Where};
use crate::show::ProgressKind;
use crate::values::{PartName, Retry};
use clap::Args as ClapArgs;
use mlip_run::{AttemptOptions, RetryFailed};
use std::path::PathBuf;

/// How an attempt behaves.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct AttemptArgs {
    /// Repeat evaluations that failed: those that may come out differently, or `all`
    #[arg(long, value_enum, value_name = "WHICH", num_args = 0..=1, require_equals = true, default_missing_value = "worthwhile")]
    pub(crate) retry_failed: Option<Retry>,
    /// Take the run folder from another process that is known to be gone
    #[arg(long)]
    pub(crate) force: bool,
    /// How far the run is: a bar on a terminal and lines elsewhere (auto), a bar, lines, or nothing [default: auto]
    #[arg(long, value_enum, value_name = "HOW", env = "MLIP_PROGRESS")]
    pub(crate) progress: Option<ProgressKind>,
    /// Say nothing but warnings and errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

impl AttemptArgs {
    /// With `--strict` from wherever it comes.
    pub(crate) fn options(&self, strict: bool) -> AttemptOptions {
        AttemptOptions { retry: self.retry(), strict, force: self.force, extend: false }
    }

    /// As the ledger knows it.
    fn retry(&self) -> RetryFailed {
        match self.retry_failed {
            None => RetryFailed::No,
            Some(Retry::Worthwhile) => RetryFailed::WorthRetrying,
            Some(Retry::All) => RetryFailed::All,
        }
    }
}

/// Settings of another program.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct PresetArgs {
    /// Settings of LeMat-GenBench's preprocessor: multi_mlip_stability, multi_mlip_stability_optimized, or a file of its
    /// form (.yaml, .toml)
    #[arg(long, value_name = "NAME|FILE", env = "MLIP_CONFIG", conflicts_with = "job")]
    pub(crate) config: Option<String>,
}

/// `run`.
#[derive(Debug, Clone, Default, ClapArgs)]
#[command(after_long_help = "\
Example:
  mpirun -n 4 mlip-batch run --cifs structures/ extra.list --model chgnet --out RUN

A job file holds the same settings under the names of the flags, with underscores:
  cifs = [\"structures\", \"extra.list\"]   # relative to the job file
  models = [\"chgnet\"]
  precision = \"f64\"
  out = \"RUN\"                            # relative to the current folder")]
pub(crate) struct RunArgs {
    /// Job file
    #[arg(value_name = "JOB.toml")]
    pub(crate) job: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) preset: PresetArgs,
    #[command(flatten)]
    pub(crate) what: What,
    #[command(flatten)]
    pub(crate) how: How,
    #[command(flatten)]
    pub(crate) place: Where,
    /// Name of the run: its folder is runs/NAME unless --out is given
    #[arg(long, value_name = "NAME", env = "MLIP_NAME")]
    pub(crate) name: Option<String>,
    /// Go on if the run exists
    #[arg(long)]
    pub(crate) resume: bool,
    /// With --resume: add entries that stand behind those that the list had
    #[arg(long, requires = "resume")]
    pub(crate) extend: bool,
    /// Compute part K of N of the structures, from 1: its run lies in OUT/part-K; `merge OUT` makes one run of all parts
    #[arg(long, value_name = "K/N", conflicts_with = "extend")]
    pub(crate) part: Option<PartName>,
    #[command(flatten)]
    pub(crate) attempt: AttemptArgs,
}

impl RunArgs {
    /// As if only this job file had been given.
    pub(crate) fn of_job(job: &str) -> Self {
        Self { job: Some(job.into()), ..Self::default() }
    }
}

/// `resume`.
#[derive(Debug, Clone, ClapArgs)]
#[command(after_long_help = "\
Resources may change from attempt to attempt; what is computed may not.

Example:
  mpirun -n 8 mlip-batch resume RUN --retry-failed")]
pub(crate) struct ResumeArgs {
    /// Folder of the run
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    /// Where a checkpoint file lies now, if it was moved
    #[arg(long = "model", value_name = "LABEL=FILE")]
    pub(crate) models: Vec<String>,
    #[command(flatten)]
    pub(crate) how: How,
    #[command(flatten)]
    pub(crate) attempt: AttemptArgs,
}

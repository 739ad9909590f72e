//! What tries a list before a run, or beside one: plan, bench, verify.

use super::run::PresetArgs;
use crate::settings::{How, What};
use crate::values::Count;
use clap::Args as ClapArgs;
use std::ffi::OsString;
use std::path::PathBuf;

/// `plan`.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct PlanArgs {
    /// Job file
    #[arg(value_name = "JOB.toml")]
    pub(crate) job: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) preset: PresetArgs,
    #[command(flatten)]
    pub(crate) what: What,
    #[command(flatten)]
    pub(crate) how: How,
    /// Write JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Plan for N ranks [default: 1]
    #[arg(long, value_name = "N")]
    pub(crate) ranks: Option<Count>,
    /// Compute N of the structures now, large ones more often than small ones, and forecast time and size of the run
    /// from what they take on the cores of this machine [default: compute nothing]
    #[arg(long, value_name = "N")]
    pub(crate) measure: Option<Count>,
}

/// `verify`.
#[derive(Debug, Clone, Default, ClapArgs)]
#[command(after_long_help = "\
Both engines compute in double precision, whatever --precision says; how far the native engine in that precision is from
double precision stands beside it. Without structures, five crystals in the program are computed.

Examples:
  mlip-batch verify --model mace=medium-mpa-0
  mlip-batch verify --model uma=uma-s-1p1.pt,task=omol --cifs structures/ --limit 50

Exit codes: 0 the engines agree to 1e-10 eV/atom, 1e-8 eV/A and 1e-9 eV/A^3; 1 they do not,\nor nothing could be compared.")]
pub(crate) struct VerifyArgs {
    /// Job file
    #[arg(value_name = "JOB.toml")]
    pub(crate) job: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) preset: PresetArgs,
    #[command(flatten)]
    pub(crate) what: What,
}

/// `bench`.
#[derive(Debug, Clone, Default, ClapArgs)]
#[command(after_long_help = "\
Each division is run in processes of its own, round after round; medians count. Results must be identical.

Examples:
  mlip-batch bench --cifs structures/ --limit 200 --model chgnet --out BENCH
  mlip-batch bench --cifs all.list --model chgnet --splits 2 4 2:1 4:1 --repeat 5")]
pub(crate) struct BenchArgs {
    /// Job file
    #[arg(value_name = "JOB.toml")]
    pub(crate) job: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) preset: PresetArgs,
    #[command(flatten)]
    pub(crate) what: What,
    /// Divisions beside the sequential one: structures x potentials x threads at once, 4x1x1; with ranks before them,
    /// 8:1x1x1 [default: 2, 4, … up to all cores]
    #[arg(long, value_name = "SPLIT", num_args = 1..)]
    pub(crate) splits: Vec<String>,
    /// Runs of each division [default: 3]
    #[arg(long, value_name = "N")]
    pub(crate) repeat: Option<Count>,
    /// Folder for bench.csv and bench.svg
    #[arg(long, value_name = "DIR", default_value = "BENCH")]
    pub(crate) out: PathBuf,
    /// Keep the run folders
    #[arg(long)]
    pub(crate) keep: bool,
    /// What was typed of the settings of the list and the potentials, for the runs that are measured.
    #[arg(skip)]
    pub(crate) typed: Vec<OsString>,
}

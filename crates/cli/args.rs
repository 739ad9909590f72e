//! The command line.

pub(crate) use crate::values::{BlocksOf, Dtype, FrameName, Retry, Workers};
use clap::{Args as ClapArgs, Parser, Subcommand};
use mlip_store::RetryFailed;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  mlip-batch run --cifs structures/ --model chgnet --out RUN
  mpirun -n 64 mlip-batch run --cifs all.list --model chgnet --dtype f64 --out RUN
  mlip-batch run job.toml
  mpirun -n 16 mlip-batch resume RUN
  mlip-batch status RUN

Settings, the later ones win: built-in values, job file, MLIP_* environment, flags.

Exit codes:
   0  everything was computed and reported; single failures are in RUN/report/failures.csv
   1  the run could not begin or go on; what was computed is kept
   2  the command line or the job file is wrong
   3  with --strict: everything was done, but some entries or evaluations failed
  75  a signal (SIGTERM, SIGUSR1, Ctrl-C) came: work in flight was finished; `resume` goes on";

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

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compute a list of structures
    Run(Box<RunArgs>),
    /// Go on with a run, on any number of ranks
    Resume(Box<ResumeArgs>),
    /// Say how far a run is
    Status(FolderArgs),
    /// Write the tables of a run from its journals
    Report(ReportArgs),
    /// Read everything, compute nothing: structures, cost, shards, memory
    Plan(Box<PlanArgs>),
    /// Measure sequential against parallel runs of a list on this machine: a table, a CSV, a plot
    Bench(Box<BenchArgs>),
    /// List the potentials that this program knows
    Models,
}

/// What is computed.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct WhatArgs {
    /// Structures: CIF, XYZ, POSCAR and pymatgen's JSON files, also compressed, folders, list files (`-`: from standard
    /// input), TAR and ZIP archives, CSV tables with a column of CIFs or JSON
    #[arg(long, value_name = "PATH", num_args = 1.., env = "MLIP_CIFS", value_delimiter = None)]
    pub(crate) cifs: Vec<PathBuf>,
    /// CSV tables with a column of CIFs or JSON; the same as --cifs
    #[arg(long, value_name = "TABLE.csv", num_args = 1..)]
    pub(crate) csv: Vec<PathBuf>,
    /// Only the first so many structures
    #[arg(long, value_name = "N", env = "MLIP_LIMIT")]
    pub(crate) limit: Option<usize>,
    /// Settings of LeMat-GenBench's preprocessor: multi_mlip_stability, multi_mlip_stability_optimized, or a file of its
    /// form (.yaml, .toml)
    #[arg(long, value_name = "NAME|FILE", env = "MLIP_CONFIG", conflicts_with = "job")]
    pub(crate) config: Option<String>,
    /// Potential, with its checkpoint file unless built in; several are computed together [default: chgnet]
    #[arg(long = "model", visible_alias = "models", value_name = "NAME[=FILE]", num_args = 1.., env = "MLIP_MODEL")]
    pub(crate) models: Vec<String>,
    /// Floating-point type of the evaluations [default: f32]
    #[arg(long, value_enum, env = "MLIP_DTYPE")]
    pub(crate) dtype: Option<Dtype>,
    /// Head of a MACE checkpoint with several
    #[arg(long, value_name = "NAME", env = "MLIP_HEAD")]
    pub(crate) head: Option<String>,
    /// Task of a UMA checkpoint [default: omat]
    #[arg(long, value_name = "NAME", env = "MLIP_TASK")]
    pub(crate) task: Option<String>,
    /// Total charge that UMA is told, elementary charges [default: 0]
    #[arg(long, value_name = "N", allow_hyphen_values = true, env = "MLIP_CHARGE")]
    pub(crate) charge: Option<i32>,
    /// Spin multiplicity that UMA is told [default: that of the task]
    #[arg(long, value_name = "N", env = "MLIP_SPIN")]
    pub(crate) spin: Option<i32>,
    /// MACE's radial networks themselves instead of their tables: slower, the same to 1e-8 eV/atom
    #[arg(long)]
    pub(crate) exact_radial: bool,
    /// Cartesian axes of cells given by lengths and angles [default: pymatgen]
    #[arg(long, value_enum, env = "MLIP_FRAME")]
    pub(crate) frame: Option<FrameName>,
    /// Energies only: no forces, no stress
    #[arg(long)]
    pub(crate) no_forces: bool,
    /// Folder from which relative paths in list files start [default: the one that fits]
    #[arg(long, value_name = "DIR", env = "MLIP_ROOT")]
    pub(crate) root: Option<PathBuf>,
    /// CIFs of which every block with a structure is an entry, not only the first: those named by --cifs themselves, or
    /// all, in folders, lists and archives too [default: named]
    #[arg(long, value_enum, value_name = "WHICH", env = "MLIP_BLOCKS")]
    pub(crate) blocks: Option<BlocksOf>,
    /// Column of CSV tables that holds the CIF text or JSON
    #[arg(long, value_name = "NAME", env = "MLIP_CIF_COLUMN")]
    pub(crate) cif_column: Option<String>,
    /// Column of CSV tables that holds the id
    #[arg(long, value_name = "NAME", env = "MLIP_ID_COLUMN")]
    pub(crate) id_column: Option<String>,
}

/// How it is computed.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct HowArgs {
    /// Structures in flight on each rank, or auto [default: auto: cores of the rank / the other two]
    #[arg(long, visible_alias = "n-jobs", value_name = "N", env = "MLIP_STRUCTURE_WORKERS", value_parser = Workers::parse)]
    pub(crate) structure_workers: Option<Workers>,
    /// Potentials at once for one structure, at most, or auto [default: auto: 1 unless structures are few]
    #[arg(long, value_name = "N", env = "MLIP_MAX_MLIP_WORKERS", value_parser = Workers::parse)]
    pub(crate) max_mlip_workers: Option<Workers>,
    /// All potentials of a structure at once, as far as there are cores and --max-mlip-workers allows
    #[arg(long, overrides_with = "no_parallel_mlips")]
    pub(crate) parallel_mlips: bool,
    /// One potential of a structure after the other
    #[arg(long, overrides_with = "parallel_mlips")]
    pub(crate) no_parallel_mlips: bool,
    /// Threads inside one evaluation, or auto; they pay for cells of hundreds of atoms, not with Lennard-Jones [default:
    /// auto: 1, more where structures are fewer than cores]
    #[arg(long, value_name = "N", env = "MLIP_THREADS_PER_MLIP", value_parser = Workers::parse)]
    pub(crate) threads_per_mlip: Option<Workers>,
    /// Grant more threads than there are cores, if asked for
    #[arg(long)]
    pub(crate) oversubscribe: bool,
    /// Hand out at most so many structures at a time to a rank [default: as balance asks for]
    #[arg(long, value_name = "N", env = "MLIP_BATCH_SIZE")]
    pub(crate) batch_size: Option<usize>,
    /// Give up an evaluation after so many seconds
    #[arg(long, value_name = "SECONDS", env = "MLIP_TIMEOUT")]
    pub(crate) timeout: Option<f64>,
    /// Give up a structure, all its potentials together, after so many seconds
    #[arg(long, value_name = "SECONDS", env = "MLIP_STRUCTURE_TIMEOUT")]
    pub(crate) structure_timeout: Option<f64>,
    /// Memory of each rank, MB, weights included [default: that of job or machine / ranks on it]
    #[arg(long, visible_alias = "memory", value_name = "MB", env = "MLIP_MEMORY_LIMIT")]
    pub(crate) memory_limit: Option<u64>,
    /// Sample memory every second, and say on stderr what ranks and nodes hold
    #[arg(long)]
    pub(crate) monitor_memory: bool,
    /// Give up a structure on which the process died so often; 0: never [default: 3]
    #[arg(long, value_name = "N", env = "MLIP_MAX_CRASHES")]
    pub(crate) max_crashes: Option<u32>,
    /// After a signal, wait so many seconds for evaluations in flight [default: 20]
    #[arg(long, value_name = "SECONDS", env = "MLIP_DRAIN")]
    pub(crate) drain: Option<f64>,
    /// Sync journals to disk so often: what a power failure may cost [default: 5]
    #[arg(long, value_name = "SECONDS", env = "MLIP_SYNC")]
    pub(crate) sync: Option<f64>,
    /// Sample memory so often [default: 10]
    #[arg(long, value_name = "SECONDS", env = "MLIP_SAMPLE")]
    pub(crate) sample: Option<f64>,
    /// Take results of other runs from this folder, and add new ones [default: none]
    #[arg(long, value_name = "DIR", env = "MLIP_CACHE")]
    pub(crate) cache: Option<PathBuf>,
    /// Use no cache, whatever the job file says
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Write tables as .csv.zst
    #[arg(long)]
    pub(crate) csv_zst: bool,
}

/// How an attempt behaves.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct AttemptArgs {
    /// Repeat evaluations that failed: those that may come out differently, or `all`
    #[arg(long, value_enum, value_name = "WHICH", num_args = 0..=1, require_equals = true, default_missing_value = "worthwhile")]
    pub(crate) retry_failed: Option<Retry>,
    /// Missing files are an error before work starts; failures make the exit code 3
    #[arg(long)]
    pub(crate) strict: bool,
    /// Take the run folder from another process that is known to be gone
    #[arg(long)]
    pub(crate) force: bool,
    /// Say nothing but warnings and errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// `run`.
#[derive(Debug, Clone, Default, ClapArgs)]
#[command(after_long_help = "\
Example:
  mpirun -n 4 mlip-batch run --cifs structures/ extra.list --model chgnet --out RUN

A job file holds the same settings under the names of the flags, with underscores:
  cifs = [\"structures\", \"extra.list\"]   # relative to the job file
  models = [\"chgnet\"]
  dtype = \"f64\"
  out = \"RUN\"                            # relative to the current folder")]
pub(crate) struct RunArgs {
    /// Job file
    #[arg(value_name = "JOB.toml")]
    pub(crate) job: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) what: WhatArgs,
    #[command(flatten)]
    pub(crate) how: HowArgs,
    /// Folder of the run: journals, settings, report [default: RUN]
    #[arg(long, value_name = "RUN", env = "MLIP_OUT")]
    pub(crate) out: Option<PathBuf>,
    /// Name of the run: its folder is runs/NAME unless --out is given
    #[arg(long, value_name = "NAME", env = "MLIP_NAME")]
    pub(crate) name: Option<String>,
    /// Go on if the run exists
    #[arg(long)]
    pub(crate) resume: bool,
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
    #[arg(long = "model", value_name = "NAME=FILE")]
    pub(crate) models: Vec<String>,
    #[command(flatten)]
    pub(crate) how: HowArgs,
    #[command(flatten)]
    pub(crate) attempt: AttemptArgs,
}

/// A run folder.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct FolderArgs {
    /// Folder of the run
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
}

/// `report`.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct ReportArgs {
    /// Folder of the run
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    /// Write tables as .csv.zst
    #[arg(long)]
    pub(crate) csv_zst: bool,
}

/// `plan`.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct PlanArgs {
    /// Job file
    #[arg(value_name = "JOB.toml")]
    pub(crate) job: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) what: WhatArgs,
    #[command(flatten)]
    pub(crate) how: HowArgs,
    /// Plan for so many ranks
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) ranks: usize,
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
    pub(crate) what: WhatArgs,
    /// Divisions beside the sequential one: structures x potentials x threads at once, 4x1x1; with ranks before them,
    /// 8:1x1x1 [default: 2, 4, … up to all cores]
    #[arg(long, value_name = "SPLIT", num_args = 1..)]
    pub(crate) splits: Vec<String>,
    /// Runs of each division
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) repeat: usize,
    /// Folder for bench.csv and bench.svg
    #[arg(long, value_name = "DIR", default_value = "BENCH")]
    pub(crate) out: PathBuf,
    /// Keep the run folders
    #[arg(long)]
    pub(crate) keep: bool,
}

impl AttemptArgs {
    /// As the ledger knows it.
    pub(crate) fn retry(&self) -> RetryFailed {
        match self.retry_failed {
            None => RetryFailed::No,
            Some(Retry::Worthwhile) => RetryFailed::WorthRetrying,
            Some(Retry::All) => RetryFailed::All,
        }
    }
}

//! The command line.

use crate::environment;
use crate::formats::FormatName;
use crate::settings::{How, What, Where};
use crate::show::ProgressKind;
use crate::stability::{HullName, ReferenceName};
use crate::values::{Count, MismatchName, PartName, Retry, Seconds};
use crate::version::version;
use clap::{ArgMatches, Args as ClapArgs, CommandFactory, FromArgMatches, Parser, Subcommand};
use mlip_run::{AttemptOptions, RetryFailed};
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

/// A run folder.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct FolderArgs {
    /// Folder of the run
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
}

/// `status`.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) folder: FolderArgs,
    /// Write JSON, an object a line
    #[arg(long)]
    pub(crate) json: bool,
    /// Say it again every so many seconds, until nobody works in the run any more
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "2")]
    pub(crate) watch: Option<Seconds>,
}

/// `models`.
#[derive(Debug, Clone, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ModelsCommand>,
    /// Write JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Folder in which published checkpoints are looked for first
    #[arg(long, value_name = "DIR", env = "MLIP_MODELS_DIR")]
    pub(crate) models_dir: Option<PathBuf>,
}

/// What else there is to do with models.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Fetch published checkpoints from where upstream publishes them
    Get(ModelsGetArgs),
}

/// `models get`.
#[derive(Debug, Clone, ClapArgs)]
#[command(after_long_help = "\
Do this where there is a network, on a login node: `run` never downloads anything. The licences are shown first. A \
checkpoint that is on this machine is not fetched again; what a broken download left is gone on with. Files of Hugging \
Face (UMA) need the token of a user who has agreed to the terms there: HF_TOKEN, or `hf auth login`.

Proxies: HTTPS_PROXY, ALL_PROXY, NO_PROXY. Authorities of certificates: SSL_CERT_FILE. Paths go to stdout.

Examples:
  mlip-batch models get medium-mpa-0 orb-v3-conservative-inf-omat
  HF_TOKEN=hf_… mlip-batch models get uma-s-1p1 --models-dir /project/models --accept-licence
  mlip-batch models get 7net-l3i5 --mirror https://mirror.example.org/checkpoints

Exit codes: 0 all are there; 1 one could not be had; 2 the command line is wrong, or a licence was not accepted; 75 a signal \
came, the same command goes on.")]
pub(crate) struct ModelsGetArgs {
    /// Names of published checkpoints: `mlip-batch models` lists them
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
    /// Folder that they are kept in [default: mlip-batch/models in $XDG_CACHE_HOME or ~/.cache]
    #[arg(long, value_name = "DIR", env = "MLIP_MODELS_DIR")]
    pub(crate) models_dir: Option<PathBuf>,
    /// Accept the licences without being asked
    #[arg(long, visible_alias = "accept-license")]
    pub(crate) accept_licence: bool,
    /// Address of a folder that has the files as `models get` keeps them, instead of upstream's hosts
    #[arg(long, value_name = "URL", env = "MLIP_MIRROR")]
    pub(crate) mirror: Option<String>,
    /// A server that sends nothing for so long has gone [default: 60]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<Seconds>,
    /// Times that a cut connection is taken up again without progress [default: 5]
    #[arg(long, value_name = "N")]
    pub(crate) retries: Option<u32>,
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

/// `report`.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct ReportArgs {
    /// Folder of the run
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    /// What to write beside the tables: extxyz (ASE), parquet, jsonl (pymatgen), genbench (LeMat-GenBench's properties),
    /// cif (relaxed structures), html (a page to look at); several with commas [default: as in the run]
    #[arg(long, value_name = "FORMAT[,FORMAT…]", value_delimiter = ',')]
    pub(crate) format: Vec<FormatName>,
    /// Write tables as .csv.zst
    #[arg(long)]
    pub(crate) csv_zst: bool,
    /// Search for the space groups of the structures as they were read: 0.3 ms for 8 atoms, 20 ms for 200
    #[arg(long)]
    pub(crate) space_groups: bool,
    /// Reference energies of the elements for formation energies, eV/atom: a CSV or JSON file, genbench, or a run over
    /// crystals of the elements [default: as in the run]
    #[arg(long, value_name = "FILE|RUN|genbench")]
    pub(crate) reference: Option<ReferenceName>,
    /// Table of entries for energies above the hull, of all potentials or of one [default: as in the run]
    #[arg(long, value_name = "[LABEL:]FILE[,energy=COLUMN]", num_args = 1..)]
    pub(crate) hull: Vec<HullName>,
    /// What to do with a hull that says it is of another potential [default: as in the run]
    #[arg(long, value_enum)]
    pub(crate) hull_mismatch: Option<MismatchName>,
}

/// `merge`.
#[derive(Debug, Clone, ClapArgs)]
#[command(after_long_help = "\
All parts have to be there once, finished, of one list and with the same settings. The journals of the parts are copied: \
they are needed no more. The tables are those of one run over the whole list.

Examples:
  mlip-batch run --cifs all.list --model chgnet --part 1/2 --out RUNS
  mlip-batch run --cifs all.list --model chgnet --part 2/2 --out RUNS
  mlip-batch merge RUNS                         # RUNS/report
  mlip-batch merge RUNS/part-* --out WHOLE

Exit codes: 0 done; 1 parts are missing, there twice, foreign or not finished; 2 the command line is wrong.")]
pub(crate) struct MergeArgs {
    /// Folder of the parts, or the folders of their runs
    #[arg(value_name = "RUNS", required = true)]
    pub(crate) runs: Vec<PathBuf>,
    /// Folder of the run that is made [default: the folder of the parts]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// What to write beside the tables, as for `report` [default: as in the parts]
    #[arg(long, value_name = "FORMAT[,FORMAT…]", value_delimiter = ',')]
    pub(crate) format: Vec<FormatName>,
    /// Write tables as .csv.zst
    #[arg(long)]
    pub(crate) csv_zst: bool,
    /// Search for the space groups of the structures as they were read
    #[arg(long)]
    pub(crate) space_groups: bool,
}

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

/// `hull`.
#[derive(Debug, Clone, ClapArgs)]
#[command(after_long_help = "\
Tables are .csv, .jsonl, .ndjson (also with .gz) or .parquet, with the columns material_id, composition \
(or species_at_sites) and an energy. Rows without energy are left out. One file may be both tables. Entries and queries \
must come from the same potential; energies are compared as they are.

Examples:
  mlip-batch hull --entries lemat_orb.parquet --query new.csv --out stability.csv
  mlip-batch hull --entries mp20.csv --query mp20.csv --energy mace_energy_ev --out mace.csv
  mlip-batch hull --entries orb.csv.gz --query new.csv --reference genbench --out orb.csv

Exit codes: 0 done, rows that failed say why in the column `error`; 1 a table cannot be read or written; 2 the command \
line is wrong; 3 with --strict: done, and rows failed; 4 no row has an answer.")]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct HullArgs {
    #[command(subcommand)]
    pub(crate) command: Option<HullCommand>,
    #[command(flatten)]
    pub(crate) query: Option<HullQueryArgs>,
}

/// What else there is to do with hulls.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum HullCommand {
    /// Make a table of entries from runs over a reference set
    Build(HullBuildArgs),
}

/// `hull build`.
#[derive(Debug, Clone, ClapArgs)]
#[command(after_long_help = "\
The energies are those of the structures as they were read, or where the runs relaxed, those of the relaxations that \
converged. All runs must have the same potential, settings and calculation. The table says which: `run --hull` refuses \
it for another potential.

Examples:
  mlip-batch hull build RUN --out hull.csv
  mlip-batch hull build part-1 part-2 --label orb --out orb.parquet")]
pub(crate) struct HullBuildArgs {
    /// Folders of finished runs
    #[arg(value_name = "RUN", required = true)]
    pub(crate) runs: Vec<PathBuf>,
    /// Potential whose energies are taken; needed where a run has several
    #[arg(long, value_name = "LABEL")]
    pub(crate) label: Option<String>,
    /// Table that is written: .csv, .csv.gz or .parquet
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// Energies above the hull of a table.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct HullQueryArgs {
    /// Table of the entries that span the hull
    #[arg(long, value_name = "FILE")]
    pub(crate) entries: PathBuf,
    /// Table of what is asked for
    #[arg(long, value_name = "FILE")]
    pub(crate) query: PathBuf,
    /// Column of the total energy of the cell in both tables, eV
    #[arg(long, value_name = "COLUMN", default_value = "energy")]
    pub(crate) energy: String,
    /// Reference energies of the elements for the formation energy, eV/atom: a CSV or JSON file, or genbench [default: the
    /// elements among the entries]
    #[arg(long, value_name = "FILE|genbench")]
    pub(crate) reference: Option<String>,
    /// CSV that is written: material_id, e_above_hull_ev_per_atom, formation_energy_ev_per_atom, decomposition, error
    #[arg(long, value_name = "TABLE.csv")]
    pub(crate) out: PathBuf,
    /// Exit with 3 if a row has no answer
    #[arg(long)]
    pub(crate) strict: bool,
    /// What to do with tables that say that they are of different potentials: nothing, or go on with a warning
    #[arg(long, value_enum, default_value = "refuse")]
    pub(crate) hull_mismatch: MismatchName,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_flags_are_what_clap_allows() {
        Args::command().debug_assert();
    }
}

//! What looks at folders of runs.

use crate::formats::FormatName;
use crate::stability::{HullName, ReferenceName};
use crate::values::{MismatchName, Seconds};
use clap::Args as ClapArgs;
use std::path::PathBuf;

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

/// `report`.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct ReportArgs {
    /// Folder of the run
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    /// What to write beside the tables: extxyz (ASE), parquet, jsonl (pymatgen), ase-db (ASE's database), genbench
    /// (LeMat-GenBench's properties), cif (relaxed structures), html (a page to look at); several with commas [default: as in the run]
    #[arg(long, value_name = "FORMAT[,FORMAT…]", value_delimiter = ',')]
    pub(crate) format: Vec<FormatName>,
    /// Write tables as .csv.zst
    #[arg(long)]
    pub(crate) csv_zst: bool,
    /// Search for the space groups of the structures as they were read: it takes as long as a fast potential
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

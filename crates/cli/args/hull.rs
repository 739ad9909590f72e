//! What is measured against a hull.

use crate::values::MismatchName;
use clap::{Args as ClapArgs, Subcommand};
use std::path::PathBuf;

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

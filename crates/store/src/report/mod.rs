//! The CSVs of a run.
//!
//! Module order: `potential`, `format`, `given` ← `pairing`, `row`, `columns` ← `csv_rows` ← `table`, `statistics`, `stability` ← `plan`, `extended_xyz`, `pymatgen`, `plot` ← one file per table or document, `curves`, `convergence`, `stability_plot`, `embeddings`, `database_rows` ← `documents`, `array_file`, `parquet_file`, `database_file`, `source` ← `batch` ← `run_json` ← `page` ← `makers`, `writer` ← `in_order` ← `assemble`.

mod array_file;
mod assemble;
mod batch;
mod cif_archive;
mod columns;
mod convergence;
mod csv_rows;
mod curves;
mod database_file;
mod database_rows;
mod documents;
mod embeddings;
mod energies;
mod energy_volume;
mod ensemble;
mod equation_of_state;
mod extended_xyz;
mod failures;
mod forces;
mod forces_ensemble;
mod format;
mod genbench;
mod given;
mod in_order;
mod makers;
mod memory;
mod page;
mod pairing;
mod parquet_file;
mod plan;
mod plot;
mod potential;
mod pymatgen;
mod relaxation;
mod relaxed_structures;
mod row;
mod run_json;
mod sites;
mod source;
mod stability;
mod stability_plot;
mod stability_table;
mod statistics;
mod structure_frames;
mod structure_lines;
mod structures_table;
mod table;
mod timings;
mod trajectories;
mod warnings;
mod writer;

#[cfg(test)]
mod tests;

pub use assemble::{TableJobs, report_from_journals};
pub use batch::{TableJob, TableRows, Tabulator};
pub use format::{ReportFormat, UnknownFormat};
pub use given::ReadAgain;
pub use in_order::RowsInOrder;
pub use makers::RowMakers;
pub use plan::{ReportOptions, ReportPlan};
pub use potential::LabeledPotential;
pub use run_json::{AttemptJson, PotentialJson, Provenance, ReportCounts, RunJson};
pub use source::{FramesByEntry, JournalSurveys};
pub use stability::{ElementRun, HullMismatch, HullSource, ReferenceSource, StabilitySources};
pub use table::TableReader;
pub use writer::{ReportWriter, WrittenReport};

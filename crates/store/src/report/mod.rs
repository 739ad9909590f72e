//! The CSVs of a run.
//!
//! Module order: `potential` ← `pairing`, `row` ← `table`, `statistics`, `stability` ← `plan` ← one file per table, `plot` ← `curves`, `convergence`, `stability_plot`, `embeddings` ← `array_file`, `source` ← `batch` ← `run_json` ← `writer` ← `assemble`.

mod array_file;
mod assemble;
mod batch;
mod convergence;
mod curves;
mod embeddings;
mod energies;
mod energy_volume;
mod ensemble;
mod equation_of_state;
mod failures;
mod forces;
mod forces_ensemble;
mod memory;
mod pairing;
mod plan;
mod plot;
mod potential;
mod relaxation;
mod relaxed_structures;
mod row;
mod run_json;
mod source;
mod stability;
mod stability_plot;
mod stability_table;
mod statistics;
mod table;
mod timings;
mod warnings;
mod writer;

#[cfg(test)]
mod tests;

pub use assemble::{TableJobs, report_from_journals};
pub use batch::{TableJob, TableRows, Tabulator};
pub use plan::{ReportOptions, ReportPlan};
pub use potential::LabeledPotential;
pub use run_json::{AttemptJson, PotentialJson, Provenance, ReportCounts, RunJson};
pub use source::JournalSurveys;
pub use stability::{ElementRun, HullMismatch, HullSource, ReferenceSource, StabilitySources};
pub use table::TableReader;
pub use writer::{ReportWriter, WrittenReport};

//! The CSVs of a run.
//!
//! Module order: `potential`, `row`, `table`, `statistics` ← one file a table ← `source` ← `batch` ← `run_json` ← `writer` ← `assemble`.

mod assemble;
mod batch;
mod energies;
mod ensemble;
mod failures;
mod forces;
mod forces_ensemble;
mod memory;
mod potential;
mod row;
mod run_json;
mod source;
mod statistics;
mod table;
mod timings;
mod warnings;
mod writer;

#[cfg(test)]
mod tests;

pub use assemble::{ReportPlan, TableJobs, report_from_journals};
pub use batch::{TableJob, TableRows, tabulate};
pub use potential::LabeledPotential;
pub use run_json::{AttemptJson, PotentialJson, Provenance, ReportCounts, RunJson};
pub use source::JournalSurveys;
pub use writer::{ReportOptions, ReportWriter, WrittenReport};

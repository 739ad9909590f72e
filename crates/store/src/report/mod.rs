//! The CSVs of a run.
//!
//! Module order: `table`, `statistics` ← one file a table ← `summary` ← `writer` ← `source` ← `assemble`.

mod assemble;
mod energies;
mod ensemble;
mod failures;
mod forces;
mod forces_ensemble;
mod memory;
mod run_json;
mod source;
mod statistics;
mod table;
mod timings;
mod warnings;
mod writer;

#[cfg(test)]
mod tests;

pub use assemble::{ReportPlan, report_from_journals, write_entries};
pub use run_json::{AttemptJson, Provenance, ReportCounts, RunJson};
pub use source::{Fetched, JournalRecords, JournalSurveys, RecordSource, SurveySource};
pub use writer::{EntryRow, ReportOptions, ReportWriter};

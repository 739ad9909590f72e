//! What the journals of a run amount to: which tasks have a result, which were fatal, where all of it lies.
//!
//! Module order: `entry` ← `summary` ← `policy`, `account` ← `builder`.

mod account;
mod builder;
mod entry;
mod policy;
mod summary;

#[cfg(test)]
mod tests;

pub use account::JournalAccount;
pub use builder::LedgerBuilder;
pub use entry::{LedgerEntry, Location, RecordStatus};
pub use policy::{CrashPolicy, RetryFailed, TaskState};
pub use summary::{Deaths, JournalSummary, Ledger, RankSample, SurveyFrame};

//! What the journals of a run amount to: which tasks have a result, which were fatal, where all of it lies.
//!
//! Module order: `entry` ← `part` ← `account` ← `scan` ← `summary` ← `policy`.

mod account;
mod entry;
mod part;
mod policy;
mod scan;
mod summary;

#[cfg(test)]
mod tests;

pub use account::JournalAccount;
pub(crate) use entry::bytes_at;
pub use entry::{LedgerEntry, RecordStatus, Recorded};
pub use part::{AnsweredFrame, Deaths, JournalSummary, LedgerPart, RankSample, SurveyFrame};
pub use policy::{CrashPolicy, RetryFailed, TaskState};
pub use scan::scan_journal;
pub use summary::Ledger;

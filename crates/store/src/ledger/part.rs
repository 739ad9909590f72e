//! What a ledger is made of.

use super::LedgerEntry;
use crate::{Location, MemorySample, Tail, TaskKey};
use serde::{Deserialize, Serialize};

/// A part of what journals amount to. Ranks send it to each other; a [`super::Ledger`] takes in parts in any order, and
/// any of them twice, with the same result.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LedgerPart {
    pub(super) entries: Vec<LedgerEntry>,
    pub(super) deaths: Vec<Death>,
    pub(super) answers: Vec<AnsweredFrame>,
    pub(super) surveys: Vec<SurveyFrame>,
    pub(super) samples: Vec<RankSample>,
    pub(super) journals: Vec<JournalSummary>,
}

impl LedgerPart {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A task that was in flight when its process died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Death {
    pub(super) key: TaskKey,
    pub(super) attempt: u32,
    pub(super) rank: u32,
    pub(super) alone: bool,
}

/// How often a task was in flight when its process died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deaths {
    /// Processes that died.
    pub total: u32,
    /// Those in which nothing else was in flight.
    pub alone: u32,
}

/// An `Answered` frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnsweredFrame {
    /// The task.
    pub key: TaskKey,
    /// Where it lies.
    pub location: Location,
}

/// A `Surveyed` frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SurveyFrame {
    /// Smallest entry in it.
    pub first: u64,
    /// Largest entry in it.
    pub last: u64,
    /// Where it lies.
    pub location: Location,
}

/// A memory sample and the journal it stands in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RankSample {
    /// Where it lies: attempt and rank are those of the sample.
    pub location: Location,
    /// The sample.
    pub sample: MemorySample,
}

/// One journal at a glance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JournalSummary {
    /// Launch of the run.
    pub attempt: u32,
    /// Rank in that launch.
    pub rank: u32,
    /// Ranks of that launch; 0 when the header is damaged.
    pub n_ranks: u32,
    /// Host; empty when the header is damaged.
    pub host: String,
    /// When the attempt began, seconds since 1970; 0 when the header is damaged.
    pub started_unix_s: u64,
    /// Time of the last memory sample, seconds since the attempt began.
    pub last_time_s: f64,
    /// Largest resident set noted, bytes.
    pub peak_bytes: u64,
    /// Records in it.
    pub n_records: u64,
    /// Whether the rank left in good order.
    pub closed: bool,
    /// How the file ends.
    pub tail: Tail,
}

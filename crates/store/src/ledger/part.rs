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
    pub(super) structures: Vec<SurveyFrame>,
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
    /// Tasks in flight in the process, this one among them.
    pub(super) company: u32,
    /// Whether nothing else was done on the rank.
    pub(super) alone: bool,
    /// Whether memory ran out while it was in flight.
    pub(super) pressed: bool,
    /// Whether a signal named it as the cause.
    pub(super) named: bool,
}

/// How often a task was in flight when processes died, and what that says of it. Deaths that have another explanation
/// (another rank of the attempt crashed, the rank had been asked to end) are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deaths {
    /// A fatal signal named it.
    pub named: u32,
    /// Nothing else was in flight in what died, and there is a sign that the system killed it for want of memory.
    pub out_of_memory: u32,
    /// Nothing else was in flight in what died, and nothing says why: as when a job is killed from outside.
    pub silent: u32,
    /// Others were in flight in what died.
    pub shared: u32,
    /// The fewest tasks that were in flight in one of these shared deaths, this one among them; 0 without any.
    pub company: u32,
}

impl Deaths {
    /// Processes that died and may have died of it alone.
    pub fn own(&self) -> u32 {
        self.named + self.out_of_memory + self.silent
    }
}

/// An `Answered` frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnsweredFrame {
    /// The task.
    pub key: TaskKey,
    /// Where it lies.
    pub location: Location,
}

/// A `Surveyed` or a `Structures` frame.
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

/// How a counter of [`MemoryKills`](crate::MemoryKills) stood in a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedKills {
    /// Names the counter.
    pub place: String,
    /// When the rank began.
    pub first: u64,
    /// When it last looked.
    pub last: u64,
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
    /// Whether the rank was asked to end.
    pub draining: bool,
    /// Whether it died of a signal that it brought on itself.
    pub crashed: bool,
    /// Evaluations in flight when it died.
    pub in_flight: u32,
    /// Processes that the system has killed for want of memory where the rank lived, if that is counted.
    pub memory_kills: Option<CountedKills>,
    /// How the file ends.
    pub tail: Tail,
}

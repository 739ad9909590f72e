//! The ledger of a run.

use super::{LedgerEntry, Location};
use crate::{MemorySample, Tail, TaskKey};
use serde::{Deserialize, Serialize};

/// What all journals of a run amount to, or those that one rank scanned.
///
/// It is merged by [`super::LedgerBuilder`], in any order with the same result; ranks send it to each other.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// By key, each once.
    pub(super) entries: Vec<LedgerEntry>,
    /// In order, each once.
    pub(super) deaths: Vec<Death>,
    /// In order of location.
    pub(super) surveys: Vec<SurveyFrame>,
    /// In order of location.
    pub(super) samples: Vec<RankSample>,
    /// In order of attempt and rank.
    pub(super) journals: Vec<JournalSummary>,
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

impl Ledger {
    /// The record that counts for a task.
    pub fn get(&self, key: &TaskKey) -> Option<&LedgerEntry> {
        self.entries.binary_search_by(|entry| entry.key().cmp(key)).ok().and_then(|position| self.entries.get(position))
    }

    /// The records that count, by key.
    pub fn entries(&self) -> &[LedgerEntry] {
        &self.entries
    }

    /// Deaths of a task in all attempts.
    pub fn deaths(&self, key: &TaskKey) -> Deaths {
        self.deaths_after(key, 0)
    }

    pub(super) fn deaths_after(&self, key: &TaskKey, attempt: u32) -> Deaths {
        let begin = self.deaths.partition_point(|death| death.key < *key);
        let mut deaths = Deaths::default();
        for death in self.deaths[begin..].iter().take_while(|death| death.key == *key) {
            if death.attempt > attempt {
                deaths.total += 1;
                deaths.alone += u32::from(death.alone);
            }
        }
        deaths
    }

    /// `Surveyed` frames, in order of attempt, rank and place: of two that hold the same entry the later counts.
    pub fn surveys(&self) -> &[SurveyFrame] {
        &self.surveys
    }

    /// Memory samples, in order of attempt, rank and time: 90 bytes each.
    pub fn samples(&self) -> &[RankSample] {
        &self.samples
    }

    /// Host of a rank in an attempt; empty when unknown.
    pub fn host(&self, attempt: u32, rank: u32) -> &str {
        let found = self.journals.binary_search_by_key(&(attempt, rank), |journal| (journal.attempt, journal.rank));
        found.ok().and_then(|position| self.journals.get(position)).map_or("", |journal| &journal.host)
    }

    /// The journals, in order of attempt and rank.
    pub fn journals(&self) -> &[JournalSummary] {
        &self.journals
    }

    /// Seconds that all attempts took together, as far as memory samples tell.
    pub fn wall_s(&self) -> f64 {
        let mut total = 0.0;
        for attempt in self.journals.chunk_by(|a, b| a.attempt == b.attempt) {
            total += attempt.iter().map(|journal| journal.last_time_s).fold(0.0, f64::max);
        }
        total
    }

    /// The journals alone, without what is in them: enough to read records at places that others know.
    pub fn journals_only(&self) -> Self {
        Self { journals: self.journals.clone(), ..Self::default() }
    }
}

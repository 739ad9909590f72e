//! One task that has a record.

use crate::{FrameRef, RecordHead, TaskKey};
use mlip_tasks::FailureKind;
use serde::{Deserialize, Serialize};
use std::cmp::{Ordering, Reverse};

/// Where a frame lies among all journals of a run. Means the same on every rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Location {
    /// Launch of the run.
    pub attempt: u32,
    /// Rank in that launch.
    pub rank: u32,
    /// Place in that rank's journal.
    pub place: FrameRef,
}

/// Result, or class of failure, in one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecordStatus(u8);

impl RecordStatus {
    /// A result.
    pub const DONE: Self = Self(0);

    /// Of a record whose failure is this, if it failed.
    pub fn of(failure: Option<&FailureKind>) -> Self {
        Self(match failure {
            None => 0,
            Some(FailureKind::Unreadable) => 1,
            Some(FailureKind::Cif(_)) => 2,
            Some(FailureKind::UnsupportedSpecies) => 3,
            Some(FailureKind::IsolatedAtom) => 4,
            Some(FailureKind::Timeout) => 5,
            Some(FailureKind::TooLarge) => 6,
            Some(FailureKind::NotFinite) => 7,
            Some(FailureKind::Crashed) => 8,
            Some(_) => 9,
        })
    }

    /// Whether there is a result.
    pub fn is_done(self) -> bool {
        self == Self::DONE
    }

    /// The class of the failure; a reader's class appears as `Cif("cif")`.
    pub fn failure(self) -> Option<FailureKind> {
        Some(match self.0 {
            0 => return None,
            1 => FailureKind::Unreadable,
            2 => FailureKind::Cif("cif".to_owned()),
            3 => FailureKind::UnsupportedSpecies,
            4 => FailureKind::IsolatedAtom,
            5 => FailureKind::Timeout,
            6 => FailureKind::TooLarge,
            7 => FailureKind::NotFinite,
            8 => FailureKind::Crashed,
            _ => FailureKind::Internal,
        })
    }
}

/// The record that counts for a task: 40 bytes, so ten million tasks take 400 MB on rank 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    key: TaskKey,
    offset: u64,
    attempt: u32,
    rank: u32,
    len: u32,
    attempts: u16,
    status: RecordStatus,
}

impl LedgerEntry {
    /// Of a record at this place.
    pub fn new(head: &RecordHead, location: Location) -> Self {
        Self {
            key: head.key,
            offset: location.place.offset,
            attempt: location.attempt,
            rank: location.rank,
            len: location.place.len,
            attempts: u16::try_from(head.attempts).unwrap_or(u16::MAX),
            status: RecordStatus::of(head.failure.as_ref()),
        }
    }

    /// The task.
    pub fn key(&self) -> TaskKey {
        self.key
    }

    /// Where its record lies.
    pub fn location(&self) -> Location {
        let place = FrameRef { offset: self.offset, len: self.len };
        Location { attempt: self.attempt, rank: self.rank, place }
    }

    /// See [`crate::Record::attempts`]; 65535 stands for that many and more.
    pub fn attempts(&self) -> u32 {
        self.attempts.into()
    }

    /// Result, or class of failure.
    pub fn status(&self) -> RecordStatus {
        self.status
    }

    /// By key; among records of one key the one that counts is least:
    /// the first result, or without a result the first failure of the latest attempt that has one.
    pub(super) fn precedence(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key).then_with(|| other.status.is_done().cmp(&self.status.is_done())).then_with(|| {
            if self.status.is_done() {
                self.location().cmp(&other.location())
            } else {
                let newest_first = |entry: &Self| (Reverse(entry.attempt), entry.rank, entry.offset);
                newest_first(self).cmp(&newest_first(other))
            }
        })
    }
}

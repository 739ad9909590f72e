//! Records, and where they lie.

use crate::{FrameRef, Location, RecordHead, TaskKey};
use mlip_atoms::FailureKind;
use mlip_spill::Value;
use serde::{Deserialize, Serialize};
use std::cmp::{Ordering, Reverse};

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

/// A record of a task, wherever it lies: 24 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    offset: u64,
    attempt: u32,
    rank: u32,
    len: u32,
    attempts: u16,
    status: RecordStatus,
}

/// A record and its task, as ranks send it to each other: 40 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The task.
    pub key: TaskKey,
    /// Its record.
    pub recorded: Recorded,
}

impl LedgerEntry {
    /// Of a record at this place.
    pub fn new(head: &RecordHead, location: Location) -> Self {
        let recorded = Recorded {
            offset: location.place.offset,
            attempt: location.attempt,
            rank: location.rank,
            len: location.place.len,
            attempts: u16::try_from(head.attempts).unwrap_or(u16::MAX),
            status: RecordStatus::of(head.failure.as_ref()),
        };
        Self { key: head.key, recorded }
    }
}

impl Recorded {
    /// Where it lies.
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
}

/// Among records of one task the one that counts is least: the first result, or without a result the first failure of
/// the latest attempt that has one.
impl Ord for Recorded {
    fn cmp(&self, other: &Self) -> Ordering {
        let order = other.status.is_done().cmp(&self.status.is_done()).then_with(|| {
            if self.status.is_done() {
                self.location().cmp(&other.location())
            } else {
                let newest_first = |record: &Self| (Reverse(record.attempt), record.rank, record.offset);
                newest_first(self).cmp(&newest_first(other))
            }
        });
        // At one place there is one record.
        order.then_with(|| (self.len, self.attempts, self.status).cmp(&(other.len, other.attempts, other.status)))
    }
}

impl PartialOrd for Recorded {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Value for Recorded {
    const BYTES: usize = 23;

    fn write(&self, bytes: &mut [u8]) {
        bytes[..8].copy_from_slice(&self.offset.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.attempt.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.rank.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.len.to_le_bytes());
        bytes[20..22].copy_from_slice(&self.attempts.to_le_bytes());
        bytes[22] = self.status.0;
    }

    fn read(bytes: &[u8]) -> Self {
        Self {
            offset: u64::from_le_bytes(bytes_at(bytes, 0)),
            attempt: u32::from_le_bytes(bytes_at(bytes, 8)),
            rank: u32::from_le_bytes(bytes_at(bytes, 12)),
            len: u32::from_le_bytes(bytes_at(bytes, 16)),
            attempts: u16::from_le_bytes(bytes_at(bytes, 20)),
            status: RecordStatus(bytes[22]),
        }
    }
}

/// `N` bytes from a place.
pub(crate) fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&bytes[at..at + N]);
    part
}

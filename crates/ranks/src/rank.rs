//! Numbers of processes.

use std::fmt;

/// Number of a process in its run, from 0. Rank 0 coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rank(pub u32);

impl Rank {
    /// The coordinator.
    pub const ROOT: Self = Self(0);

    /// As an index into lists with one element a rank.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The rank with this index in such a list.
    ///
    /// Runs have far fewer than 2^32 ranks; a larger index saturates.
    pub fn from_index(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }
}

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

//! Places in the journals of a run.

use super::FrameRef;
use serde::{Deserialize, Serialize};

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

//! What a journal holds.

use crate::{Record, StructureDigest, SurveyedStructures, TaskKey};
use mlip_atoms::{Failure, Prediction};
use serde::{Deserialize, Serialize};

/// One entry of a journal.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// What entries of the input list turned out to be. The latest attempt wins.
    Surveyed(Vec<SurveyedEntry>),
    /// The structures among them. One of an entry counts where its digest is that of the survey.
    Structures(SurveyedStructures),
    /// An evaluation begins.
    Started {
        /// Which.
        key: TaskKey,
        /// Whether nothing else was in flight on this rank (a second chance for a suspect).
        alone: bool,
    },
    /// The process dies of a signal that it brought on itself: written by the handler of that signal.
    Fatal {
        /// The evaluation of the thread that died; `None` where it evaluated nothing, or several at once.
        key: Option<TaskKey>,
        /// Number of the signal.
        signal: u8,
    },
    /// The rank was asked to end: it outlived whatever ends the attempt.
    Draining,
    /// Answers to questions of a calculation that is not at its end: a resumed run asks for them no more.
    ///
    /// Whoever dies behind this frame died of what came later: the task starts with a clean slate.
    Answered(Answers),
    /// An evaluation ended.
    Finished(Record),
    /// Memory of the rank at a moment.
    Memory(MemorySample),
    /// How many processes the system has killed where this rank lives: at its beginning, and again where that changed.
    MemoryKills(MemoryKills),
    /// The process holds nearly all of its share of a memory that is nearly full: what is in flight may be what it is killed
    /// for.
    Pressed {
        /// What it holds.
        resident_bytes: u64,
        /// Its share.
        limit_bytes: u64,
    },
    /// The rank left in good order.
    Closed,
}

/// Processes that the system has killed for want of memory, of some that share a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryKills {
    /// Names the counter: that of a control group, or of a machine, since it was started.
    pub place: String,
    /// What it says.
    pub kills: u64,
}

/// Answers that a task had so far, since the last such frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Answers {
    /// The task.
    pub key: TaskKey,
    /// Time that they took, seconds.
    pub spent_s: f32,
    /// Number of each question within its workflow, and the answer; in the order in which they came.
    pub answers: Vec<(u32, Prediction)>,
}

/// An entry of the input list after it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SurveyedEntry {
    /// Position in the input list, from 0.
    pub entry: u64,
    /// Structure or failure.
    pub state: EntryState,
}

/// Class of the warning that a structure carries a charge or spin that not all potentials use.
pub const CHARGE_UNUSED: &str = "charge_unused";

/// Class of the warning that a potential computes a structure with a spin that its electrons cannot have.
pub const SPIN_IMPOSSIBLE: &str = "spin_impossible";

/// What an entry turned out to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryState {
    /// A structure.
    Structure {
        /// Its digest.
        digest: StructureDigest,
        /// Atoms in the cell.
        n_atoms: u32,
        /// The reader's warnings: (class, sentence).
        warnings: Vec<(String, String)>,
    },
    /// Nothing to compute, and why.
    Failed(Failure),
}

/// Memory of one rank at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemorySample {
    /// Seconds since the attempt began.
    pub time_s: f64,
    /// Resident set, bytes.
    pub resident_bytes: u64,
    /// Largest resident set so far, bytes.
    pub peak_bytes: u64,
    /// Weights of all potentials, bytes.
    pub weight_bytes: u64,
    /// Resident bytes that belong to the process alone, that it shares, and its proportional part of all, where known.
    pub sharing: Option<[u64; 3]>,
    /// Structures that were read ahead, bytes.
    pub held_bytes: u64,
    /// What evaluations in flight may take, bytes.
    pub promised_bytes: u64,
    /// Evaluations in flight.
    pub in_flight: u32,
    /// Evaluations finished by this rank in this attempt.
    pub finished: u64,
    /// Sum of their wall times, seconds.
    pub busy_s: f64,
}

//! What ranks say to each other. Encoded with postcard; all ranks run the same program.

use crate::budget::{Machine, Share};
use mlip_inputs::Locator;
use mlip_ranks::{Channel, Communicator, Rank};
use mlip_store::cache::CachePlace;
use mlip_store::journal::KeptEntry;
use mlip_store::report::{TableJob, TableRows};
use mlip_store::{LedgerPart, Location, StructureDigest, TaskKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// First words of every rank, gathered by the root.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) machine: Machine,
    /// Why it cannot take part.
    pub(crate) trouble: Option<String>,
    /// What it found worth a warning in the results of other runs.
    pub(crate) remarks: Vec<String>,
}

/// The root's answer: the share of each rank, or why the run cannot begin.
pub(crate) type Welcome = Result<Vec<Share>, String>;

/// An entry to be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ToRead {
    pub(crate) entry: u64,
    pub(crate) locator: Locator,
    /// Where journals of earlier attempts hold it already.
    pub(crate) kept: Option<KeptEntry>,
}

/// What to do with one potential of a structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Treatment {
    /// Evaluate it; it ended (and failed) so often before.
    Evaluate { ended_before: u32 },
    /// Record it as crashed without another evaluation.
    Quarantine { deaths: u32, is_guilty: bool },
    /// Take the result of another run; evaluate it if that cannot be had.
    Take { place: CachePlace, ended_before: u32 },
}

/// One potential of a structure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) potential: u16,
    pub(crate) treatment: Treatment,
    /// Time that the potential predicts, seconds.
    pub(crate) predicted: Predicted,
    /// Where the answers lie that earlier attempts have had.
    pub(crate) answers: Vec<Location>,
}

/// Time that a potential predicts for a structure, seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Predicted {
    /// Of the evaluation.
    pub(crate) evaluation: f32,
    /// Of what must be prepared for it; zero where another structure has seen to it.
    pub(crate) preparation: f32,
}

impl Predicted {
    pub(crate) fn total(self) -> f64 {
        f64::from(self.evaluation) + f64::from(self.preparation)
    }
}

/// A structure with what is to be done for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Assignment {
    pub(crate) entry: u64,
    pub(crate) locator: Locator,
    /// Where journals of earlier attempts hold it.
    pub(crate) kept: Option<KeptEntry>,
    /// What the survey read; a file that reads differently now was changed meanwhile.
    pub(crate) digest: StructureDigest,
    pub(crate) cost: f32,
    pub(crate) work: Vec<Work>,
    /// Whether nothing else is in flight in the whole run.
    pub(crate) alone: bool,
}

/// From the root to a rank.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Read these entries.
    Read(Vec<ToRead>),
    /// Compute these structures, in this order.
    Compute(Vec<Assignment>),
    /// Begin nothing more; finish what is in flight, but not for longer than the drain limit.
    Drain,
    /// Nothing is left: close the journal, and report the rest of what is in it.
    Close,
    /// Make the rows of this job, which has this number.
    Tabulate(u64, TableJob),
    /// The end.
    Leave(End),
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// Everything is computed and reported.
    Complete,
    /// A signal came: the rest is left for `resume`.
    Drained,
    /// More failed than may: the rest was left, and what there is was reported.
    TooManyFailures,
    /// A rank could not go on.
    Failed,
}

/// What a surveyed entry turned out to be, as the plan needs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) entry: u64,
    /// `None` for an entry that failed.
    pub(crate) structure: Option<Seen>,
}

/// What the plan needs to know of a structure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) digest: StructureDigest,
    /// By potential.
    pub(crate) predicted: Vec<Predicted>,
    /// The same for structures that share their preparations.
    pub(crate) group: Option<u64>,
}

/// How far a rank is: totals of this attempt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Structures that are done with.
    pub(crate) structures: u64,
    /// Sum of their predicted costs, seconds.
    pub(crate) cost: f64,
    /// Evaluations that ended.
    pub(crate) finished: u64,
    /// Evaluations among them that failed.
    pub(crate) failed: u64,
    /// Results among them that were taken from the cache.
    pub(crate) cached: u64,
    /// Evaluations in flight, or structures that were begun, whichever are more.
    pub(crate) in_flight: u32,
    /// Structures that its cards want under way; zero where there are none, or cores have a part of the work.
    pub(crate) wanted: u32,
    /// Sum of wall times, seconds.
    pub(crate) busy_s: f64,
    /// Resident set at the last look, bytes.
    pub(crate) resident_bytes: u64,
    /// Largest resident set so far, bytes.
    pub(crate) peak_bytes: u64,
}

/// What evaluations should have taken and what they took, seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Times {
    pub(crate) predicted_s: f64,
    pub(crate) measured_s: f64,
}

/// From a rank to the root.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Report {
    /// Entries that were read: one answer an entry of one order.
    Read(Vec<Answer>),
    /// Structures were done with.
    Progress(Tally),
    /// By potential: sums of predicted and of measured times of this attempt, seconds.
    Times(Vec<Times>),
    /// Something that people should know, and that changes no result.
    Remark(String),
    /// A signal asks for the end.
    Signal,
    /// The rank cannot go on.
    Broken(String),
    /// What journals amount to: parts of earlier ones at first, later what the rank has written into its own.
    Noted(LedgerPart),
    /// Results of other runs.
    Cached(Vec<(TaskKey, CachePlace)>),
    /// All journals of earlier attempts and all results of other runs that this rank reads were reported.
    Scanned,
    /// Closed: last totals, and the rest of the own journal or why it could not be closed.
    Closed(Tally, Result<LedgerPart, String>),
    /// Answer to [`Order::Tabulate`], with its number.
    Tabulated(u64, Result<TableRows, String>),
}

/// All that travels on the work channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Message {
    /// To a rank.
    Order(Order),
    /// To the root.
    Report(Report),
}

/// A message that cannot be read: ranks of different builds.
#[derive(Debug, Error)]
#[error("a message between ranks cannot be {action}; do all ranks run the same build of mlip-batch?")]
pub struct ProtocolError {
    action: &'static str,
    source: postcard::Error,
}

/// Bytes of a message.
pub(crate) fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, ProtocolError> {
    postcard::to_stdvec(message).map_err(|source| ProtocolError { action: "encoded", source })
}

/// Sends a report to the root.
pub(crate) fn send_report(ranks: &mut dyn Communicator, report: Report) -> Result<(), ProtocolError> {
    let message = encode(&Message::Report(report))?;
    ranks.send(Rank::ROOT, Channel::Work, message);
    Ok(())
}

/// Whether these bytes are a message between ranks: for fuzzers.
#[doc(hidden)]
pub fn is_message(bytes: &[u8]) -> bool {
    decode::<Message>(bytes).is_ok()
}

/// Reads [`encode`].
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ProtocolError> {
    postcard::from_bytes(bytes).map_err(|source| ProtocolError { action: "read", source })
}

//! What happens in an attempt, for whoever started it: a program that shows it, or one that goes on with it.

use crate::budget::ThreadBudget;
use crate::monitor::HostMemory;
use crate::progress::Progress;
use crate::protocol::End;
use mlip_calculations::CalculationConfig;
use mlip_ranks::Rank;
use std::time::Duration;

/// Something that happened. Only the root has events; those of other ranks come to it as messages.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Ranks and threads are there, and work begins.
    AttemptBegan {
        /// Number of the attempt, from 1.
        attempt: u32,
        /// Ranks that take part.
        n_ranks: usize,
        /// Threads of each of them.
        threads: ThreadBudget,
        /// What is done with each structure.
        calculation: CalculationConfig,
    },
    /// The first evaluation of the attempt has ended.
    FirstResult {
        /// Since the attempt began.
        after: Duration,
    },
    /// How far the attempt is; some times a second.
    Progress(Progress),
    /// What ranks hold, by host: every five seconds and at the end, if memory is monitored.
    Memory(Vec<HostMemory>),
    /// Something that people should know.
    Remark(Remark),
    /// A signal came: evaluations in flight are finished, and nothing more is begun.
    Stopping,
    /// All evaluations have ended, and the tables are written.
    ReportBegan,
    /// The attempt is over.
    Finished(End),
}

/// A sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Whether it is about something that is not as it should be.
    pub is_warning: bool,
    /// The rank that it comes from; none where it is about all.
    pub rank: Option<Rank>,
    /// The sentence, without a full stop.
    pub text: String,
}

impl Event {
    /// A sentence about something that is as it should be.
    pub fn note(text: impl Into<String>) -> Self {
        Self::Remark(Remark { is_warning: false, rank: None, text: text.into() })
    }

    /// A sentence about something that is not as it should be, though the run goes on.
    pub fn warning(text: impl Into<String>) -> Self {
        Self::Remark(Remark { is_warning: true, rank: None, text: text.into() })
    }
}

/// Takes events as they come. It is called by the thread that coordinates the run: whoever takes long holds everything up.
pub trait EventSink {
    /// Takes an event.
    fn event(&mut self, event: Event);
}

impl<F: FnMut(Event)> EventSink for F {
    fn event(&mut self, event: Event) {
        self(event);
    }
}

/// Drops every event.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoEvents;

impl EventSink for NoEvents {
    fn event(&mut self, _event: Event) {}
}

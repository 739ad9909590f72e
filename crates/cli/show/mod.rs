//! What people see of a run on stderr.
//!
//! Module order: `duration` ← `progress` ← `messages`.

mod duration;
mod messages;
mod progress;

pub(crate) use messages::Messages;

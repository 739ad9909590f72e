//! What people see of a run on stderr.
//!
//! Module order: `duration`, `terminal` ← `progress`; `whole` ← `messages`.

mod duration;
mod messages;
mod progress;
mod terminal;
mod whole;

pub(crate) use duration::in_words;
pub(crate) use messages::Messages;
pub(crate) use progress::{ProgressKind, counted, line};
pub(crate) use whole::{print_error, say};

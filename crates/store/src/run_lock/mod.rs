//! One process a run: `RUN/run.lock`.
//!
//! The lock is a file that exists, because that is what every cluster file system gets right: it is
//! made by an exclusive create, and its holder shows signs of life by rewriting it
//! ([`RunLock::refresh`], every [`REFRESH_EVERY`]). A lock is *stale*, and taken over, when
//!
//! * its holder ran on this host, in this process namespace, and its process is gone (or its number
//!   belongs to a younger process, or the host was booted since): at once, so that a run resumes right after SIGKILL;
//! * its holder ran elsewhere and gave no sign of life for [`STALE_AFTER`], by the clock of the file
//!   system, not of the hosts;
//! * the caller forces it. The former holder, if alive, finds out at its next refresh and must stop.
//!
//! Of several processes that find the same stale lock exactly one takes it: they compete by an
//! exclusive create of `run.lock.takeover`, and the winner looks again before it replaces the lock.
//!
//! Module order: `holder` ← `lock`.

mod holder;
mod lock;

#[cfg(test)]
mod tests;

pub use holder::{Holder, STALE_AFTER, host_name};
pub use lock::{LockOptions, REFRESH_EVERY, RunLock};

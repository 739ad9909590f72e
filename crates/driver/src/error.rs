//! Why an attempt does not end well.

use crate::protocol::ProtocolError;
use mlip_ranks::Ended;
use mlip_store::StoreError;
use thiserror::Error;

/// Why an attempt ended before its time.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The run folder cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Ranks do not understand each other.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// Something on one of the ranks.
    #[error("{0}")]
    Broken(String),
    /// The root knows of an error, says it and ends the job.
    #[error("another rank could not go on")]
    Elsewhere,
    /// The job ended while this rank waited for others.
    #[error(transparent)]
    Ended(#[from] Ended),
}

/// An error and its causes in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

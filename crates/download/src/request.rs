//! What is asked for, and how long for.

use crate::digest::Sha256Digest;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// What a host wants to see of a user. Not shown by `Debug`, and sent to the host that it is meant for only.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A file that is to be fetched.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where it is.
    pub url: String,
    /// Whether the host knows who may have it.
    pub is_gated: bool,
    /// Who asks.
    pub token: Option<Token>,
    /// Its length, where known.
    pub n_bytes: Option<u64>,
    /// Its digest, where known.
    pub digest: Option<Sha256Digest>,
    /// Where it shall lie.
    pub target: PathBuf,
}

/// When to give up.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// A server that sends nothing for so long is as good as a connection that was cut.
    pub silence: Duration,
    /// Attempts without progress after a connection was cut.
    pub retries: u32,
    /// Time before the first of them; each waits twice as long as the one before.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { silence: Duration::from_secs(60), retries: 5, pause: Duration::from_secs(1) }
    }
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Another process fetches the same file; this one waits for it.
    OtherProcess,
    /// It goes on where an earlier download ended.
    GoesOn {
        /// What is there.
        n_bytes: u64,
    },
    /// So much has come.
    Bytes {
        /// Since the file's begin.
        n_bytes: u64,
        /// Bytes of the whole file, where known.
        total: Option<u64>,
    },
    /// The connection was cut, and is taken up again.
    Again {
        /// Why.
        reason: String,
        /// After this time.
        pause: Duration,
    },
}

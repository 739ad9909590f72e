//! Why a file could not be had. Nothing is left half-written under its name.

use crate::digest::Sha256Digest;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a file could not be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// The address is none.
    #[error("`{0}` is not an http or https address")]
    Address(String),
    /// No connection could be made.
    #[error("{host} cannot be reached: {reason}")]
    Unreachable {
        /// Whose name was looked up, or the proxy.
        host: String,
        /// What the system says.
        reason: String,
    },
    /// The other side is not who it should be.
    #[error("{host} could not prove who it is: {reason}")]
    Certificate {
        /// The other side.
        host: String,
        /// What is wrong.
        reason: String,
    },
    /// The host wants to know who asks, or this user may not have the file.
    #[error("{url} is for users who have agreed to its terms: the host answered {status} {}", if *.with_token { "to this token" } else { "to a request without a token" })]
    Gated {
        /// What was asked for.
        url: String,
        /// 401 or 403.
        status: u16,
        /// Whether a token was sent.
        with_token: bool,
    },
    /// The host refuses.
    #[error("{url} is refused: the host answered {status}")]
    Refused {
        /// What was asked for.
        url: String,
        /// 401 or 403.
        status: u16,
    },
    /// There is no such file.
    #[error("{url} is not there: the host answered {status}")]
    NotThere {
        /// What was asked for.
        url: String,
        /// 404 or 410.
        status: u16,
    },
    /// Another answer than a file.
    #[error("{url} could not be had: the host answered {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// Its number.
        status: u16,
    },
    /// Redirected in a circle, to nowhere, or from https to http.
    #[error("{url} is redirected {problem}")]
    Redirect {
        /// What was asked for.
        url: String,
        /// Where to.
        problem: String,
    },
    /// A page, or part of a file, instead of a checkpoint.
    #[error("{url} gave no checkpoint but {found}")]
    NoCheckpoint {
        /// What was asked for.
        url: String,
        /// What came instead.
        found: String,
    },
    /// Another length than upstream's file.
    #[error("{url} has {found} bytes, upstream's file has {expected}")]
    WrongLength {
        /// What was asked for.
        url: String,
        /// Upstream's length.
        expected: u64,
        /// The length that came, or that the host says.
        found: u64,
    },
    /// Another digest than upstream's file. What came was deleted.
    #[error("what came from {url} is not upstream's file: its SHA-256 is {found}, upstream's is {expected}")]
    WrongDigest {
        /// What was asked for.
        url: String,
        /// Upstream's.
        expected: Sha256Digest,
        /// Of what came.
        found: Sha256Digest,
    },
    /// The connection was cut again and again. What has come is kept.
    #[error("the connection was cut {times} time{} without progress, the last time: {reason}{}", if *.times == 1 { "" } else { "s" }, kept(*.n_bytes, part))]
    Cut {
        /// What happened last.
        reason: String,
        /// How often.
        times: u32,
        /// What has come and can be gone on with.
        n_bytes: u64,
        /// Where it is kept.
        part: PathBuf,
    },
    /// There is no room. Where that was known before anything was written (`free` is), what had come is kept; else it was
    /// deleted.
    #[error("there is no room for it in {}{}", folder.display(), room(*.needed, *.free))]
    NoRoom {
        /// Where it was to lie.
        folder: PathBuf,
        /// What it takes, where known.
        needed: Option<u64>,
        /// What there is, where known.
        free: Option<u64>,
    },
    /// Files may not become so large for this process. What has come was deleted.
    #[error("this process may not write files so large ({} reached the limit of `ulimit -f`)", part.display())]
    FileLimit {
        /// The file that was written.
        part: PathBuf,
    },
    /// A signal came. What has come is kept.
    #[error("interrupted{}", kept(*.n_bytes, part))]
    Interrupted {
        /// What has come and can be gone on with.
        n_bytes: u64,
        /// Where it is kept.
        part: PathBuf,
    },
    /// Locks do not work in this folder.
    #[error("{} cannot be locked, so that two processes could harm each other", part.display())]
    NoLocks {
        /// What was to be locked.
        part: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The folder or a file in it cannot be used.
    #[error("{} cannot be {action}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

fn kept(n_bytes: u64, part: &Path) -> String {
    if n_bytes == 0 { String::new() } else { format!("; {n_bytes} bytes are kept in {}", part.display()) }
}

fn room(needed: Option<u64>, free: Option<u64>) -> String {
    match (needed, free) {
        (Some(needed), Some(free)) => format!(": it takes {needed} bytes, {free} are free"),
        (Some(needed), None) => format!(": it takes {needed} bytes"),
        _ => String::new(),
    }
}

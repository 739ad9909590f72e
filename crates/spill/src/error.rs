//! What can go wrong on disk.

use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A file cannot be used.
#[derive(Debug, Error)]
#[error("cannot {action} what is kept on disk, in `{}`; is there room, and is the folder writable?", place.display())]
pub struct SpillError {
    action: &'static str,
    place: PathBuf,
    source: io::Error,
}

impl SpillError {
    /// For `map_err`: what was tried on a file, or on one without a name in a folder.
    pub(crate) fn new(action: &'static str, place: &Path) -> impl FnOnce(io::Error) -> Self {
        let place = place.to_owned();
        move |source| Self { action, place, source }
    }

    /// The reason of the operating system.
    pub fn io(&self) -> &io::Error {
        &self.source
    }
}

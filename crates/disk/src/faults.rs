//! What a test does to calls.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Opens what is there.
    Open,
    /// Opens what is written to, and may make it.
    Create,
    /// Reads some bytes.
    Read,
    /// Writes this number of bytes.
    Write(usize),
    /// Changes the length.
    Truncate,
    /// Makes bytes or names durable.
    Sync,
    /// Gives another name.
    Rename,
    /// Gives a second name.
    Link,
    /// Takes a name away.
    Remove,
    /// Makes folders.
    Folder,
    /// Lists a folder.
    List,
    /// Asks what is known of a file.
    Look,
}

/// A call that is about to be made.
#[derive(Debug, Clone, Copy)]
pub struct Operation<'a> {
    /// What it does.
    pub action: Action,
    /// To what.
    pub path: &'a Path,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is made.
    Go,
    /// It fails with this number of an error, and does nothing.
    Fail(i32),
    /// Of a write: no more than this number of bytes is written, at least one, as the system may do.
    Short(usize),
    /// The process ends.
    Crash {
        /// Bytes of a write that are written.
        written: usize,
        /// Whether the machine fails with it: of each file that this process wrote, bytes that were not synced are gone.
        loses_unsynced: bool,
    },
}

/// Decides what becomes of calls.
pub trait Faults: Send + Sync {
    /// What becomes of this one. Threads ask at the same time.
    fn verdict(&self, operation: &Operation<'_>) -> Verdict;

    /// What the clock says instead of this.
    fn now(&self, now: SystemTime) -> SystemTime {
        now
    }
}

static FAULTS: OnceLock<Box<dyn Faults>> = OnceLock::new();

/// Length of files that were written to since they were synced, when they were.
static SYNCED: Mutex<Option<HashMap<PathBuf, u64>>> = Mutex::new(None);

/// From now on `faults` decides, for all threads of the process. For tests; the first counts.
pub fn inject(faults: Box<dyn Faults>) {
    // A second one would be a mistake of the test, which then sees none of its faults.
    let _ = FAULTS.set(faults);
}

pub(crate) fn faults() -> Option<&'static dyn Faults> {
    FAULTS.get().map(Box::as_ref)
}

/// Asks what becomes of a call that is not a write.
pub(crate) fn ask(action: Action, path: &Path) -> io::Result<()> {
    match faults().map_or(Verdict::Go, |faults| faults.verdict(&Operation { action, path })) {
        Verdict::Go | Verdict::Short(_) => Ok(()),
        Verdict::Fail(number) => Err(io::Error::from_raw_os_error(number)),
        Verdict::Crash { loses_unsynced, .. } => crash(loses_unsynced),
    }
}

fn synced() -> MutexGuard<'static, Option<HashMap<PathBuf, u64>>> {
    SYNCED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file of this length is written to.
pub(crate) fn note_write(path: &Path, length: impl FnOnce() -> u64) {
    if faults().is_some() {
        synced().get_or_insert_default().entry(path.to_owned()).or_insert_with(length);
    }
}

/// What was written to a file survives the machine.
pub(crate) fn note_sync(path: &Path) {
    if let Some(unsynced) = synced().as_mut() {
        unsynced.remove(path);
    }
}

/// A file has another name; one that stood there is gone.
pub(crate) fn note_rename(from: &Path, to: &Path) {
    if let Some(unsynced) = synced().as_mut() {
        let length = unsynced.remove(from);
        unsynced.remove(to);
        unsynced.extend(length.map(|length| (to.to_owned(), length)));
    }
}

/// Ends the process as SIGKILL or a power failure would: no destructor runs.
pub(crate) fn crash(loses_unsynced: bool) -> ! {
    if loses_unsynced {
        for (path, length) in synced().take().unwrap_or_default() {
            // One that was removed since has nothing to lose.
            let _ = std::fs::OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(length));
        }
    }
    std::process::abort()
}

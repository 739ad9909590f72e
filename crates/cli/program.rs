//! How this program is started once more: `bench` measures processes.

use std::ffi::OsString;
use std::io;
use std::sync::OnceLock;

static WORDS: OnceLock<Vec<OsString>> = OnceLock::new();

/// Says with which words this program is started, where it is not the executable of the process: an interpreter and the
/// module that it runs. The first call counts.
pub fn start_again_as(words: Vec<OsString>) {
    // A second call is ignored, as documented.
    let _ = WORDS.set(words);
}

/// The words that start this program, without arguments.
pub(crate) fn words() -> io::Result<Vec<OsString>> {
    match WORDS.get() {
        Some(words) => Ok(words.clone()),
        None => Ok(vec![std::env::current_exe()?.into()]),
    }
}

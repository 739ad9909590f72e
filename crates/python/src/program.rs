//! The program `mlip-batch` inside an interpreter that runs nothing else.

use pyo3::prelude::*;
use std::ffi::OsString;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What Rust's runtime makes of a panic on the main thread.
const PANICKED: u8 = 101;

/// Does what a command line says and gives the exit code; a run ends the process itself. `words` begin with the name of
/// the program; `again` are those that start it once more.
#[pyfunction]
pub(crate) fn main(py: Python<'_>, words: Vec<OsString>, again: Vec<OsString>) -> u8 {
    mlip_batch::start_again_as(again);
    py.detach(|| {
        let code = catch_unwind(AssertUnwindSafe(|| mlip_batch::run_command_line(words))).unwrap_or(PANICKED);
        // The interpreter does not know of what is still in this buffer. A reader that went away is nobody's error.
        let _ = std::io::stdout().flush();
        code
    })
}

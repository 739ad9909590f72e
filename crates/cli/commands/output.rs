//! What commands write to stdout.

use crate::error::CommandError;
use std::io::{self, Write};

/// Writes to stdout: data. A reader that went away early (`| head`) is nobody's error.
pub(in crate::commands) fn print(text: &str) -> Result<(), CommandError> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

//! Messages that stay in one piece.

use std::io::{self, Write};

/// Writes a message to stderr at once: whatever a launcher and other ranks write there comes before or after it.
pub(crate) fn print_error(text: &str) -> io::Result<()> {
    io::stderr().lock().write_all(text.as_bytes())
}

//! One line at the bottom of a terminal that leaves nothing behind, whatever becomes of the terminal's width.

use indicatif::TermLike;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Back to the begin of the line; all that stands from there on goes.
const CLEAR: &str = "\r\x1b[J";
/// What is too long is cut instead of going on in the next line.
const CUT: &str = "\x1b[?7l";
/// As it was, and the cursor at the begin of the line.
const END: &str = "\x1b[?7h\r";

/// Stderr, for a bar of one line.
///
/// A terminal that becomes narrower breaks the line that stands there into several, or cuts it; nobody can know which. The
/// cursor waits at its begin, and stays with that character, so to clear from there on is right in both cases.
#[derive(Debug, Default)]
pub(super) struct OneLine {
    /// Written at once.
    text: Mutex<String>,
}

impl OneLine {
    fn text(&self) -> MutexGuard<'_, String> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TermLike for OneLine {
    fn width(&self) -> u16 {
        let (_, columns) = console::Term::stderr().size();
        columns.saturating_sub(1).max(1)
    }

    // There is one line, and the cursor stays in it.
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.text().push_str(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.write_str(CLEAR)
    }

    fn flush(&self) -> io::Result<()> {
        let text = std::mem::take(&mut *self.text());
        if text.is_empty() {
            return Ok(());
        }
        io::stderr().lock().write_all(format!("{CUT}{text}{END}").as_bytes())
    }
}

/// Whether there is somebody who sees a bar and colors: a terminal that knows how to move its cursor.
pub(super) fn is_watched() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|name| name != "dumb")
}

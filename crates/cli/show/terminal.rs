//! One line at the bottom of a terminal that leaves nothing behind, whatever becomes of the terminal's width.

use indicatif::TermLike;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// To the begin of the line. What is too long is cut instead of going on in the next line.
const BEGIN: &str = "\x1b[?7l\r";
/// All that stands from here on goes.
const CLEAR: &str = "\x1b[J";
/// The same in this line alone.
const CLEAR_LINE: &str = "\x1b[K";
/// As it was, and the cursor at the begin of the line.
const END: &str = "\x1b[?7h\r";

/// Stderr, for a bar of one line.
///
/// A terminal that becomes narrower breaks the line that stands there into several, or cuts it; nobody can know which. The
/// cursor waits at its begin, and stays with that character, so to clear from there on is right in both cases.
///
/// It is cleared behind the new text, not before it. Where the cursor has come to the upper left corner, some terminals
/// (tmux) take clearing from there for clearing the screen, and keep in their history what was on it: a bar more each time.
#[derive(Debug, Default)]
pub(super) struct OneLine {
    /// Written at once; `None` while nothing is to be drawn.
    text: Mutex<Option<String>>,
}

impl OneLine {
    fn text(&self) -> MutexGuard<'_, Option<String>> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What draws a text where the last one stands.
fn drawn(text: &str) -> String {
    if text.is_empty() {
        // A blank, so that it is not the corner from which all is cleared.
        format!("{BEGIN} {CLEAR}\r{CLEAR_LINE}{END}")
    } else {
        format!("{BEGIN}{text}{CLEAR}{END}")
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
        self.text().get_or_insert_default().push_str(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        *self.text() = Some(String::new());
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let Some(text) = self.text().take() else { return Ok(()) };
        io::stderr().lock().write_all(drawn(&text).as_bytes())
    }
}

/// Whether there is somebody who sees a bar and colors: a terminal that knows how to move its cursor.
pub(super) fn is_watched() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|name| name != "dumb")
}

//! Messages that stay in one piece, and do nothing to a terminal.

use std::borrow::Cow;
use std::io::{self, Write};

/// Writes a message to stderr at once: whatever a launcher and other ranks write there comes before or after it.
pub(crate) fn print_error(text: &str) -> io::Result<()> {
    io::stderr().lock().write_all(plain(text).as_bytes())
}

/// Says something on stderr, in a line of its own.
macro_rules! say {
    ($($words:tt)*) => {
        // Where stderr is closed nobody listens.
        drop($crate::show::print_error(&format!("{}\n", format_args!($($words)*))))
    };
}
pub(crate) use say;

/// The text with escapes for characters that move a cursor, change colors or the order of letters: names of files may hold
/// any. Line ends and tabs stay.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let acts = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\t'))
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if acts(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_nothing_to_a_terminal() {
        assert_eq!(plain("a\x1b[31m\u{9b}2J\rb\n\tä\u{202e}"), "a\\u{1b}[31m\\u{9b}2J\\u{d}b\n\tä\\u{202e}");
        assert!(matches!(plain("`näme.cif`\n"), Cow::Borrowed(_)));
    }
}

//! The second line of extended XYZ: keys and values.

use std::iter::Peekable;
use std::str::Chars;

/// Keys and values of a comment line, in their order; a word without a value says nothing here.
///
/// A value is a bare word, or stands between `"…"`, `'…'`, `{…}` or `[…]`, and so may a key. A backslash takes the next
/// character as it is. Blanks around `=` are no part of either. Brackets may stand in brackets: `[[1, 2], [3, 4]]` is
/// `[1, 2], [3, 4]`.
pub(crate) fn key_values(line: &str) -> Vec<(String, String)> {
    let mut rest = line.chars().peekable();
    let mut pairs = Vec::new();
    loop {
        skip_blanks(&mut rest);
        if rest.peek().is_none() {
            return pairs;
        }
        let key = word(&mut rest, true);
        skip_blanks(&mut rest);
        if rest.next_if_eq(&'=').is_some() {
            skip_blanks(&mut rest);
            let value = word(&mut rest, false);
            pairs.push((key, value));
        }
    }
}

fn skip_blanks(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|c| c.is_whitespace()).is_some() {}
}

/// What stands between quotes or brackets, or up to a blank; a key ends at `=` too.
fn word(rest: &mut Peekable<Chars<'_>>, is_key: bool) -> String {
    match rest.peek() {
        Some('"') => quoted(rest, '"'),
        Some('\'') => quoted(rest, '\''),
        Some('{') => quoted(rest, '}'),
        Some('[') => bracketed(rest),
        _ => {
            let mut text = String::new();
            while let Some(c) = rest.next_if(|c| !(c.is_whitespace() || (is_key && *c == '='))) {
                text.extend(if c == '\\' { rest.next() } else { Some(c) });
            }
            text
        }
    }
}

/// Up to this end, which is taken too.
fn quoted(rest: &mut Peekable<Chars<'_>>, end: char) -> String {
    rest.next();
    let mut text = String::new();
    while let Some(c) = rest.next().filter(|c| *c != end) {
        text.extend(if c == '\\' { rest.next() } else { Some(c) });
    }
    text
}

/// Up to the bracket that closes the first one, which is taken too.
fn bracketed(rest: &mut Peekable<Chars<'_>>) -> String {
    let (mut text, mut depth) = (String::new(), 0u32);
    while let Some(c) = rest.next() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        text.extend(if c == '\\' { rest.next() } else { Some(c) });
    }
    // Without the bracket that opened it.
    text.remove(0);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(line: &str) -> Vec<(String, String)> {
        key_values(line)
    }

    fn of(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn values_are_bare_or_quoted_or_in_brackets() {
        assert_eq!(
            pairs(r#"a=1 flag b="two words" c='x "y"' d={1 2} e=[T, F] f=[[1, 2], [3, 4]] "g h" = i"#),
            of(&[
                ("a", "1"),
                ("b", "two words"),
                ("c", "x \"y\""),
                ("d", "1 2"),
                ("e", "T, F"),
                ("f", "[1, 2], [3, 4]"),
                ("g h", "i")
            ])
        );
    }

    #[test]
    fn what_is_escaped_ends_nothing() {
        assert_eq!(
            pairs(r#"a="say \"pbc=F\" \\" b='it\'s x=1' c=d\ e pbc=T"#),
            of(&[("a", "say \"pbc=F\" \\"), ("b", "it's x=1"), ("c", "d e"), ("pbc", "T")])
        );
    }

    #[test]
    fn blanks_around_the_sign_and_signs_in_values_do_no_harm() {
        assert_eq!(pairs("a = 1  b= 2 c =3 d=e=f"), of(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "e=f")]));
    }

    #[test]
    fn odd_comments_end() {
        assert_eq!(pairs("=  a = b='c d' e=\"open"), of(&[("", "a"), ("", "b='c"), ("e", "open")]));
        for line in ["", "=", "\\", "a=\\", "[", "a=[", "a=[[1]", "a={", "]", "'", "=="] {
            pairs(line);
        }
    }
}

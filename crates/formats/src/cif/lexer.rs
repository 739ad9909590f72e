//! Words of a CIF.
//!
//! Follows the CIF 1.1 syntax (Hall, Allen & Brown, Acta Cryst. A47, 655, 1991; International Tables G, 2.2),
//! with line ends of any system, ISO-8859-1 bytes, and the delimiters of CIF 2.0 (Bernstein et al.,
//! J. Appl. Cryst. 49, 277, 2016) where the file announces them. Works on bytes and copies nothing.

use super::{CifClass, CifError};

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `data_NAME`, or `global_`.
    Block,
    /// `save_NAME`, or `save_`, which ends a frame.
    Save,
    /// `loop_`.
    Loop,
    /// `stop_`, which some old writers put at the end of a loop.
    Stop,
    /// `_NAME`.
    Tag,
    /// A word without quotes.
    Bare,
    /// A quoted string, text field or CIF 2.0 list: never `?` or `.`, never a keyword.
    Delimited,
}

/// A word and where it stands. The text excludes quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a [u8],
    pub(crate) line: u32,
}

/// Splits bytes into words.
#[derive(Debug)]
pub(crate) struct Lexer<'a> {
    bytes: &'a [u8],
    position: usize,
    line: u32,
    cif2: bool,
}

/// What may separate words. A form feed or the end-of-file mark of CP/M and DOS is blank space.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0x1a)
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn starts_with_ignoring_case(text: &[u8], prefix: &[u8]) -> bool {
    text.len() >= prefix.len() && text[..prefix.len()].eq_ignore_ascii_case(prefix)
}

impl<'a> Lexer<'a> {
    /// # Errors
    /// When the bytes are UTF-16 or UTF-32, or hold a NUL.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, CifError> {
        let wide = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
        // Without a byte order mark, ASCII in UTF-16 has a NUL in every other place.
        let head = &bytes[..bytes.len().min(64)];
        let striped = |first: usize| {
            head.len() >= 8
                && head.iter().skip(first).step_by(2).all(|byte| *byte == 0)
                && head.iter().skip(1 - first).step_by(2).all(|byte| *byte != 0)
        };
        if wide || striped(0) || striped(1) {
            return Err(CifError::new(
                CifClass::Encoding,
                1,
                "the file is in UTF-16 or UTF-32",
                "convert it: iconv -f UTF-16 -t UTF-8",
            ));
        }
        if let Some(place) = bytes.iter().position(|byte| *byte == 0) {
            let line = line_of(bytes, place);
            return Err(CifError::new(
                CifClass::Syntax,
                line,
                format!("byte {place} is NUL: this is a binary or damaged file, not a CIF"),
                "fetch the file again",
            ));
        }
        let position = if bytes.starts_with(&[0xef, 0xbb, 0xbf]) { 3 } else { 0 };
        let cif2 = bytes[position..].starts_with(b"#\\#CIF_2.0");
        Ok(Self { bytes, position, line: 1, cif2 })
    }

    /// Whether the first line announces CIF 2.0.
    pub(crate) fn is_cif2(&self) -> bool {
        self.cif2
    }

    fn at_line_start(&self) -> bool {
        self.position == 0 || is_line_end(self.bytes[self.position - 1])
    }

    /// Counts the line ends in `bytes[from..to]`; CR LF counts once.
    fn count_lines(&mut self, from: usize, to: usize) {
        for place in from..to {
            let byte = self.bytes[place];
            if byte == b'\n' && place > 0 && self.bytes[place - 1] == b'\r' {
                continue;
            }
            if is_line_end(byte) {
                self.line = self.line.saturating_add(1);
            }
        }
    }

    fn skip_blanks_and_comments(&mut self) {
        while let Some(&byte) = self.bytes.get(self.position) {
            if byte == b'#' {
                let rest = &self.bytes[self.position..];
                self.position += rest.iter().position(|byte| is_line_end(*byte)).unwrap_or(rest.len());
            } else if is_blank(byte) {
                let from = self.position;
                self.position += 1;
                self.count_lines(from, self.position);
            } else {
                break;
            }
        }
    }

    /// The next word; `None` at the end.
    ///
    /// # Errors
    /// When a quote, text field or list does not end.
    pub(crate) fn next(&mut self) -> Result<Option<Token<'a>>, CifError> {
        self.skip_blanks_and_comments();
        let Some(&first) = self.bytes.get(self.position) else { return Ok(None) };
        match first {
            b';' if self.at_line_start() => self.text_field().map(Some),
            b'\'' | b'"' => self.quoted(first).map(Some),
            b'[' | b'{' if self.cif2 => self.composite().map(Some),
            _ => Ok(Some(self.bare())),
        }
    }

    fn text_field(&mut self) -> Result<Token<'a>, CifError> {
        let (start, line) = (self.position + 1, self.line);
        let mut place = start;
        while place < self.bytes.len() {
            if self.bytes[place] == b';' && is_line_end(self.bytes[place - 1]) {
                self.count_lines(start, place);
                self.position = place + 1;
                // The line end before the closing semicolon belongs to the delimiter.
                let mut end = place - 1;
                if end > start && self.bytes[end] == b'\n' && self.bytes[end - 1] == b'\r' {
                    end -= 1;
                }
                return Ok(Token { kind: Kind::Delimited, text: &self.bytes[start..end.max(start)], line });
            }
            place += 1;
        }
        Err(CifError::new(
            CifClass::Syntax,
            line,
            "the text field that starts here does not end",
            "the file may be cut short: fetch it again, or close the field with a semicolon in the first column",
        ))
    }

    fn quoted(&mut self, quote: u8) -> Result<Token<'a>, CifError> {
        let line = self.line;
        if self.cif2 && self.bytes[self.position..].starts_with(&[quote; 3]) {
            return self.triple_quoted(quote);
        }
        let start = self.position + 1;
        for place in start..self.bytes.len() {
            let byte = self.bytes[place];
            if is_line_end(byte) {
                break;
            }
            let ends = self.cif2 || self.bytes.get(place + 1).is_none_or(|next| is_blank(*next));
            if byte == quote && ends {
                self.position = place + 1;
                return Ok(Token { kind: Kind::Delimited, text: &self.bytes[start..place], line });
            }
        }
        Err(CifError::new(
            CifClass::Syntax,
            line,
            format!("the quote {} that opens here is not closed on its line", char::from(quote)),
            "close it, or put the text between lines that start with a semicolon",
        ))
    }

    fn triple_quoted(&mut self, quote: u8) -> Result<Token<'a>, CifError> {
        let (start, line) = (self.position + 3, self.line);
        let Some(length) = self.bytes[start..].windows(3).position(|three| three == [quote; 3]) else {
            return Err(CifError::new(
                CifClass::Syntax,
                line,
                "the triple quote that opens here is not closed",
                "close it",
            ));
        };
        self.count_lines(start, start + length);
        self.position = start + length + 3;
        Ok(Token { kind: Kind::Delimited, text: &self.bytes[start..start + length], line })
    }

    /// A list or table of CIF 2.0 as one word: none of them is used.
    fn composite(&mut self) -> Result<Token<'a>, CifError> {
        let (start, line) = (self.position, self.line);
        let mut depth = 0usize;
        while self.position < self.bytes.len() {
            match self.bytes[self.position] {
                b'[' | b'{' => {
                    depth += 1;
                    self.position += 1;
                }
                b']' | b'}' => {
                    depth = depth.saturating_sub(1);
                    self.position += 1;
                    if depth == 0 {
                        return Ok(Token { kind: Kind::Delimited, text: &self.bytes[start..self.position], line });
                    }
                }
                b';' if self.at_line_start() => drop(self.text_field()?),
                quote @ (b'\'' | b'"') => drop(self.quoted(quote)?),
                b'#' if is_blank(self.bytes[self.position - 1]) => self.skip_blanks_and_comments(),
                _ => {
                    self.position += 1;
                    self.count_lines(self.position - 1, self.position);
                }
            }
        }
        Err(CifError::new(CifClass::Syntax, line, "the list that opens here is not closed", "close it"))
    }

    fn bare(&mut self) -> Token<'a> {
        let rest = &self.bytes[self.position..];
        let length = rest.iter().position(|byte| is_blank(*byte)).unwrap_or(rest.len());
        let text = &rest[..length];
        self.position += length;
        let kind = if text[0] == b'_' {
            Kind::Tag
        } else if starts_with_ignoring_case(text, b"data_") || text.eq_ignore_ascii_case(b"global_") {
            Kind::Block
        } else if text.eq_ignore_ascii_case(b"loop_") {
            Kind::Loop
        } else if starts_with_ignoring_case(text, b"save_") {
            Kind::Save
        } else if text.eq_ignore_ascii_case(b"stop_") {
            Kind::Stop
        } else {
            Kind::Bare
        };
        Token { kind, text, line: self.line }
    }
}

/// Line, from 1, of a byte.
fn line_of(bytes: &[u8], place: usize) -> u32 {
    let head = &bytes[..place];
    let ends = head.iter().enumerate().filter(|(k, byte)| match byte {
        b'\r' => true,
        b'\n' => *k == 0 || head[*k - 1] != b'\r',
        _ => false,
    });
    u32::try_from(ends.count() + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &[u8]) -> Vec<(Kind, String, u32)> {
        let mut lexer = Lexer::new(text).unwrap();
        let mut words = Vec::new();
        while let Some(token) = lexer.next().unwrap() {
            words.push((token.kind, String::from_utf8_lossy(token.text).into_owned(), token.line));
        }
        words
    }

    #[test]
    fn words_know_their_kind_and_line() {
        let got = words(b"data_x # c\n_tag 'a b'\r\nloop_ _t\r?\rSTOP_ save_f global_ x#y\n");
        let expected = [
            (Kind::Block, "data_x", 1),
            (Kind::Tag, "_tag", 2),
            (Kind::Delimited, "a b", 2),
            (Kind::Loop, "loop_", 3),
            (Kind::Tag, "_t", 3),
            (Kind::Bare, "?", 4),
            (Kind::Stop, "STOP_", 5),
            (Kind::Save, "save_f", 5),
            (Kind::Block, "global_", 5),
            (Kind::Bare, "x#y", 5),
        ];
        assert_eq!(got, expected.map(|(kind, text, line)| (kind, text.to_owned(), line)));
    }

    #[test]
    fn a_quote_ends_only_before_blank_space() {
        assert_eq!(words(b"'O'Neill' \"5' of \"a\"b\"")[0].1, "O'Neill");
        assert_eq!(words(b"'O'Neill' \"5' of \"a\"b\"")[1].1, "5' of \"a\"b");
    }

    #[test]
    fn text_fields_hide_everything_up_to_a_semicolon_in_column_one() {
        let got = words(b"_t\r\n;a loop_\r\n ;b\r\n; _u v");
        assert_eq!(got[1], (Kind::Delimited, "a loop_\r\n ;b".into(), 2));
        assert_eq!(got[2], (Kind::Tag, "_u".into(), 4));
        assert_eq!(words(b"\n;\n;")[0], (Kind::Delimited, String::new(), 2));
    }

    #[test]
    fn open_ends_are_errors_at_their_first_line() {
        for (text, line) in
            [(&b"a\n'b\nc"[..], 2), (b"a\n\n;b\nc", 3), (b"#\\#CIF_2.0\n'''a\n", 2), (b"#\\#CIF_2.0\n[a [b]", 2)]
        {
            let mut lexer = Lexer::new(text).unwrap();
            let error = loop {
                match lexer.next() {
                    Ok(token) => assert!(token.is_some(), "no error in {:?}", String::from_utf8_lossy(text)),
                    Err(error) => break error,
                }
            };
            assert_eq!((error.class, error.line), (CifClass::Syntax, Some(line)));
        }
    }

    #[test]
    fn lists_of_cif2_are_one_word_and_of_cif1_are_many() {
        assert_eq!(words(b"#\\#CIF_2.0\n[1 [2 ']'] 3] {'a':1} x").len(), 3);
        assert_eq!(words(b"[1 2 3]").len(), 3);
    }

    #[test]
    fn wide_encodings_and_binary_files_are_told_apart() {
        let wide: Vec<u8> = "data_x _cell".bytes().flat_map(|byte| [byte, 0]).collect();
        assert_eq!(Lexer::new(&wide).unwrap_err().class, CifClass::Encoding);
        let error = Lexer::new(b"data_x\r\n\na\0b").unwrap_err();
        assert_eq!((error.class, error.line), (CifClass::Syntax, Some(3)));
    }
}

//! The frames of an XYZ file.

use super::lines::Lines;
use super::piece::Piece;
use std::io::{self, BufRead};

/// Gives every frame, in order. What does not begin with a number of atoms is one last piece, whose reader says what is
/// wrong.
pub(super) struct XyzFrames<R> {
    lines: Lines<R>,
    text: Vec<u8>,
}

impl<R: BufRead> XyzFrames<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { lines: Lines::new(reader), text: Vec::new() }
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Piece>> {
        let Self { lines, text } = self;
        loop {
            let (byte_offset, first_line) = (lines.byte_offset, lines.number);
            lines.begin();
            if !lines.next(text, 64)? {
                return Ok(None);
            }
            let first = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii();
            if first.is_empty() {
                continue;
            }
            let n_atoms = std::str::from_utf8(first).ok().and_then(|word| word.parse::<u64>().ok());
            // One more for the comment; all that is left where there is no number.
            let mut left = n_atoms.map_or(u64::MAX, |n| n.saturating_add(1));
            while left > 0 && lines.next(text, 0)? {
                left -= 1;
            }
            let length = lines.byte_offset - byte_offset;
            let (code, crc32) = (String::new(), lines.sum().finalize());
            return Ok(Some(Piece { byte_offset, length, first_line, crc32, code, is_structure: true }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(text: &str) -> Vec<(&str, u32)> {
        let mut frames = XyzFrames::new(text.as_bytes());
        let mut found = Vec::new();
        while let Some(piece) = frames.next().unwrap() {
            let range = piece.byte_offset as usize..(piece.byte_offset + piece.length) as usize;
            found.push((&text[range], piece.first_line));
        }
        found
    }

    #[test]
    fn frames_follow_each_other() {
        assert_eq!(
            frames("1\nx\nH 0 0 0\n\n \n2\r\ny\r\nH\r\nH\r\n1\nz\nH"),
            [("1\nx\nH 0 0 0\n", 1), ("2\r\ny\r\nH\r\nH\r\n", 6), ("1\nz\nH", 10)]
        );
    }

    #[test]
    fn what_is_no_frame_is_one_piece() {
        assert_eq!(frames("1\nx\nH 0 0 0\nH 0 0 1\n1\nx\nH\n"), [("1\nx\nH 0 0 0\n", 1), ("H 0 0 1\n1\nx\nH\n", 4)]);
        assert_eq!(frames("3\nx\nH\n"), [("3\nx\nH\n", 1)]);
        assert_eq!(frames(""), []);
    }
}

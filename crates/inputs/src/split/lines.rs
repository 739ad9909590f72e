//! Lines of a stream, of which only the beginning is kept.

use crc32fast::Hasher;
use std::io::{self, BufRead};

/// Lines may end in LF, CR LF or CR.
pub(super) struct Lines<R> {
    reader: R,
    /// Where the line that comes next begins.
    pub(super) byte_offset: u64,
    /// Its number, from 1.
    pub(super) number: u32,
    /// Of the bytes since [`Lines::begin`].
    sum: Hasher,
    /// Of the bytes of the line that came last.
    line_sum: Hasher,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, byte_offset: 0, number: 1, sum: Hasher::new(), line_sum: Hasher::new() }
    }

    /// The checksum begins anew with the line that comes next.
    pub(super) fn begin(&mut self) {
        self.sum.reset();
    }

    /// The checksum begins anew with the line that came last; gives that of what came before it.
    pub(super) fn begin_with_last(&mut self, before: Hasher) -> u32 {
        self.sum = self.line_sum.clone();
        before.finalize()
    }

    /// CRC-32 of the bytes so far.
    pub(super) fn sum(&self) -> Hasher {
        self.sum.clone()
    }

    fn consume(&mut self, used: usize) -> io::Result<()> {
        let chunk = &self.reader.fill_buf()?[..used];
        self.sum.update(chunk);
        self.line_sum.update(chunk);
        self.reader.consume(used);
        self.byte_offset += used as u64;
        Ok(())
    }

    /// Puts the first bytes of the next line into `text`, `keep` of them at most; false at the end.
    pub(super) fn next(&mut self, text: &mut Vec<u8>, keep: usize) -> io::Result<bool> {
        text.clear();
        self.line_sum.reset();
        let mut is_empty = true;
        loop {
            let chunk = self.reader.fill_buf()?;
            if chunk.is_empty() {
                if !is_empty {
                    self.number = self.number.saturating_add(1);
                }
                return Ok(!is_empty);
            }
            let end = chunk.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let line = &chunk[..end.unwrap_or(chunk.len())];
            text.extend_from_slice(&line[..line.len().min(keep.saturating_sub(text.len()))]);
            let used = line.len() + usize::from(end.is_some());
            let ends_in_cr = end.is_some_and(|end| chunk[end] == b'\r');
            is_empty &= line.is_empty() && end.is_none();
            self.consume(used)?;
            if ends_in_cr && self.reader.fill_buf()?.first() == Some(&b'\n') {
                self.consume(1)?;
            }
            if end.is_some() {
                self.number = self.number.saturating_add(1);
                return Ok(true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    #[test]
    fn every_line_end_counts_once_whatever_the_buffer() {
        let text = b"ab\r\n\r\ncd\re\n\nlast line";
        for capacity in 1..30 {
            let mut lines = Lines::new(BufReader::with_capacity(capacity, text.as_slice()));
            let (mut line, mut seen) = (Vec::new(), Vec::new());
            while lines.next(&mut line, 4).unwrap() {
                seen.push(String::from_utf8(line.clone()).unwrap());
            }
            assert_eq!(seen, ["ab", "", "cd", "e", "", "last"], "{capacity}");
            assert_eq!((lines.byte_offset, lines.number), (text.len() as u64, 7));
        }
    }
}

//! The blocks of a CIF.

use super::lines::Lines;
use super::piece::Piece;
use std::io::{self, BufRead};

/// Enough of a line for the name of a block and the tags that tell a structure.
const KEPT: usize = 512;

#[derive(Default)]
struct Block {
    piece: Option<Piece>,
    has_cell: bool,
    has_atoms: bool,
}

/// Gives every block that has a cell and atoms, in order.
///
/// A block begins at a line that begins with `data_`, outside of text fields (`;` to `;`). CIF 2.0 files are not
/// divided: their triple quotes may hold anything.
pub(super) struct CifBlocks<R> {
    lines: Lines<R>,
    text: Vec<u8>,
    block: Block,
    in_text: bool,
    is_over: bool,
}

impl<R: BufRead> CifBlocks<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { lines: Lines::new(reader), text: Vec::new(), block: Block::default(), in_text: false, is_over: false }
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Piece>> {
        while !self.is_over {
            let (byte_offset, first_line) = (self.lines.byte_offset, self.lines.number);
            let sum_before = self.lines.sum();
            self.is_over = !self.lines.next(&mut self.text, KEPT)?;
            let line = self.text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.text);
            if byte_offset == 0 && line.starts_with(b"#\\#CIF_2.0") {
                self.is_over = true;
                return Ok(None);
            }
            let code = if self.in_text { None } else { block_code(line) };
            let (mut before, mut crc32) = (Block::default(), 0);
            if self.is_over || code.is_some() {
                before = std::mem::take(&mut self.block);
                crc32 = self.lines.begin_with_last(sum_before);
            }
            if line.first() == Some(&b';') {
                self.in_text = !self.in_text;
            } else if let Some(code) = code {
                self.block.piece =
                    Some(Piece { byte_offset, length: 0, first_line, crc32: 0, code, is_structure: true });
            }
            if !self.in_text {
                note_line(line, &mut self.block);
            }
            if let Block { piece: Some(piece), has_cell: true, has_atoms: true } = before {
                return Ok(Some(Piece { length: byte_offset - piece.byte_offset, crc32, ..piece }));
            }
        }
        Ok(None)
    }
}

fn block_code(line: &[u8]) -> Option<String> {
    let word = line.trim_ascii_start().split(u8::is_ascii_whitespace).next()?;
    let (head, code) = word.split_at_checked(5)?;
    head.eq_ignore_ascii_case(b"data_").then(|| String::from_utf8_lossy(code).into_owned())
}

fn note_line(line: &[u8], block: &mut Block) {
    if !line.contains(&b'_') {
        return;
    }
    for word in line.split(u8::is_ascii_whitespace) {
        block.has_cell |= word.eq_ignore_ascii_case(b"_cell_length_a");
        block.has_atoms |= word.eq_ignore_ascii_case(b"_atom_site_fract_x");
        block.has_atoms |= word.eq_ignore_ascii_case(b"_atom_site_cartn_x");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(text: &str) -> Vec<(String, &str, u32)> {
        let mut blocks = CifBlocks::new(text.as_bytes());
        let mut found = Vec::new();
        while let Some(piece) = blocks.next().unwrap() {
            let range = piece.byte_offset as usize..(piece.byte_offset + piece.length) as usize;
            found.push((piece.code, &text[range], piece.first_line));
        }
        found
    }

    const A: &str = "data_A\n_cell_length_a 1\nloop_ _atom_site_label _ATOM_SITE_FRACT_X\nx 0\n";
    const B: &str = " DATA_b # second\n_cell_length_a 1\n_note\n;\ndata_not_a_block\n;\n_atom_site_cartn_x 0\n";

    #[test]
    fn blocks_with_structures_are_found_and_others_left_out() {
        let text = format!("# head\ndata_global\n_publ 1\n{A}{B}data_cell_only\n_cell_length_a 1\n");
        assert_eq!(blocks(&text), [("A".to_owned(), A, 4), ("b".to_owned(), B, 8)]);
        assert_eq!(blocks(&format!("#\\#CIF_2.0\n{A}{B}")), []);
        assert_eq!(blocks("_cell_length_a 1\n_atom_site_fract_x 0\n"), []);
        assert_eq!(blocks(""), []);
    }
}

//! Finds the structures in a text that holds several, reading it once from front to back.
//!
//! Memory does not grow with the text: of a line only its beginning is kept.

mod cif;
mod json;
mod lines;
mod xyz;

use cif::CifBlocks;
use json::JsonObjects;
use mlip_formats::Format;
use std::io::{self, BufRead};
use xyz::XyzFrames;

/// One of several structures in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// First byte.
    pub(crate) byte_offset: u64,
    /// Number of bytes.
    pub(crate) length: u64,
    /// First line, from 1.
    pub(crate) first_line: u32,
    /// Code of the block of a CIF, id of a JSON object; empty for a frame.
    code: String,
    /// Not of a JSON file that holds something else.
    is_structure: bool,
}

/// What a text turned out to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// One structure, or something that its reader will refuse: the text as it is.
    Whole,
    /// One of several structures, and what is added to id and path: `:block`, `:id`, or `@0`, `@1`, ….
    Piece(Piece, String),
}

/// Which texts are looked into for several structures. XYZ and JSON files always are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Blocks {
    /// CIFs named by themselves; of those in folders, lists and archives the first structure is taken.
    #[default]
    Named,
    /// All CIFs: rank 0 reads each of them once more.
    All,
}

impl Blocks {
    /// Whether a text of this format must be looked into; `is_named` tells of files that the user named by themselves.
    pub(crate) fn divide(self, format: Format, is_named: bool) -> bool {
        match format {
            Format::Xyz | Format::Json | Format::JsonLines => true,
            Format::Cif => is_named || self == Self::All,
            Format::Poscar => false,
        }
    }
}

/// Gives every structure of a text, in order, until `visit` fails. Of a file that `is_chosen` by the user the text is
/// expected to hold structures; else a JSON file that begins with something else is none of ours, and nothing is given.
pub(crate) fn split<E: From<io::Error>>(
    format: Format,
    is_chosen: bool,
    reader: impl BufRead,
    mut visit: impl FnMut(Found) -> Result<(), E>,
) -> Result<(), E> {
    let mut pieces = match format {
        Format::Xyz => Pieces::Xyz(XyzFrames::new(reader)),
        Format::Json | Format::JsonLines => Pieces::Json(JsonObjects::new(reader, format == Format::JsonLines)),
        Format::Cif | Format::Poscar => Pieces::Cif(CifBlocks::new(reader)),
    };
    let first = pieces.next()?;
    if !is_chosen
        && matches!(format, Format::Json | Format::JsonLines)
        && !first.as_ref().is_some_and(|first| first.is_structure)
    {
        return Ok(());
    }
    let Some(first) = first else { return visit(Found::Whole) };
    let Some(second) = pieces.next()? else {
        let is_whole = format != Format::Xyz || first.byte_offset == 0;
        return visit(if is_whole { Found::Whole } else { Found::Piece(first, String::new()) });
    };
    let (mut next, mut n_found) = (Some(first), 0u64);
    let mut after = Some(second);
    while let Some(piece) = next {
        let has_code = format == Format::Cif || !piece.code.is_empty();
        let suffix = if has_code { format!(":{}", piece.code) } else { format!("@{n_found}") };
        visit(Found::Piece(piece, suffix))?;
        n_found += 1;
        next = match after.take() {
            Some(piece) => Some(piece),
            None => pieces.next()?,
        };
    }
    Ok(())
}

enum Pieces<R> {
    Cif(CifBlocks<R>),
    Json(JsonObjects<R>),
    Xyz(XyzFrames<R>),
}

impl<R: BufRead> Pieces<R> {
    fn next(&mut self) -> io::Result<Option<Piece>> {
        match self {
            Self::Cif(blocks) => blocks.next(),
            Self::Json(objects) => objects.next(),
            Self::Xyz(frames) => frames.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suffixes(format: Format, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        split::<io::Error>(format, true, text.as_bytes(), |one| {
            found.push(match one {
                Found::Whole => "whole".to_owned(),
                Found::Piece(_, suffix) => suffix,
            });
            Ok(())
        })
        .unwrap();
        found
    }

    #[test]
    fn one_structure_is_the_whole_text_and_several_are_told_apart() {
        const BLOCK: &str = "data_x\n_cell_length_a 1\n_atom_site_fract_x 0\n";
        assert_eq!(suffixes(Format::Cif, BLOCK), ["whole"]);
        assert_eq!(suffixes(Format::Cif, ""), ["whole"]);
        assert_eq!(suffixes(Format::Cif, &BLOCK.repeat(3)), [":x", ":x", ":x"]);
        assert_eq!(suffixes(Format::Xyz, "1\n\nH 0 0 0\n\n"), ["whole"]);
        assert_eq!(suffixes(Format::Xyz, "\n1\n\nH 0 0 0\n"), [""]);
        assert_eq!(suffixes(Format::Xyz, &"1\n\nH 0 0 0\n".repeat(3)), ["@0", "@1", "@2"]);
    }
}

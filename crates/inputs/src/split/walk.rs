//! From the first structure of a text to the last.

use super::cif::CifBlocks;
use super::json::JsonObjects;
use super::piece::{Found, Piece};
use super::xyz::XyzFrames;
use mlip_formats::Format;
use std::io::{self, BufRead};

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

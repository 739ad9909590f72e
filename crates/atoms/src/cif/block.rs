//! Blocks of a CIF: the items and loops that can matter, everything else only checked for its syntax.

use super::error::Warnings;
use super::lexer::{Kind, Lexer, Token};
use super::{CifClass, CifError};
use std::borrow::Cow;

/// More values than this are not kept (a file of 64 MiB of two-byte words has 33 million).
const MAX_VALUES: usize = 8_000_000;

/// A value and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value<'a> {
    bytes: &'a [u8],
    /// From 1.
    pub(crate) line: u32,
    delimited: bool,
}

impl<'a> Value<'a> {
    /// Whether the value is `?` or `.` or blank: there is nothing.
    pub(crate) fn is_absent(&self) -> bool {
        (!self.delimited && matches!(self.bytes, b"?" | b".")) || self.bytes.trim_ascii().is_empty()
    }

    /// The text without blanks at its ends; bytes that are not UTF-8 are read as ISO-8859-1.
    pub(crate) fn text(&self) -> Cow<'a, str> {
        let bytes = self.bytes.trim_ascii();
        match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()),
        }
    }

    /// The text, or `None` where there is nothing.
    pub(crate) fn present(&self) -> Option<Cow<'a, str>> {
        (!self.is_absent()).then(|| self.text())
    }
}

/// A table. Rows are complete unless `truncated`.
#[derive(Debug)]
pub(crate) struct Loop<'a> {
    pub(crate) line: u32,
    /// Canonical names of the columns.
    tags: Vec<String>,
    /// Row by row.
    values: Vec<Value<'a>>,
    /// Number of values over, and the line of the last one.
    pub(crate) truncated: Option<(usize, u32)>,
}

impl<'a> Loop<'a> {
    pub(crate) fn column(&self, tag: &str) -> Option<usize> {
        self.tags.iter().position(|known| known == tag)
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.values.len() / self.tags.len().max(1)
    }

    pub(crate) fn get(&self, row: usize, column: usize) -> Option<Value<'a>> {
        self.values.get(row * self.tags.len() + column).copied()
    }

    /// Where the number of values stops being a multiple of the number of columns.
    ///
    /// # Errors
    /// When the last row is incomplete.
    pub(crate) fn check_complete(&self) -> Result<(), CifError> {
        let Some((over, line)) = self.truncated else { return Ok(()) };
        Err(CifError::new(
            CifClass::LoopTruncated,
            line,
            format!(
                "the loop of line {} has {} columns, and its last row has {over} values",
                self.line,
                self.tags.len()
            ),
            "the file may be cut short, or a value may hold a blank without quotes: fetch or correct it",
        ))
    }
}

/// One `data_` block, reduced to what can matter.
#[derive(Debug, Default)]
pub(crate) struct Block<'a> {
    pub(crate) line: u32,
    pairs: Vec<(String, Value<'a>)>,
    loops: Vec<Loop<'a>>,
    /// Line of the first tag of a macromolecular file.
    pub(crate) mmcif: Option<u32>,
    /// Line of the first tag of a modulated structure.
    pub(crate) modulated: Option<u32>,
}

impl<'a> Block<'a> {
    /// The loop that has this column.
    ///
    /// # Errors
    /// When two loops have it.
    pub(crate) fn find_loop(&self, tag: &str) -> Result<Option<&Loop<'a>>, CifError> {
        let mut with = self.loops.iter().filter(|table| table.column(tag).is_some());
        let first = with.next();
        match with.next() {
            Some(second) => Err(duplicate(tag, first.map_or(0, |table| table.line), second.line)),
            None => Ok(first),
        }
    }

    /// The value of an item; a loop of one row is the same as plain items.
    ///
    /// # Errors
    /// When it is there twice with two values.
    pub(crate) fn find(&self, tag: &str, warnings: &mut Warnings) -> Result<Option<Value<'a>>, CifError> {
        let mut found: Option<Value<'a>> = None;
        for value in self.all(tag) {
            let Some(first) = found else {
                found = Some(value);
                continue;
            };
            if first.text() != value.text() {
                return Err(duplicate(tag, first.line, value.line));
            }
            warnings.once(CifClass::DuplicateTag, value.line, || {
                format!("{tag} is there twice (lines {} and {}), with the same value", first.line, value.line)
            });
        }
        Ok(found)
    }

    /// Every value of an item, in the order of the file.
    pub(crate) fn all(&self, tag: &str) -> impl Iterator<Item = Value<'a>> {
        let plain = self.pairs.iter().filter(move |(name, _)| name == tag).map(|(_, value)| *value);
        let looped = self.loops.iter().filter(|table| table.n_rows() == 1);
        plain.chain(looped.filter_map(move |table| table.get(0, table.column(tag)?)))
    }

    /// Whether the tag is there, as an item or a column with at least one value.
    pub(crate) fn has(&self, tag: &str) -> bool {
        self.pairs.iter().any(|(name, _)| name == tag)
            || self.loops.iter().any(|table| table.n_rows() > 0 && table.column(tag).is_some())
    }

    /// Whether some tag starts like this.
    pub(crate) fn has_prefix(&self, prefix: &str) -> bool {
        self.pairs.iter().any(|(name, _)| name.starts_with(prefix))
            || self.loops.iter().any(|table| table.tags.iter().any(|tag| tag.starts_with(prefix)))
    }
}

fn duplicate(tag: &str, first: u32, second: u32) -> CifError {
    CifError::new(
        CifClass::DuplicateTag,
        second,
        format!("{tag} is there twice with different values, on lines {first} and {second}"),
        "remove the wrong one",
    )
}

/// The blocks of a file.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    pub(crate) blocks: Vec<Block<'a>>,
}

/// Categories of which values are kept.
const KEPT: [&str; 6] =
    ["_cell_", "_atom_site_", "_symmetry_", "_space_group_", "_chemical_formula_sum", "_atom_sites_cartn_tran"];

/// A tag in lower case; the dots of magnetic dictionaries become underscores, as in their earlier drafts.
fn canonical(tag: &str) -> String {
    let lower = tag.to_ascii_lowercase();
    if lower.contains("magn") || lower.contains("_moment") { lower.replace('.', "_") } else { lower }
}

/// Splits a file into blocks.
///
/// # Errors
/// When the file is not a CIF, or a broken one.
pub(crate) fn parse_document<'a>(bytes: &'a [u8], warnings: &mut Warnings) -> Result<Document<'a>, CifError> {
    let lexer = Lexer::new(bytes)?;
    if lexer.is_cif2() {
        warnings.once(CifClass::Cif2, 1, || "this is CIF 2.0: lists and tables in it are skipped".into());
    }
    let mut parser = Parser { lexer, peeked: None, n_values: 0 };
    parser.document(warnings)
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    peeked: Option<Token<'a>>,
    n_values: usize,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Result<Option<Token<'a>>, CifError> {
        match self.peeked.take() {
            Some(token) => Ok(Some(token)),
            None => self.lexer.next(),
        }
    }

    fn document(&mut self, warnings: &mut Warnings) -> Result<Document<'a>, CifError> {
        let mut blocks: Vec<Block<'a>> = Vec::new();
        let mut frame: Option<u32> = None;
        while let Some(token) = self.next()? {
            if token.kind == Kind::Block {
                check_frame_closed(frame)?;
                blocks.push(Block { line: token.line, ..Block::default() });
                continue;
            }
            if token.kind == Kind::Save {
                // Save frames belong to dictionaries; what they define is no part of the block.
                frame = if frame.is_none() && token.text.len() > 5 { Some(token.line) } else { None };
                warnings.once(CifClass::Syntax, token.line, || "a save frame was skipped".into());
                continue;
            }
            if blocks.is_empty() && matches!(token.kind, Kind::Tag | Kind::Loop) {
                warnings.once(CifClass::Syntax, token.line, || "there is no data_ line before the first item".into());
                blocks.push(Block { line: token.line, ..Block::default() });
            }
            let mut discarded = Block::default();
            let block = match (&frame, blocks.last_mut()) {
                (None, Some(block)) => block,
                _ => &mut discarded,
            };
            match token.kind {
                Kind::Tag => self.pair(token, block)?,
                Kind::Loop => self.table(token, block, warnings)?,
                Kind::Stop => {}
                _ => return Err(stray(token)),
            }
        }
        check_frame_closed(frame)?;
        Ok(Document { blocks })
    }

    fn pair(&mut self, tag: Token<'a>, block: &mut Block<'a>) -> Result<(), CifError> {
        let value = match self.next()? {
            Some(token) if matches!(token.kind, Kind::Bare | Kind::Delimited) => token,
            _ => {
                return Err(CifError::new(
                    CifClass::Syntax,
                    tag.line,
                    format!("{} has no value", String::from_utf8_lossy(tag.text)),
                    "give it one, or ? if it is not known",
                ));
            }
        };
        if let Some(name) = note(tag, block) {
            self.count(1, tag.line)?;
            block.pairs.push((name, as_value(value)));
        }
        Ok(())
    }

    fn table(&mut self, start: Token<'a>, block: &mut Block<'a>, warnings: &mut Warnings) -> Result<(), CifError> {
        let (mut tags, mut kept) = (Vec::new(), false);
        while let Some(token) = self.next()? {
            if token.kind != Kind::Tag {
                self.peeked = Some(token);
                break;
            }
            let name = note(token, block);
            kept |= name.is_some();
            tags.push(name.unwrap_or_default());
        }
        if tags.is_empty() {
            return Err(CifError::new(CifClass::Syntax, start.line, "loop_ without a tag", "name its columns"));
        }
        let (mut values, mut n_values, mut last_line) = (Vec::new(), 0usize, start.line);
        while let Some(token) = self.next()? {
            if !matches!(token.kind, Kind::Bare | Kind::Delimited) {
                self.peeked = (token.kind != Kind::Stop).then_some(token);
                break;
            }
            n_values += 1;
            last_line = token.line;
            if kept {
                self.count(1, token.line)?;
                values.push(as_value(token));
            }
        }
        let over = n_values % tags.len();
        if kept {
            let truncated = (over != 0).then_some((over, last_line));
            block.loops.push(Loop { line: start.line, tags, values, truncated });
        } else if over != 0 {
            warnings.once(CifClass::LoopIncomplete, last_line, || {
                format!(
                    "the loop of line {} has {} columns, and its last row has {over} values; it is not used",
                    start.line,
                    tags.len()
                )
            });
        }
        Ok(())
    }

    fn count(&mut self, n: usize, line: u32) -> Result<(), CifError> {
        self.n_values += n;
        if self.n_values <= MAX_VALUES {
            return Ok(());
        }
        Err(CifError::new(
            CifClass::TooLarge,
            line,
            format!("more than {MAX_VALUES} values"),
            "split the file: one structure a file is enough",
        ))
    }
}

/// The canonical name of a tag of which the value is kept.
fn note(token: Token<'_>, block: &mut Block<'_>) -> Option<String> {
    let tag = String::from_utf8_lossy(token.text);
    let name = canonical(&tag);
    if name.starts_with("_cell.") || name.starts_with("_atom_site.") {
        block.mmcif.get_or_insert(token.line);
    }
    if name.contains("_ssg_") || name.starts_with("_cell_wave_vector") || name.starts_with("_cell_modulation") {
        block.modulated.get_or_insert(token.line);
    }
    let wanted = KEPT.iter().any(|category| name.starts_with(category)) && !name.starts_with("_atom_site_aniso");
    wanted.then_some(name)
}

fn as_value(token: Token<'_>) -> Value<'_> {
    Value { bytes: token.text, line: token.line, delimited: token.kind == Kind::Delimited }
}

fn check_frame_closed(frame: Option<u32>) -> Result<(), CifError> {
    match frame {
        Some(line) => Err(CifError::new(
            CifClass::Syntax,
            line,
            "the save frame that starts here does not end",
            "close it: save_",
        )),
        None => Ok(()),
    }
}

fn stray(token: Token<'_>) -> CifError {
    let text = String::from_utf8_lossy(&token.text[..token.text.len().min(40)]).into_owned();
    CifError::new(
        CifClass::Syntax,
        token.line,
        format!("{text:?} stands where a tag, loop_ or data_ is expected"),
        "quote values that hold blanks; or this is another kind of file",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &[u8]) -> Result<(Document<'_>, Warnings), CifError> {
        let mut warnings = Warnings::default();
        Ok((parse_document(text, &mut warnings)?, warnings))
    }

    #[test]
    fn tags_are_found_in_any_case_as_items_and_in_loops_of_one_row() {
        let (document, mut warnings) =
            parse(b"data_x\n_CELL_length_A 1\nloop_\n_cell_length_b _other\n2 3\nloop_ _cell_x\n1 2\n").unwrap();
        let block = &document.blocks[0];
        assert_eq!(block.find("_cell_length_a", &mut warnings).unwrap().unwrap().text(), "1");
        assert_eq!(block.find("_cell_length_b", &mut warnings).unwrap().unwrap().text(), "2");
        assert!(block.find("_cell_x", &mut warnings).unwrap().is_none());
        assert_eq!(block.find_loop("_cell_x").unwrap().unwrap().n_rows(), 2);
    }

    #[test]
    fn a_tag_twice_is_an_error_only_with_two_values_and_only_when_used() {
        let (document, mut warnings) = parse(b"data_x _cell_a 1 _cell_a 2 _cell_b 1 _cell_b 1").unwrap();
        let block = &document.blocks[0];
        assert_eq!(block.find("_cell_a", &mut warnings).unwrap_err().class, CifClass::DuplicateTag);
        assert!(!warnings.contains(CifClass::DuplicateTag));
        assert!(block.find("_cell_b", &mut warnings).unwrap().is_some());
        assert!(warnings.contains(CifClass::DuplicateTag));
    }

    #[test]
    fn save_frames_hide_their_items() {
        let (document, mut warnings) = parse(b"data_x save_f _cell_a 7 save_ _cell_a 1").unwrap();
        assert_eq!(document.blocks[0].find("_cell_a", &mut warnings).unwrap().unwrap().text(), "1");
        assert_eq!(parse(b"data_x\nsave_f _cell_a 7").unwrap_err().line, Some(2));
    }

    #[test]
    fn incomplete_rows_matter_only_in_loops_that_are_used() {
        let (_, warnings) = parse(b"data_x loop_ _a _b 1 2 3").unwrap();
        assert!(warnings.contains(CifClass::LoopIncomplete));
        let (document, _) = parse(b"data_x\nloop_ _cell_a _b 1 2\n3").unwrap();
        let error = document.blocks[0].find_loop("_cell_a").unwrap().unwrap().check_complete().unwrap_err();
        assert_eq!((error.class, error.line), (CifClass::LoopTruncated, Some(3)));
    }

    #[test]
    fn words_in_the_wrong_place_are_syntax_errors() {
        for (text, line) in
            [(&b"TiO2\n1.0"[..], 1), (b"data_x\n_a\n_b 1", 2), (b"data_x _a 1\n2", 2), (b"data_x loop_ 1", 1)]
        {
            let error = parse(text).unwrap_err();
            assert_eq!((error.class, error.line), (CifClass::Syntax, Some(line)));
        }
    }
}

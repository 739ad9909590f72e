//! From text to blocks: the items and loops that can matter are kept, everything else is only checked for its syntax.

use super::block::{Block, Loop, Value};
use super::error::Warnings;
use super::lexer::{Kind, Lexer, Token};
use super::{CifClass, CifError};
use memchr::memmem::Finder;
use std::sync::LazyLock;

/// More values than this are not kept (a file of 64 MiB of two-byte words has 33 million).
const MAX_VALUES: usize = 8_000_000;

/// The blocks of a file.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    pub(crate) blocks: Vec<Block<'a>>,
}

/// Categories of which values are kept.
const KEPT: [&str; 6] =
    ["_cell_", "_atom_site_", "_symmetry_", "_space_group_", "_chemical_formula_sum", "_atom_sites_cartn_tran"];

/// What names of superspace groups have in them. It is looked for in each name: `str::contains` takes twice as many
/// instructions.
static SUPERSPACE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("_ssg_"));

/// A tag in lower case; the dots of magnetic dictionaries become underscores, as in their earlier drafts.
fn canonical(tag: &str) -> String {
    let lower = tag.to_ascii_lowercase();
    let is_magnetic = lower.contains('.') && (lower.contains("magn") || lower.contains("_moment"));
    if is_magnetic { lower.replace('.', "_") } else { lower }
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
        let value = Value::from_token(value);
        if let Some(name) = note(tag, block, !value.is_absent()) {
            self.count(1, tag.line)?;
            block.pairs.push((name, value));
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
            let name = note(token, block, true);
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
                values.push(Value::from_token(token));
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

/// The canonical name of a tag of which the value is kept; a tag without a value says nothing of a modulation.
fn note(token: Token<'_>, block: &mut Block<'_>, has_value: bool) -> Option<String> {
    let tag = String::from_utf8_lossy(token.text);
    let name = canonical(&tag);
    // The core dictionary in its newer form: category, dot, name. So are names in mmCIF.
    let is_dotted = name.starts_with("_cell.") || name.starts_with("_atom_site.");
    let name = if name.contains('.') { name.replacen('.', "_", 1) } else { name };
    if is_dotted {
        block.mmcif.get_or_insert(token.line);
    }
    if has_value && (SUPERSPACE.find(name.as_bytes()).is_some() || name.starts_with("_cell_wave_vector")) {
        block.modulated.get_or_insert(token.line);
    }
    let wanted = KEPT.iter().any(|category| name.starts_with(category)) && !name.starts_with("_atom_site_aniso");
    wanted.then_some(name)
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
    fn a_question_mark_is_no_modulation() {
        let modulated = |text: &[u8]| parse(text).unwrap().0.blocks[0].modulated;
        assert_eq!(modulated(b"data_a\n_space_group_ssg_name ?\n_cell_wave_vector_seq_id .\n"), None);
        assert_eq!(modulated(b"data_a\n_cell_length_a 1\n_space_group_ssg_name 'P(00g)'\n"), Some(3));
        assert_eq!(modulated(b"data_a\nloop_\n_cell_wave_vector_seq_id\n_cell_wave_vector_x\n1 0.2\n"), Some(3));
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

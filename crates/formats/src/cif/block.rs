//! What is kept of a block of a CIF: items and loops, found by their tags.

use super::error::Warnings;
use super::lexer::{Kind, Token};
use super::{CifClass, CifError};
use std::borrow::Cow;

/// A value and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value<'a> {
    bytes: &'a [u8],
    /// From 1.
    pub(crate) line: u32,
    delimited: bool,
}

impl<'a> Value<'a> {
    pub(crate) fn from_token(token: Token<'a>) -> Self {
        Self { bytes: token.text, line: token.line, delimited: token.kind == Kind::Delimited }
    }

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
    pub(super) tags: Vec<String>,
    /// Row by row.
    pub(super) values: Vec<Value<'a>>,
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
    pub(super) pairs: Vec<(String, Value<'a>)>,
    pub(super) loops: Vec<Loop<'a>>,
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

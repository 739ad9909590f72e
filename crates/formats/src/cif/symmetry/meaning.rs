//! What the file may mean, and how it says it.

use super::names::Candidate;
use super::operation::Operation;
use crate::cif::error::Warnings;
use crate::cif::{CifClass, CifError};
use std::borrow::Cow;

/// How the file says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Operations or a Hall symbol, or nothing at all: no choice.
    Given,
    /// A name that may mean several settings.
    Name,
    /// Only a number.
    Number,
    /// A name that nobody knows, and a number.
    UnknownName,
}

/// The sets of operations that the file may mean, likeliest first. Never empty.
#[derive(Debug)]
pub(crate) struct Symmetry {
    pub(crate) candidates: Vec<Candidate>,
    pub(super) source: Source,
    pub(super) text: String,
    pub(super) line: u32,
}

impl Symmetry {
    pub(super) fn given(operations: Vec<Operation>, line: u32) -> Self {
        Self { candidates: vec![Cow::Owned(operations)], source: Source::Given, text: String::new(), line }
    }

    /// Says what had to be assumed, once the atoms have decided between the candidates.
    ///
    /// # Errors
    /// When nothing decided and the candidates give different crystals.
    pub(crate) fn report_choice(
        &self,
        index: usize,
        is_certain: bool,
        warnings: &mut Warnings,
    ) -> Result<(), CifError> {
        let Self { text, line, candidates, .. } = self;
        match self.source {
            Source::Given => {}
            Source::Name if candidates.len() == 1 => {}
            Source::Name if is_certain => warnings.once(CifClass::SymmetryAmbiguous, *line, || {
                format!(
                    "{text:?} may mean {} settings; number {} agrees with the formula, Z, multiplicities or distances",
                    candidates.len(),
                    index + 1
                )
            }),
            Source::Name => {
                return Err(CifError::new(
                    CifClass::SymmetryAmbiguous,
                    *line,
                    format!("{text:?} may mean {} settings, and nothing in the file tells which", candidates.len()),
                    "name the origin (for example `F d -3 m :2`) or list the operations",
                ));
            }
            Source::Number => warnings.once(CifClass::SymmetryAssumed, *line, || {
                format!("only the number {text} is given; its standard setting was assumed")
            }),
            Source::UnknownName if is_certain => warnings.once(CifClass::SymmetryAssumed, *line, || {
                format!("the name {text:?} is not known; the setting was taken from the number")
            }),
            Source::UnknownName => return Err(unknown_name(text, *line)),
        }
        Ok(())
    }
}

pub(super) fn unknown_name(text: &str, line: u32) -> CifError {
    CifError::new(
        CifClass::SymmetryUnknown,
        line,
        format!("{text:?} is not the name of a space group"),
        "correct it or list the operations; P 1 is never assumed in its place",
    )
}

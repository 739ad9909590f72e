//! Which symmetry operations a block means.
//!
//! Operations in the file win over the Hall symbol, that over the Hermann-Mauguin name, that over the number.
//!
//! Module order: `operation` ← `hall` ← `names` ← `magnetic`.

mod hall;
mod magnetic;
mod names;
mod operation;

pub(crate) use operation::{Operation, parse_operation};

use super::block::{Block, Value};
use super::error::Warnings;
use super::{CifClass, CifError};
use mlip_atoms::Lattice;
use names::{Candidate, possible_settings, resolve_name, standard_settings};
use operation::{distinct, misfit};
use std::borrow::Cow;
use std::collections::HashSet;

/// Operations may change the metric by this part: cells of real files are refined, rounded, strained.
pub(crate) const MAX_MISFIT: f64 = 0.05;
/// A space group has up to 192 operations in its usual cell; supercells list more.
const MAX_OPERATIONS: usize = 1024;

const OPERATION_TAGS: [&str; 2] = ["_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz"];
const HALL_TAGS: [&str; 2] = ["_space_group_name_hall", "_symmetry_space_group_name_hall"];
const NAME_TAGS: [&str; 3] =
    ["_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m", "_space_group_name_h-m_full"];
const NUMBER_TAGS: [&str; 2] = ["_space_group_it_number", "_symmetry_int_tables_number"];

/// How the file says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
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
    source: Source,
    text: String,
    line: u32,
}

impl Symmetry {
    fn given(operations: Vec<Operation>, line: u32) -> Self {
        Self { candidates: vec![Cow::Owned(operations)], source: Source::Given, text: String::new(), line }
    }

    /// Says what had to be assumed, once the atoms have decided between the candidates.
    ///
    /// # Errors
    /// When nothing decided and the candidates give different crystals.
    pub(crate) fn settle(&self, index: usize, is_certain: bool, warnings: &mut Warnings) -> Result<(), CifError> {
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

fn unknown_name(text: &str, line: u32) -> CifError {
    CifError::new(
        CifClass::SymmetryUnknown,
        line,
        format!("{text:?} is not the name of a space group"),
        "correct it or list the operations; P 1 is never assumed in its place",
    )
}

/// Finds the operations.
///
/// # Errors
/// When an operation is malformed, a name or number does not exist, or the operations do not fit the cell.
pub(crate) fn read_symmetry(
    block: &Block<'_>,
    lattice: &Lattice,
    warnings: &mut Warnings,
) -> Result<Symmetry, CifError> {
    let mut symmetry = find_symmetry(block, lattice, warnings)?;
    let count = symmetry.candidates.first().map_or(0, |operations| operations.len());
    if count > MAX_OPERATIONS {
        return Err(CifError::new(
            CifClass::TooLarge,
            symmetry.line,
            format!("{count} symmetry operations, more than {MAX_OPERATIONS}"),
            "a space group has up to 192: give a smaller cell",
        ));
    }
    let worst = symmetry.candidates.iter().map(|set| misfit(set, lattice)).fold(f64::INFINITY, f64::min);
    symmetry.candidates.retain(|set| misfit(set, lattice) <= MAX_MISFIT);
    if symmetry.candidates.is_empty() {
        return Err(CifError::new(
            CifClass::SymmetryCellMismatch,
            symmetry.line,
            format!("the symmetry changes the cell by {:.0} %", 100.0 * worst),
            "the cell belongs to another setting than the operations: correct one of them",
        ));
    }
    Ok(symmetry)
}

fn find_symmetry(block: &Block<'_>, lattice: &Lattice, warnings: &mut Warnings) -> Result<Symmetry, CifError> {
    if let Some(symmetry) = magnetic::read_magnetic(block, warnings)? {
        return Ok(symmetry);
    }
    let hall = first_present(block, &HALL_TAGS, warnings)?;
    let name = first_present(block, &NAME_TAGS, warnings)?;
    let number = first_present(block, &NUMBER_TAGS, warnings)?;
    let it_number = number.and_then(|value| parse_it_number(&value.text()));
    if let Some(symmetry) = read_operations(block, warnings)? {
        check_names(&symmetry, hall, name, it_number, lattice, warnings);
        return Ok(symmetry);
    }
    if let Some(value) = hall
        && let Some(operations) = hall::operations_of_symbol(&value.text())
    {
        let symmetry = Symmetry::given(operations, value.line);
        check_names(&symmetry, None, name, it_number, lattice, warnings);
        return Ok(symmetry);
    }
    if let Some(value) = name {
        let (text, line) = (value.text().into_owned(), value.line);
        let candidates = resolve_name(&text, it_number, lattice);
        if !candidates.is_empty() {
            return Ok(Symmetry { candidates, source: Source::Name, text, line });
        }
        let candidates = it_number.map_or_else(Vec::new, |number| possible_settings(number, lattice));
        if candidates.is_empty() {
            return Err(unknown_name(&text, line));
        }
        return Ok(Symmetry { candidates, source: Source::UnknownName, text, line });
    }
    if let Some(value) = number {
        let candidates = it_number.map_or_else(Vec::new, |number| standard_settings(number, lattice));
        let (text, line) = (value.text().into_owned(), value.line);
        if candidates.is_empty() {
            return Err(CifError::new(
                CifClass::SymmetryUnknown,
                line,
                format!("the space group number is {text:?}, expected 1 to 230"),
                "correct it or list the operations",
            ));
        }
        return Ok(Symmetry { candidates, source: Source::Number, text, line });
    }
    if let Some(value) = hall {
        return Err(CifError::new(
            CifClass::SymmetryUnknown,
            value.line,
            format!("{:?} is not a Hall symbol", value.text()),
            "correct it or list the operations",
        ));
    }
    warnings.once(CifClass::SymmetryMissing, block.line, || {
        "neither operations nor a space group are given; P 1 was assumed".into()
    });
    Ok(Symmetry::given(vec![Operation::IDENTITY], block.line))
}

/// The first of these items that has a value.
fn first_present<'a>(block: &Block<'a>, tags: &[&str], warnings: &mut Warnings) -> Result<Option<Value<'a>>, CifError> {
    for tag in tags {
        if let Some(value) = block.find(tag, warnings)?.filter(|value| !value.is_absent()) {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

fn parse_it_number(text: &str) -> Option<i32> {
    let number: f64 = text.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "1 to 230")]
    let whole = (number.fract() == 0.0 && (1.0..=230.0).contains(&number)).then_some(number as i32);
    whole
}

/// The values of a tag: a column, or one item.
fn values_of<'a>(block: &Block<'a>, tag: &str, warnings: &mut Warnings) -> Result<Vec<Value<'a>>, CifError> {
    let values: Vec<Value<'a>> = match block.find_loop(tag)? {
        Some(table) => {
            table.check_complete()?;
            let column = table.column(tag).unwrap_or(0);
            (0..table.n_rows()).filter_map(|row| table.get(row, column)).collect()
        }
        None => block.find(tag, warnings)?.into_iter().collect(),
    };
    Ok(values.into_iter().filter(|value| !value.is_absent()).collect())
}

fn read_operations(block: &Block<'_>, warnings: &mut Warnings) -> Result<Option<Symmetry>, CifError> {
    let mut found: Option<Symmetry> = None;
    for tag in OPERATION_TAGS {
        let values = values_of(block, tag, warnings)?;
        let Some(first) = values.first().map(|value| value.line) else { continue };
        let list = parse_operations(&values, warnings)?;
        let (operations, had_identity) = distinct(list);
        if !had_identity {
            warnings.once(CifClass::SymmetryConflict, first, || "the identity was not among the operations".into());
        }
        match &found {
            None => found = Some(Symmetry::given(operations, first)),
            Some(known) if !agrees(&known.candidates[0], &operations) => {
                warnings.once(CifClass::SymmetryConflict, first, || {
                    format!("two different lists of operations; that of line {} was taken", known.line)
                });
            }
            Some(_) => {}
        }
    }
    Ok(found)
}

fn parse_operations(values: &[Value<'_>], warnings: &mut Warnings) -> Result<Vec<Operation>, CifError> {
    let parsed: Result<Vec<_>, _> = values
        .iter()
        .map(|value| parse_operation(&value.text()).map_err(|cause| invalid_operation(value, &cause)))
        .collect();
    let Err(error) = parsed else { return parsed };
    // `x, y, z` without quotes is three words; together the words of each line must make sense.
    let lines = values.chunk_by(|a, b| a.line == b.line);
    let joined = lines.map(|words| parse_operation(&words.iter().map(Value::text).collect::<String>()));
    let Ok(list) = joined.collect::<Result<Vec<_>, _>>() else { return Err(error) };
    warnings
        .once(CifClass::Syntax, error.line, || "the operations hold blanks and no quotes; read line by line".into());
    Ok(list)
}

fn invalid_operation(value: &Value<'_>, cause: &str) -> CifError {
    let short: String = value.text().chars().take(60).collect();
    CifError::new(
        CifClass::SymopInvalid,
        value.line,
        format!("the symmetry operation {short:?} cannot be read: {cause}"),
        "write it like '-y,x-y,z+1/3'",
    )
}

/// Whether two sets are the same but for the origin.
fn agrees(a: &[Operation], b: &[Operation]) -> bool {
    let rotations = |set: &[Operation]| -> HashSet<_> { set.iter().map(Operation::rotation_key).collect() };
    a.len() == b.len() && (a.len() == 1 || rotations(a) == rotations(b))
}

/// Warns when the names speak of another group than the operations.
fn check_names(
    symmetry: &Symmetry,
    hall: Option<Value<'_>>,
    name: Option<Value<'_>>,
    number: Option<i32>,
    lattice: &Lattice,
    warnings: &mut Warnings,
) {
    let operations = &symmetry.candidates[0];
    if let Some(value) = hall
        && hall::operations_of_symbol(&value.text()).is_some_and(|set| !agrees(operations, &set))
    {
        warn_conflict(&value, warnings);
    }
    if let Some(value) = name {
        let candidates = resolve_name(&value.text(), number, lattice);
        if !candidates.is_empty() && !candidates.iter().any(|set| agrees(operations, set)) {
            warn_conflict(&value, warnings);
        }
    }
}

fn warn_conflict(value: &Value<'_>, warnings: &mut Warnings) {
    warnings.once(CifClass::SymmetryConflict, value.line, || {
        format!("{:?} is another space group than the one that was taken", value.text())
    });
}

//! What the items of a block say of its symmetry, taken together.

use super::listed::{MAX_OPERATIONS, agrees, read_operations};
use super::meaning::{Source, Symmetry, unknown_name};
use super::names::{possible_settings, resolve_name, standard_settings};
use super::operation::{MAX_MISFIT, Operation, misfit};
use super::{hall, magnetic};
use crate::cif::block::{Block, Value};
use crate::cif::error::Warnings;
use crate::cif::{CifClass, CifError};
use mlip_atoms::Lattice;

const HALL_TAGS: [&str; 2] = ["_space_group_name_hall", "_symmetry_space_group_name_hall"];
const NAME_TAGS: [&str; 3] =
    ["_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m", "_space_group_name_h-m_full"];
const NUMBER_TAGS: [&str; 2] = ["_space_group_it_number", "_symmetry_int_tables_number"];

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

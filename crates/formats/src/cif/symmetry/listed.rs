//! Operations that the file lists.

use super::meaning::Symmetry;
use super::operation::{Operation, distinct, parse_operation};
use crate::cif::block::{Block, Value};
use crate::cif::error::Warnings;
use crate::cif::{CifClass, CifError};
use std::collections::HashSet;

/// A space group has up to 192 operations in its usual cell; supercells list more.
pub(super) const MAX_OPERATIONS: usize = 1024;

pub(super) const OPERATION_TAGS: [&str; 2] = ["_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz"];

/// The values of a tag: a column, or one item.
pub(super) fn values_of<'a>(block: &Block<'a>, tag: &str, warnings: &mut Warnings) -> Result<Vec<Value<'a>>, CifError> {
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

pub(super) fn read_operations(block: &Block<'_>, warnings: &mut Warnings) -> Result<Option<Symmetry>, CifError> {
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

pub(super) fn invalid_operation(value: &Value<'_>, cause: &str) -> CifError {
    let short: String = value.text().chars().take(60).collect();
    CifError::new(
        CifClass::SymopInvalid,
        value.line,
        format!("the symmetry operation {short:?} cannot be read: {cause}"),
        "write it like '-y,x-y,z+1/3'",
    )
}

/// Whether two sets are the same but for the origin.
pub(super) fn agrees(a: &[Operation], b: &[Operation]) -> bool {
    let rotations = |set: &[Operation]| -> HashSet<_> { set.iter().map(Operation::rotation_key).collect() };
    a.len() == b.len() && (a.len() == 1 || rotations(a) == rotations(b))
}

//! Magnetic and modulated structures.
//!
//! The positions of a magnetic structure repeat under the operations of its magnetic group, time reversal left out:
//! operations times centerings. The moments are dropped, with a warning.

use super::listed::{MAX_OPERATIONS, OPERATION_TAGS, invalid_operation, values_of};
use super::meaning::Symmetry;
use super::operation::{Operation, distinct, parse_operation};
use crate::cif::block::{Block, Value};
use crate::cif::error::Warnings;
use crate::cif::{CifClass, CifError};

const OPERATIONS: &str = "_space_group_symop_magn_operation_xyz";
const CENTERINGS: &str = "_space_group_symop_magn_centering_xyz";

/// The operations of a magnetic group; `None` when the file gives none and its ordinary symmetry holds.
///
/// # Errors
/// When the group is given by name only, or the structure is modulated.
pub(super) fn read_magnetic(block: &Block<'_>, warnings: &mut Warnings) -> Result<Option<Symmetry>, CifError> {
    let is_magnetic = block.has_prefix("_space_group_magn")
        || block.has_prefix("_space_group_symop_magn")
        || block.has_prefix("_atom_site_moment");
    // Dimension 0 says that it is not modulated, and a question mark nothing.
    let dimension = block.all("_cell_modulation_dimension").find(|value| !value.is_absent());
    let dimension = dimension.filter(|value| value.text().parse::<f64>() != Ok(0.0));
    if let Some(line) = block.modulated.or(dimension.map(|value| value.line)) {
        let class = if is_magnetic { CifClass::Magnetic } else { CifClass::SymmetryUnknown };
        let cause = "the structure is modulated: it has no unit cell in three dimensions";
        return Err(CifError::new(class, line, cause, "choose a commensurate approximant and give that"));
    }
    if !is_magnetic {
        return Ok(None);
    }
    let operations = values_of(block, OPERATIONS, warnings)?;
    let Some(first) = operations.first().map(|value| value.line) else {
        let ordinary = OPERATION_TAGS.iter().any(|tag| block.has(tag));
        if block.has_prefix("_space_group_magn") && !ordinary {
            return Err(CifError::new(
                CifClass::Magnetic,
                block.line,
                "the magnetic space group is given without its operations",
                "list the operations in _space_group_symop_magn_operation.xyz",
            ));
        }
        warn(block.line, warnings);
        return Ok(None);
    };
    warn(first, warnings);
    let mut centerings = vec![Operation::IDENTITY];
    for value in values_of(block, CENTERINGS, warnings)? {
        centerings.push(parse_magnetic(&value)?);
    }
    let mut list = Vec::new();
    for value in &operations {
        let operation = parse_magnetic(value)?;
        list.extend(centerings.iter().map(|centering| centering.compose(&operation)));
        if list.len() > 64 * MAX_OPERATIONS {
            return Err(CifError::new(CifClass::TooLarge, value.line, "too many operations", "give a smaller cell"));
        }
    }
    Ok(Some(Symmetry::given(distinct(list).0, first)))
}

fn warn(line: u32, warnings: &mut Warnings) {
    warnings.once(CifClass::Magnetic, line, || "a magnetic structure: its moments are dropped".into());
}

/// `x,y,z,+1`: the time reversal must be there as ±1 and is left out.
fn parse_magnetic(value: &Value<'_>) -> Result<Operation, CifError> {
    let text = value.text();
    let (xyz, reversal) = text.rsplit_once(',').unwrap_or((&text, ""));
    if !matches!(reversal.trim(), "+1" | "-1" | "1" | "m" | "-m" | "+m") {
        return Err(invalid_operation(value, "it does not end in time reversal, +1 or -1"));
    }
    parse_operation(xyz).map_err(|cause| invalid_operation(value, &cause))
}

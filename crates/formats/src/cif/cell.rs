//! Unit cells.

use super::block::Block;
use super::error::Warnings;
use super::number::parse_number;
use super::{CifClass, CifError};
use crate::matter::{IN_ANGSTROM, too_thin};
use mlip_atoms::{Frame, Lattice};

/// Difference between declared and computed volume that is worth a warning.
const VOLUME_TOLERANCE: f64 = 0.02;

/// A cell as the file gives it.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) lengths: [f64; 3],
    pub(crate) angles: [f64; 3],
    pub(crate) lattice: Lattice,
}

/// Lengths, angles and the volume check.
///
/// # Errors
/// When a length or angle is missing, no number, given twice with two values, or the cell has no volume.
pub(crate) fn read_cell(block: &Block<'_>, frame: Frame, warnings: &mut Warnings) -> Result<Cell, CifError> {
    let (mut lengths, mut angles) = ([0.0; 3], [0.0; 3]);
    let mut line = block.line;
    for (slot, tag) in lengths.iter_mut().zip(["_cell_length_a", "_cell_length_b", "_cell_length_c"]) {
        let value = block.find(tag, warnings)?.filter(|value| !value.is_absent());
        let value = value.ok_or_else(|| missing(tag, block.line))?;
        *slot = parse_number(&value, tag, warnings)?.value;
        line = value.line;
        if *slot <= 0.0 {
            let message = format!("{tag} is {slot}, expected a positive number of Å");
            return Err(CifError::new(CifClass::CellInvalid, line, message, "correct the cell"));
        }
    }
    for (slot, tag) in angles.iter_mut().zip(["_cell_angle_alpha", "_cell_angle_beta", "_cell_angle_gamma"]) {
        let Some(value) = block.find(tag, warnings)? else {
            // The default of the core dictionary.
            *slot = 90.0;
            warnings.once(CifClass::CellMissing, block.line, || format!("{tag} is not given; taken as 90°"));
            continue;
        };
        if value.is_absent() {
            return Err(missing(tag, value.line));
        }
        *slot = parse_number(&value, tag, warnings)?.value;
        line = value.line;
    }
    let lattice = Lattice::from_parameters(lengths, angles, frame)
        .map_err(|error| CifError::new(CifClass::CellInvalid, line, error.to_string(), "correct the cell"))?;
    // Before sites are merged: in a cell given in metres all of them are at one place.
    if let Some(cause) = too_thin(&lattice) {
        return Err(CifError::new(CifClass::CellInvalid, line, cause, IN_ANGSTROM));
    }
    check_volume(block, &lattice, warnings);
    Ok(Cell { lengths, angles, lattice })
}

fn missing(tag: &str, line: u32) -> CifError {
    CifError::new(
        CifClass::CellMissing,
        line,
        format!("{tag} is not given"),
        "add it: without a cell there is no crystal",
    )
}

fn check_volume(block: &Block<'_>, lattice: &Lattice, warnings: &mut Warnings) {
    let Some(value) = block.all("_cell_volume").find(|value| !value.is_absent()) else { return };
    // Nothing depends on the number, so one that cannot be read is no reason to refuse.
    let Ok(declared) = parse_number(&value, "_cell_volume", &mut Warnings::default()) else { return };
    let difference = (declared.value - lattice.volume()).abs();
    if difference > VOLUME_TOLERANCE * lattice.volume() + 3.0 * declared.uncertainty {
        warnings.once(CifClass::CellVolumeConflict, value.line, || {
            format!("_cell_volume is {}, the lengths and angles give {:.2} Å^3", declared.value, lattice.volume())
        });
    }
}

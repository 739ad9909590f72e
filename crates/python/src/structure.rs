//! From the arrays of an `ase.Atoms` to a structure. Arrays come as bytes: buffers are not part of the stable interface
//! of the older Pythons.

use crate::errors::usage;
use mlip_atoms::{Lattice, Species, Structure};
use pyo3::prelude::*;

/// Builds a structure.
///
/// * `numbers`: `[n_atoms]` atomic numbers, a byte each
/// * `cell`: `[3, 3]` lattice vectors as rows, `f64`, Å
/// * `positions`: `[n_atoms, 3]` Cartesian, `f64`, Å
pub(crate) fn structure(
    py: Python<'_>,
    numbers: &[u8],
    cell: &[u8],
    positions: &[u8],
    charge: Option<i32>,
    spin: Option<u32>,
) -> PyResult<Structure> {
    let refuse = |text: String| usage(py, &text);
    let cell = vectors(cell).filter(|rows| rows.len() == 3);
    let Some([a, b, c]) = cell.as_deref() else { return Err(refuse("the cell is not an array of 3 x 3".into())) };
    let lattice = Lattice::from_vectors([*a, *b, *c])
        .map_err(|error| refuse(format!("{error}; a crystal needs a cell: around a molecule, a large box")))?;
    let positions = vectors(positions).ok_or_else(|| refuse("positions are not an array of n x 3".into()))?;
    let element = |(site, number): (usize, &u8)| {
        let refusal = || refuse(format!("atom {site} has the atomic number {number}, and there are 1 to 118"));
        Species::from_atomic_number(*number).ok_or_else(refusal)
    };
    let species = numbers.iter().enumerate().map(element).collect::<PyResult<Vec<_>>>()?;
    let fractional = positions.iter().map(|position| lattice.fractional(*position)).collect();
    let built = Structure::new(lattice, species, fractional).map_err(|error| refuse(error.to_string()))?;
    Ok(built.with_charge(charge).with_spin(spin))
}

/// Rows of three numbers; none where bytes are left over.
fn vectors(bytes: &[u8]) -> Option<Vec<[f64; 3]>> {
    let (numbers, rest) = bytes.as_chunks::<8>();
    let numbers: Vec<f64> = numbers.iter().map(|number| f64::from_ne_bytes(*number)).collect();
    let (rows, left) = numbers.as_chunks::<3>();
    (rest.is_empty() && left.is_empty()).then(|| rows.to_vec())
}

/// The other way, for results.
pub(crate) fn bytes(numbers: &[f64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_ne_bytes()).collect()
}

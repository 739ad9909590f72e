//! The search for symmetry, which is `moyo`'s.

use super::error::SymmetryError;
use super::group::SpaceGroup;
use mlip_atoms::Structure;
use moyo::MoyoDataset;
use moyo::base::{AngleTolerance, Cell, Lattice, Position};
use moyo::data::Setting;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How far sites may be from where symmetry wants them, Å, unless users say otherwise: ASE's and pymatgen's default.
pub const SYMPREC: f64 = 0.01;

/// The space group of a structure whose sites may be `symprec` Å from where symmetry wants them. Elements tell sites apart,
/// moments and charges do not.
///
/// # Errors
/// When none is found, not within smaller distances either.
pub fn space_group(structure: &Structure, symprec: f64) -> Result<SpaceGroup, SymmetryError> {
    search(structure, symprec).map(|found| found.group)
}

/// `R`, by rows, and `t`, of fractional positions.
pub(super) type Operation = ([[i32; 3]; 3], [f64; 3]);

/// What was found.
pub(super) struct Found {
    pub(super) group: SpaceGroup,
    /// All of the cell as it is given, each once, those that are translations alone too.
    pub(super) operations: Vec<Operation>,
}

pub(super) fn search(structure: &Structure, symprec: f64) -> Result<Found, SymmetryError> {
    let refused = |reason: String| SymmetryError::Search { symprec, reason };
    let cell = Cell::new(
        Lattice::from_basis(*structure.lattice().vectors()),
        structure.fractional().iter().map(|x| Position::from_column_slice(x)).collect(),
        structure.species().iter().map(|species| species.atomic_number().into()).collect(),
    );
    // What it asserts of its own results is not of structures that are read from files: a defect there costs one answer.
    let find = || MoyoDataset::new(&cell, symprec, AngleTolerance::Default, Setting::Standard, false);
    let dataset = catch_unwind(AssertUnwindSafe(find))
        .map_err(|_| refused("the search was broken off by a defect in it".into()))?
        .map_err(|error| refused(error.to_string()))?;
    let group = u8::try_from(dataset.number).ok().and_then(SpaceGroup::from_number);
    let group = group.ok_or_else(|| refused(format!("the group has the number {}", dataset.number)))?;
    let operations = dataset.operations.iter().map(|found| (found.rotation_as_array(), found.translation_as_array()));
    Ok(Found { group, operations: operations.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlip_atoms::Species;

    fn rutile(shift: f64) -> Structure {
        let lattice = mlip_atoms::Lattice::from_vectors([[4.6, 0.0, 0.0], [0.0, 4.6, 0.0], [0.0, 0.0, 2.97]]).unwrap();
        let species = ["Ti", "Ti", "O", "O", "O", "O"].map(|symbol| Species::from_symbol(symbol).unwrap()).to_vec();
        let u = 0.3046;
        let sites = vec![
            [0.0, 0.0, shift],
            [0.5, 0.5, 0.5],
            [u, u, 0.0],
            [-u, -u, 0.0],
            [0.5 - u, 0.5 + u, 0.5],
            [0.5 + u, 0.5 - u, 0.5],
        ];
        Structure::new(lattice, species, sites).unwrap()
    }

    #[test]
    fn a_group_is_that_of_the_precision() {
        let number = |shift, symprec| space_group(&rutile(shift), symprec).unwrap().number();
        assert_eq!(number(0.0, SYMPREC), 136);
        // 6e-3 Å.
        assert_eq!((number(0.002, 0.02), number(0.002, 1e-4)), (136, 35));
        assert_eq!(search(&rutile(0.0), SYMPREC).unwrap().operations.len(), 16);
    }

    #[test]
    fn a_precision_of_which_nothing_comes_is_an_error() {
        let refused = space_group(&rutile(0.0), 1e-300).unwrap_err().to_string();
        assert!(refused.contains("no space group was found within 1e-300 Å"), "{refused}");
    }
}

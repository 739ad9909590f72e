//! A structure as it was read, with what tables say of its cell.

use mlip_atoms::Structure;
use moyo::MoyoDataset;
use moyo::base::{AngleTolerance, Cell, Lattice};
use moyo::data::Setting;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Distance within which atoms that an operation maps onto each other may lie, Å: pymatgen's.
const SYMPREC: f64 = 0.01;

/// The search for symmetry takes long in larger cells: a second with this many atoms.
const MOST_ATOMS: usize = 1000;

/// g/cm³ of one unit of mass in an Å³.
const GRAMS: f64 = 1.660_539_066_60;

/// A structure as it was read.
pub(super) struct Given {
    pub(super) structure: Arc<Structure>,
    /// g/cm³.
    pub(super) density: f64,
    /// Number of the space group, where it is asked for and found.
    pub(super) space_group: Option<i32>,
}

impl Given {
    /// `finds_group`: the search takes as long as a fast potential.
    pub(super) fn new(structure: Arc<Structure>, finds_group: bool) -> Self {
        let mass: f64 = structure.species().iter().map(|species| species.mass()).sum();
        let density = GRAMS * mass / structure.lattice().volume();
        let space_group = finds_group.then(|| space_group(&structure)).flatten();
        Self { structure, density, space_group }
    }

    /// Å³.
    pub(super) fn volume(&self) -> f64 {
        self.structure.lattice().volume()
    }
}

/// Number of the space group of these sites, by elements alone; `None` where it cannot be determined.
fn space_group(structure: &Structure) -> Option<i32> {
    if structure.n_atoms() > MOST_ATOMS {
        return None;
    }
    let numbers = structure.species().iter().map(|species| i32::from(species.atomic_number())).collect();
    let positions = structure.fractional().iter().map(|x| (*x).into()).collect();
    let cell = Cell::new(Lattice::from_basis(*structure.lattice().vectors()), positions, numbers);
    // Atoms on top of each other, thin cells: whatever it makes of them, they have a row.
    let find = || MoyoDataset::new(&cell, SYMPREC, AngleTolerance::Default, Setting::Spglib, false);
    catch_unwind(AssertUnwindSafe(find)).ok()?.ok().map(|found| found.number)
}

/// Reads structures from where they came from, for runs of versions that kept none.
pub trait ReadAgain: Send + Sync {
    /// The structure of an entry of the list, or why there is none.
    ///
    /// # Errors
    /// A sentence that names the file and the cause.
    fn read_again(&self, entry: u64) -> Result<Structure, String>;
}

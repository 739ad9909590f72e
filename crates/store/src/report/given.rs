//! A structure as it was read, with what tables say of its cell.

use mlip_atoms::Structure;
use mlip_calculations::{SYMPREC, SpaceGroup, space_group};
use std::sync::Arc;

/// Larger cells are not searched: the time grows faster than the number of atoms (docs/relaxation.md).
const MOST_ATOMS: usize = 1000;

/// g/cm³ of one unit of mass in an Å³.
const GRAMS: f64 = 1.660_539_066_60;

/// A structure as it was read.
pub(super) struct Given {
    pub(super) structure: Arc<Structure>,
    /// g/cm³.
    pub(super) density: f64,
    /// Where it is asked for and found.
    pub(super) space_group: Option<SpaceGroup>,
}

impl Given {
    /// `finds_group`: the search takes as long as a fast potential.
    pub(super) fn new(structure: Arc<Structure>, finds_group: bool) -> Self {
        let mass: f64 = structure.species().iter().map(|species| species.mass()).sum();
        let density = GRAMS * mass / structure.lattice().volume();
        let is_searched = finds_group && structure.n_atoms() <= MOST_ATOMS;
        let space_group = is_searched.then(|| space_group(&structure, SYMPREC).ok()).flatten();
        Self { structure, density, space_group }
    }

    /// Å³.
    pub(super) fn volume(&self) -> f64 {
        self.structure.lattice().volume()
    }
}

/// Reads structures from where they came from, for runs of versions that kept none.
pub trait ReadAgain: Send + Sync {
    /// The structure of an entry of the list, or why there is none.
    ///
    /// # Errors
    /// A sentence that names the file and the cause.
    fn read_again(&self, entry: u64) -> Result<Structure, String>;
}

//! Pairs of atoms within the cutoff.

use mlip_atoms::neighbors::{NeighborList, Pair};
use mlip_atoms::{Deadline, PredictError, Structure};

/// Pairs that are put in the order of their distances. Neighbors in that order read the same rows of tables, which is what
/// counts; atoms of so many pairs lie in the second-level cache.
const WINDOW: usize = 2048;

/// What the network gets of a structure.
pub struct Graph {
    /// Index into the model's species, one an atom.
    pub(super) species: Vec<u32>,
    /// Each pair once. Messages go from j to i along `vector`, and from i to j along its opposite.
    pub(super) pairs: Vec<Pair>,
    /// Å^3
    pub(super) volume: f64,
}

impl Graph {
    pub(super) fn build(
        structure: &Structure,
        species: Vec<u32>,
        cutoff: f64,
        deadline: &Deadline,
    ) -> Result<Self, PredictError> {
        let mut pairs = NeighborList::pairs_within(structure, cutoff, deadline)?;
        pairs.chunks_mut(WINDOW).for_each(|window| window.sort_by(|a, b| a.distance.total_cmp(&b.distance)));
        Ok(Self { species, pairs, volume: structure.lattice().volume() })
    }

    pub(super) fn n_atoms(&self) -> usize {
        self.species.len()
    }
}

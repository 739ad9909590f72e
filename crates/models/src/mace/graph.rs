//! Pairs of atoms within the cutoff, and the harmonics of their directions.

use super::harmonics::{self, N_HARMONICS};
use mlip_atoms::neighbors::{NeighborList, Pair};
use mlip_atoms::{Deadline, PredictError, Structure};
use mlip_kernels::simd::Real;

/// What the network gets of a structure.
pub(super) struct Graph<T> {
    /// Index into the model's elements, one an atom.
    pub(super) elements: Vec<u16>,
    /// Atomic numbers.
    pub(super) numbers: Vec<u8>,
    /// Each pair once; its edges are (i → j) and (j → i).
    pub(super) pairs: Vec<Pair>,
    /// Harmonics of `vector / distance`, one row a pair.
    pub(super) harmonics: Vec<T>,
    /// Å^3
    pub(super) volume: f64,
}

impl<T: Real> Graph<T> {
    pub(super) fn build(
        structure: &Structure,
        elements: Vec<u16>,
        cutoff: f64,
        deadline: &Deadline,
    ) -> Result<Self, PredictError> {
        let pairs = NeighborList::build(structure, cutoff, deadline)?.pairs().to_vec();
        let harmonics = pairs.iter().flat_map(|pair| harmonics::harmonics(direction(pair)));
        Ok(Self {
            elements,
            numbers: structure.species().iter().map(|species| species.atomic_number()).collect(),
            harmonics: harmonics.map(T::real).collect(),
            pairs,
            volume: structure.lattice().volume(),
        })
    }

    pub(super) fn n_atoms(&self) -> usize {
        self.elements.len()
    }

    /// Atomic numbers of a pair's ends.
    pub(super) fn numbers_of(&self, pair: &Pair) -> (u8, u8) {
        (self.numbers[pair.i as usize], self.numbers[pair.j as usize])
    }
}

fn direction(pair: &Pair) -> [f64; 3] {
    pair.vector.map(|x| x / pair.distance)
}

/// `∂E/∂vector` of a pair from the derivatives by its distance and its harmonics.
pub(super) fn vector_gradient(pair: &Pair, by_distance: f64, by_harmonics: &[f64; N_HARMONICS]) -> [f64; 3] {
    let n = direction(pair);
    let slope = harmonics::gradient(n, by_harmonics);
    let along = n[0] * slope[0] + n[1] * slope[1] + n[2] * slope[2];
    [0, 1, 2].map(|axis| by_distance * n[axis] + (slope[axis] - along * n[axis]) / pair.distance)
}

//! Pairs of atoms within the cutoff, and the harmonics of their directions.

use crate::e3nn::{self, N_HARMONICS};
use mlip_atoms::neighbors::{NeighborList, Pair};
use mlip_atoms::{Deadline, PredictError, Structure};
use mlip_kernels::simd::Real;
use mlip_threads as threads;

/// A thread is given at least this many pairs: some 50 µs of geometry.
pub(super) const GRAIN: usize = 1024;

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
        let pairs = NeighborList::pairs_within(structure, cutoff, deadline)?;
        let mut harmonics = threads::zeros(pairs.len() * N_HARMONICS);
        threads::for_each_rows(&mut harmonics, N_HARMONICS, GRAIN, |first, rows: &mut [T]| {
            for (pair, row) in pairs[first..].iter().zip(rows.chunks_exact_mut(N_HARMONICS)) {
                row.iter_mut().zip(e3nn::harmonics(direction(pair))).for_each(|(to, x)| *to = T::real(x));
            }
        });
        Ok(Self {
            elements,
            numbers: structure.species().iter().map(|species| species.atomic_number()).collect(),
            harmonics,
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

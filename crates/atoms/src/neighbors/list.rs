//! The list itself: pairs once, edges twice.

use super::cell_list;
use super::pair::Pair;
use crate::{Deadline, PredictError, Structure};

/// A pair as seen from one of its two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The atom at the other end.
    pub neighbor: u32,
    /// Index into [`NeighborList::pairs`].
    pub pair: u32,
    /// Whether the pair's vector points towards this end, so that the edge's vector is its negative.
    pub reversed: bool,
}

/// All pairs within a cutoff, and the edges of every atom.
#[derive(Debug, Clone, PartialEq)]
pub struct NeighborList {
    cutoff: f64,
    pairs: Vec<Pair>,
    /// `[n_atoms + 1]`: where the edges of an atom begin.
    first_edge: Vec<u32>,
    edges: Vec<Edge>,
}

impl NeighborList {
    /// Finds all pairs with `0 < distance <= cutoff` (Å). Cost is linear in the number of atoms, which the threads of the
    /// pool share in which it is called.
    ///
    /// Distances up to 1e-8 Å count as zero: two atoms at one place are no pair.
    ///
    /// # Errors
    /// When the deadline passes, or cell and cutoff are such that there would be more images or pairs than a crystal has
    /// ([`PredictError::TooManyImages`], [`PredictError::TooManyNeighbors`]).
    pub fn build(structure: &Structure, cutoff: f64, deadline: &Deadline) -> Result<Self, PredictError> {
        let pairs = cell_list::pairs(structure, cutoff, deadline)?;
        Ok(Self::from_pairs(structure.n_atoms(), cutoff, pairs))
    }

    /// The pairs alone, for who needs no edges: those of [`build`](Self::build), by the first atom.
    ///
    /// # Errors
    /// As for [`build`](Self::build).
    pub fn pairs_within(structure: &Structure, cutoff: f64, deadline: &Deadline) -> Result<Vec<Pair>, PredictError> {
        cell_list::pairs(structure, cutoff, deadline)
    }

    /// From pairs found otherwise.
    pub(crate) fn from_pairs(n_atoms: usize, cutoff: f64, pairs: Vec<Pair>) -> Self {
        let mut first_edge = vec![0u32; n_atoms + 1];
        for pair in &pairs {
            first_edge[pair.i as usize + 1] += 1;
            first_edge[pair.j as usize + 1] += 1;
        }
        for atom in 0..n_atoms {
            first_edge[atom + 1] += first_edge[atom];
        }
        let mut next = first_edge.clone();
        let mut edges = vec![Edge { neighbor: 0, pair: 0, reversed: false }; 2 * pairs.len()];
        for (index, pair) in (0u32..).zip(&pairs) {
            for (center, neighbor, reversed) in [(pair.i, pair.j, false), (pair.j, pair.i, true)] {
                let slot = &mut next[center as usize];
                edges[*slot as usize] = Edge { neighbor, pair: index, reversed };
                *slot += 1;
            }
        }
        Self { cutoff, pairs, first_edge, edges }
    }

    /// The cutoff that the list was built with, Å.
    pub fn cutoff(&self) -> f64 {
        self.cutoff
    }

    /// Every pair once.
    pub fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    /// Number of atoms.
    pub fn n_atoms(&self) -> usize {
        self.first_edge.len() - 1
    }

    /// Number of directed edges: twice the pairs.
    pub fn n_edges(&self) -> usize {
        self.edges.len()
    }

    /// Edges of all atoms, by center and then by pair.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// `[n_atoms + 1]`: where the edges of each atom begin in [`edges`](Self::edges).
    pub fn first_edge(&self) -> &[u32] {
        &self.first_edge
    }

    /// Edges that leave this atom.
    pub fn edges_of(&self, atom: usize) -> &[Edge] {
        &self.edges[self.first_edge[atom] as usize..self.first_edge[atom + 1] as usize]
    }
}

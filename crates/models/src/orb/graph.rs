//! Directed edges to the nearest neighbors, of one structure or several.

use super::conditioning::Condition;
use super::nearest::keep_nearest;
use super::shape::CUTOFF;
use mlip_atoms::neighbors::{NeighborList, Pair};
use mlip_atoms::{Deadline, PredictError, Structure};
use std::ops::Range;

/// Atoms and edges of a batch. Edges are grouped by structure, then by sender.
#[derive(Debug, Default)]
pub struct Graph {
    /// `[n_atoms]` atomic numbers.
    pub(crate) elements: Vec<u8>,
    /// `[n_edges]`: from sender `i` to receiver `j`, indices within their structure.
    pub(crate) pairs: Vec<Pair>,
    /// `[n_edges]` within the batch.
    pub(crate) sender: Vec<u32>,
    /// `[n_edges]` within the batch.
    pub(crate) receiver: Vec<u32>,
    /// One a structure.
    pub(crate) cells: Vec<Cell>,
}

/// A structure's part of a batch.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) atoms: Range<usize>,
    pub(crate) edges: Range<usize>,
    /// Å^3
    pub(crate) volume: f64,
    /// Of models that know charge and spin.
    pub(crate) condition: Condition,
}

impl Graph {
    pub(crate) fn n_atoms(&self) -> usize {
        self.elements.len()
    }

    pub(crate) fn n_edges(&self) -> usize {
        self.pairs.len()
    }

    /// The graph of one structure.
    pub(crate) fn build(
        structure: &Structure,
        max_neighbors: usize,
        deadline: &Deadline,
    ) -> Result<Self, PredictError> {
        let mut graph = Self::default();
        graph.push(structure, neighbors(structure, max_neighbors, deadline)?);
        Ok(graph)
    }

    /// Appends a structure with these edges.
    pub(crate) fn push(&mut self, structure: &Structure, pairs: Vec<Pair>) {
        let (first_atom, first_edge) = (self.n_atoms(), self.n_edges());
        self.elements.extend(structure.species().iter().map(|species| species.atomic_number()));
        self.sender.extend(pairs.iter().map(|pair| first_atom as u32 + pair.i));
        self.receiver.extend(pairs.iter().map(|pair| first_atom as u32 + pair.j));
        self.pairs.extend(pairs);
        self.cells.push(Cell {
            atoms: first_atom..self.n_atoms(),
            edges: first_edge..self.n_edges(),
            volume: structure.lattice().volume(),
            condition: Condition::default(),
        });
    }

    /// With this charge and spin in all structures.
    pub(crate) fn with_condition(mut self, condition: Condition) -> Self {
        self.cells.iter_mut().for_each(|cell| cell.condition = condition);
        self
    }

    /// Appends another batch.
    pub(crate) fn append(&mut self, other: &Self) {
        let (first_atom, first_edge) = (self.n_atoms(), self.n_edges());
        self.elements.extend_from_slice(&other.elements);
        self.sender.extend(other.sender.iter().map(|atom| first_atom as u32 + atom));
        self.receiver.extend(other.receiver.iter().map(|atom| first_atom as u32 + atom));
        self.pairs.extend_from_slice(&other.pairs);
        self.cells.extend(other.cells.iter().map(|cell| Cell {
            atoms: first_atom + cell.atoms.start..first_atom + cell.atoms.end,
            edges: first_edge + cell.edges.start..first_edge + cell.edges.end,
            volume: cell.volume,
            condition: cell.condition,
        }));
    }
}

/// Edges from every atom to its nearest neighbors, by sender.
fn neighbors(structure: &Structure, max_neighbors: usize, deadline: &Deadline) -> Result<Vec<Pair>, PredictError> {
    let list = NeighborList::build(structure, CUTOFF, deadline)?;
    let element = |atom: u32| structure.species()[atom as usize].atomic_number();
    let mut edges = Vec::with_capacity(list.n_edges().min(structure.n_atoms() * max_neighbors));
    let mut around = Vec::new();
    for atom in 0..structure.n_atoms() {
        deadline.check()?;
        around.clear();
        around.extend(list.edges_of(atom).iter().map(|edge| {
            let pair = list.pairs()[edge.pair as usize];
            if edge.reversed { reverse(&pair) } else { pair }
        }));
        keep_nearest(&mut around, max_neighbors, element);
        edges.extend_from_slice(&around);
    }
    Ok(edges)
}

/// Edges that a structure has, without building them.
pub(crate) fn count_edges(structure: &Structure, max_neighbors: usize) -> Result<usize, PredictError> {
    let list = NeighborList::build(structure, CUTOFF, &Deadline::NONE)?;
    Ok((0..structure.n_atoms()).map(|atom| list.edges_of(atom).len().min(max_neighbors)).sum())
}

fn reverse(pair: &Pair) -> Pair {
    Pair {
        i: pair.j,
        j: pair.i,
        shift: pair.shift.map(|x| -x),
        vector: pair.vector.map(|x| -x),
        distance: pair.distance,
    }
}

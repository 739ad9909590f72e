//! A structure's atoms and edges, and batches of them as the device reads them.

use crate::error::GpuError;
use crate::graph::{Groups, fill, fill_shifted, fill_starts, offsets};
use crate::memory::{Layout, Part, Pinned};
use crate::network::Size;

/// Atoms and directed edges of one structure.
#[derive(Debug, Clone)]
pub struct OrbGraph {
    elements: Vec<u32>,
    vectors: Vec<[f64; 3]>,
    sender: Vec<u32>,
    receiver: Vec<u32>,
    /// Ends of atoms' edges as senders.
    sent: Vec<u32>,
    /// Ends of atoms' edges in `by_receiver`.
    received: Vec<u32>,
    /// Edges in the order of receivers, and in their own order for each.
    by_receiver: Vec<u32>,
}

impl OrbGraph {
    /// From atomic numbers, and edges (sender, receiver, vector in Å) grouped by sender in the order of atoms.
    ///
    /// # Errors
    /// When edges are in another order, or end at atoms that are not there.
    pub fn new(elements: Vec<u32>, edges: impl Iterator<Item = (u32, u32, [f64; 3])>) -> Result<Self, GpuError> {
        let n_atoms = elements.len();
        let (mut sender, mut receiver, mut vectors) = (Vec::new(), Vec::new(), Vec::new());
        for (from, to, vector) in edges {
            if from.max(to) as usize >= n_atoms {
                return Err(GpuError::shape("atoms of an edge", format!("below {n_atoms}"), format!("{from}, {to}")));
            }
            if sender.last().is_some_and(|last| from < *last) {
                return Err(GpuError::shape("order of edges", "ascending senders", from));
            }
            sender.push(from);
            receiver.push(to);
            vectors.push(vector);
        }
        let sent = Groups::new(n_atoms, &sender).ends;
        let Groups { ends: received, members: by_receiver } = Groups::new(n_atoms, &receiver);
        Ok(Self { elements, vectors, sender, receiver, sent, received, by_receiver })
    }

    /// Atoms.
    pub fn n_atoms(&self) -> usize {
        self.elements.len()
    }

    /// Edges.
    pub fn n_edges(&self) -> usize {
        self.vectors.len()
    }

    /// The largest atomic number.
    pub(super) fn last_element(&self) -> u32 {
        self.elements.iter().copied().max().unwrap_or(0)
    }
}

/// Where a batch lies in the memory that is copied to the device.
pub(super) struct Input {
    /// `[edges]`
    pub(super) vectors: Part<[f64; 3]>,
    /// `[atoms]`
    pub(super) elements: Part<u32>,
    /// `[edges]`
    pub(super) sender: Part<u32>,
    /// `[edges]`
    pub(super) receiver: Part<u32>,
    /// `[edges]`
    pub(super) by_receiver: Part<u32>,
    /// `[atoms + 1]`
    pub(super) sent: Part<u32>,
    /// `[atoms + 1]`
    pub(super) received: Part<u32>,
    /// `[structures + 1]`
    pub(super) starts: Part<u32>,
    pub(super) bytes: u64,
}

impl Input {
    pub(super) fn plan(size: Size) -> Self {
        let mut layout = Layout::default();
        let vectors = layout.place(size.n_edges);
        let elements = layout.place(size.n_atoms);
        let [sender, receiver, by_receiver] = [(); 3].map(|()| layout.place(size.n_edges));
        let [sent, received] = [(); 2].map(|()| layout.place(size.n_atoms + 1));
        let starts = layout.place(size.n_structures + 1);
        Self { vectors, elements, sender, receiver, by_receiver, sent, received, starts, bytes: layout.bytes() }
    }

    /// Writes the graphs one behind the other.
    pub(super) fn write(&self, graphs: &[&OrbGraph], to: &mut Pinned) -> Result<(), GpuError> {
        type Indices = fn(&OrbGraph) -> &[u32];
        let atoms = |indices: Indices| offsets(graphs, OrbGraph::n_atoms, indices);
        let edges = |indices: Indices| offsets(graphs, OrbGraph::n_edges, indices);
        fill(to, self.vectors, graphs.iter().map(|graph| graph.vectors.as_slice()))?;
        fill(to, self.elements, graphs.iter().map(|graph| graph.elements.as_slice()))?;
        fill_shifted(to, self.sender, atoms(|graph| &graph.sender))?;
        fill_shifted(to, self.receiver, atoms(|graph| &graph.receiver))?;
        fill_shifted(to, self.by_receiver, edges(|graph| &graph.by_receiver))?;
        fill_starts(to, self.sent, edges(|graph| &graph.sent))?;
        fill_starts(to, self.received, edges(|graph| &graph.received))?;
        let n_atoms = graphs.iter().map(|graph| graph.n_atoms() as u32);
        let ends = n_atoms.scan(0, |sum, n| {
            *sum += n;
            Some(*sum)
        });
        let ends = ends.collect::<Vec<_>>();
        fill_starts(to, self.starts, std::iter::once((0, ends.as_slice())))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    fn graph(n_atoms: usize, edges: &[(u32, u32)]) -> Result<OrbGraph, GpuError> {
        OrbGraph::new(vec![1; n_atoms], edges.iter().map(|(from, to)| (*from, *to, [1.0, 2.0, 3.0])))
    }

    #[test]
    fn edges_are_found_by_receiver_in_their_own_order() {
        let graph = graph(3, &[(0, 2), (0, 1), (1, 2), (2, 2), (2, 0)]).unwrap();
        assert_eq!(graph.sent, [2, 3, 5]);
        assert_eq!(graph.received, [1, 2, 5]);
        assert_eq!(graph.by_receiver, [4, 1, 0, 2, 3]);
    }

    #[test]
    fn edges_in_disorder_or_to_nowhere_are_refused() {
        assert!(graph(2, &[(1, 0), (0, 1)]).is_err());
        assert!(graph(2, &[(0, 2)]).is_err());
        assert!(graph(2, &[]).is_ok());
    }
}

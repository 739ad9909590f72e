//! A structure's atoms and pairs, and batches of them as the device reads them.

use crate::error::GpuError;
use crate::memory::{Layout, Number, Part, Pinned};
use crate::network::Size;

/// Atoms and pairs of one structure; a pair is two edges, one each way.
#[derive(Debug, Clone)]
pub struct MaceGraph {
    elements: Vec<u32>,
    vectors: Vec<[f64; 3]>,
    first: Vec<u32>,
    second: Vec<u32>,
    /// Ends of the edges of atoms in `edges`.
    ends: Vec<u32>,
    /// For each atom those that it receives by, in the order of pairs: 2 pair, or 2 pair + 1 where the second sends.
    edges: Vec<u32>,
}

impl MaceGraph {
    /// From indices of elements, and pairs (first, second, vector from the first to the second in Å).
    ///
    /// # Errors
    /// When a pair has an atom that is not there.
    pub fn new(elements: Vec<u32>, pairs: impl Iterator<Item = (u32, u32, [f64; 3])>) -> Result<Self, GpuError> {
        let n_atoms = elements.len();
        let (mut first, mut second, mut vectors) = (Vec::new(), Vec::new(), Vec::new());
        let mut next = vec![0u32; n_atoms + 1];
        for (a, b, vector) in pairs {
            if a.max(b) as usize >= n_atoms {
                return Err(GpuError::shape("atoms of a pair", format!("below {n_atoms}"), format!("{a}, {b}")));
            }
            first.push(a);
            second.push(b);
            vectors.push(vector);
            next[a as usize + 1] += 1;
            next[b as usize + 1] += 1;
        }
        for atom in 0..n_atoms {
            next[atom + 1] += next[atom];
        }
        let ends = next[1..].to_vec();
        let mut edges = vec![0; 2 * first.len()];
        for (pair, (a, b)) in (0..).zip(first.iter().zip(&second)) {
            for (receiver, edge) in [(*b, 2 * pair), (*a, 2 * pair + 1)] {
                let place = &mut next[receiver as usize];
                edges[*place as usize] = edge;
                *place += 1;
            }
        }
        Ok(Self { elements, vectors, first, second, ends, edges })
    }

    /// Atoms.
    pub fn n_atoms(&self) -> usize {
        self.elements.len()
    }

    /// Pairs.
    pub fn n_pairs(&self) -> usize {
        self.vectors.len()
    }

    /// The largest index of an element.
    pub(super) fn last_element(&self) -> u32 {
        self.elements.iter().copied().max().unwrap_or(0)
    }
}

/// Where a batch lies in the memory that is copied to the device.
pub(super) struct Input {
    /// `[pairs]`
    pub(super) vectors: Part<[f64; 3]>,
    /// `[atoms]`
    pub(super) elements: Part<u32>,
    /// `[pairs]`
    pub(super) first: Part<u32>,
    /// `[pairs]`
    pub(super) second: Part<u32>,
    /// `[atoms + 1]`
    pub(super) starts: Part<u32>,
    /// `[2 pairs]`
    pub(super) edges: Part<u32>,
    pub(super) bytes: u64,
}

impl Input {
    pub(super) fn plan(size: Size) -> Self {
        let mut layout = Layout::default();
        let vectors = layout.place(size.n_edges);
        let elements = layout.place(size.n_atoms);
        let [first, second] = [(); 2].map(|()| layout.place(size.n_edges));
        let starts = layout.place(size.n_atoms + 1);
        let edges = layout.place(2 * size.n_edges);
        Self { vectors, elements, first, second, starts, edges, bytes: layout.bytes() }
    }

    /// Writes the graphs one behind the other.
    pub(super) fn write(&self, graphs: &[&MaceGraph], to: &mut Pinned) -> Result<(), GpuError> {
        fn fill<T: Number>(to: &mut Pinned, part: Part<T>, numbers: impl Iterator<Item = T>) -> Result<(), GpuError> {
            let room = to.numbers_mut(part)?;
            for (room, number) in room.iter_mut().zip(numbers) {
                *room = number;
            }
            Ok(())
        }
        let offsets = |count: fn(&MaceGraph) -> usize| {
            graphs.iter().scan(0u32, move |sum, graph| {
                let offset = *sum;
                *sum += count(graph) as u32;
                Some((offset, *graph))
            })
        };
        let (atoms, edges) = (|| offsets(MaceGraph::n_atoms), || offsets(|graph| 2 * graph.n_pairs()));
        fill(to, self.vectors, graphs.iter().flat_map(|graph| graph.vectors.iter().copied()))?;
        fill(to, self.elements, graphs.iter().flat_map(|graph| graph.elements.iter().copied()))?;
        fill(to, self.first, atoms().flat_map(|(by, graph)| graph.first.iter().map(move |x| by + x)))?;
        fill(to, self.second, atoms().flat_map(|(by, graph)| graph.second.iter().map(move |x| by + x)))?;
        let ends = edges().flat_map(|(by, graph)| graph.ends.iter().map(move |x| by + x));
        fill(to, self.starts, std::iter::once(0).chain(ends))?;
        fill(to, self.edges, edges().flat_map(|(by, graph)| graph.edges.iter().map(move |x| by + x)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn edges_are_found_by_receiver_in_the_order_of_pairs() {
        let pairs = [(0, 1), (1, 1), (0, 2)].map(|(a, b)| (a, b, [1.0, 2.0, 3.0]));
        let graph = MaceGraph::new(vec![0; 3], pairs.into_iter()).unwrap();
        assert_eq!(graph.ends, [2, 5, 6]);
        assert_eq!(graph.edges, [1, 5, 0, 2, 3, 4]);
        assert!(MaceGraph::new(vec![0; 2], pairs.into_iter()).is_err());
    }
}

//! Structures as devices read them: batches one behind the other, and pairs of atoms with the edges of each atom.

use crate::error::GpuError;
use crate::memory::{Layout, Number, Part, Pinned};
use crate::network::Size;

/// Writes numbers of all structures to a part of what is copied to the device, one behind the other.
pub(crate) fn fill<'a, T: Number>(
    to: &mut Pinned,
    part: Part<T>,
    numbers: impl Iterator<Item = &'a [T]>,
) -> Result<(), GpuError> {
    let mut room = to.numbers_mut(part)?;
    for numbers in numbers {
        let (here, rest) = room.split_at_mut(numbers.len().min(room.len()));
        here.copy_from_slice(&numbers[..here.len()]);
        room = rest;
    }
    Ok(())
}

/// The same of indices, each made larger by what its structure comes with; those that are `u32::MAX` stand for nothing, and stay.
pub(crate) fn fill_shifted<'a>(
    to: &mut Pinned,
    part: Part<u32>,
    indices: impl Iterator<Item = (u32, &'a [u32])>,
) -> Result<(), GpuError> {
    shift(to.numbers_mut(part)?, indices);
    Ok(())
}

/// Ends of groups, behind a zero.
pub(crate) fn fill_starts<'a>(
    to: &mut Pinned,
    part: Part<u32>,
    ends: impl Iterator<Item = (u32, &'a [u32])>,
) -> Result<(), GpuError> {
    if let Some((first, room)) = to.numbers_mut(part)?.split_first_mut() {
        *first = 0;
        shift(room, ends);
    }
    Ok(())
}

fn shift<'a>(mut room: &mut [u32], indices: impl Iterator<Item = (u32, &'a [u32])>) {
    for (by, indices) in indices {
        let (here, rest) = room.split_at_mut(indices.len().min(room.len()));
        here.iter_mut().zip(indices).for_each(|(room, x)| *room = if *x == u32::MAX { *x } else { by + x });
        room = rest;
    }
}

/// Indices of each graph of a batch, with how much those before it count.
pub(crate) fn offsets<'a, G>(
    graphs: &'a [&'a G],
    count: impl Fn(&G) -> usize + 'a,
    indices: impl Fn(&'a G) -> &'a [u32] + 'a,
) -> impl Iterator<Item = (u32, &'a [u32])> + 'a {
    graphs.iter().scan(0u32, move |sum, graph| {
        let offset = *sum;
        *sum += count(graph) as u32;
        Some((offset, indices(graph)))
    })
}

/// What belongs to each of several: in its own order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Groups {
    /// Ends of the groups in `members`.
    pub(crate) ends: Vec<u32>,
    pub(crate) members: Vec<u32>,
}

impl Groups {
    /// `of[k]`, below `n`, is the group of k.
    pub(crate) fn new(n: usize, of: &[u32]) -> Self {
        let mut next = vec![0u32; n + 1];
        for group in of {
            next[*group as usize + 1] += 1;
        }
        for group in 0..n {
            next[group + 1] += next[group];
        }
        let ends = next[1..].to_vec();
        let mut members = vec![0; of.len()];
        for (member, group) in (0..).zip(of) {
            let place = &mut next[*group as usize];
            members[*place as usize] = member;
            *place += 1;
        }
        Self { ends, members }
    }
}

/// Atoms and pairs of one structure; a pair is two edges, one each way.
#[derive(Debug, Clone)]
pub struct PairGraph {
    elements: Vec<u32>,
    vectors: Vec<[f64; 3]>,
    first: Vec<u32>,
    second: Vec<u32>,
    /// For each atom the edges that it receives by, in the order of pairs: 2 pair, or 2 pair + 1 where the second sends.
    edges: Groups,
}

impl PairGraph {
    /// From indices of elements, and pairs (first, second, vector from the first to the second in Å).
    ///
    /// # Errors
    /// When a pair has an atom that is not there.
    pub fn new(elements: Vec<u32>, pairs: impl Iterator<Item = (u32, u32, [f64; 3])>) -> Result<Self, GpuError> {
        let n_atoms = elements.len();
        let (mut first, mut second, mut vectors) = (Vec::new(), Vec::new(), Vec::new());
        let mut receivers = Vec::new();
        for (a, b, vector) in pairs {
            if a.max(b) as usize >= n_atoms {
                return Err(GpuError::shape("atoms of a pair", format!("below {n_atoms}"), format!("{a}, {b}")));
            }
            first.push(a);
            second.push(b);
            vectors.push(vector);
            receivers.extend([b, a]);
        }
        Ok(Self { edges: Groups::new(n_atoms, &receivers), elements, vectors, first, second })
    }

    /// Atoms.
    pub fn n_atoms(&self) -> usize {
        self.elements.len()
    }

    /// Pairs.
    pub fn n_pairs(&self) -> usize {
        self.vectors.len()
    }

    /// Refuses what tables of `n_elements` elements have no row for.
    pub(crate) fn check(&self, n_elements: usize) -> Result<(), GpuError> {
        let last = self.elements.iter().max();
        let last = last.ok_or_else(|| GpuError::shape("atoms of a structure", "at least one", "none"))?;
        if *last as usize >= n_elements {
            return Err(GpuError::shape("elements", format!("below {n_elements}"), last));
        }
        Ok(())
    }
}

/// Where pairs of a batch lie in the memory that is copied to the device.
pub(crate) struct PairInput {
    /// `[pairs]`
    pub(crate) vectors: Part<[f64; 3]>,
    /// `[atoms]`
    pub(crate) elements: Part<u32>,
    /// `[pairs]`
    pub(crate) first: Part<u32>,
    /// `[pairs]`
    pub(crate) second: Part<u32>,
    /// `[atoms + 1]`
    pub(crate) starts: Part<u32>,
    /// `[2 pairs]`
    pub(crate) edges: Part<u32>,
}

impl PairInput {
    pub(crate) fn plan(layout: &mut Layout, size: Size) -> Self {
        let vectors = layout.place(size.n_edges);
        let elements = layout.place(size.n_atoms);
        let [first, second] = [(); 2].map(|()| layout.place(size.n_edges));
        let starts = layout.place(size.n_atoms + 1);
        let edges = layout.place(2 * size.n_edges);
        Self { vectors, elements, first, second, starts, edges }
    }

    /// Writes the graphs one behind the other.
    pub(crate) fn write(&self, graphs: &[&PairGraph], to: &mut Pinned) -> Result<(), GpuError> {
        type Indices = fn(&PairGraph) -> &[u32];
        let atoms = |indices: Indices| offsets(graphs, PairGraph::n_atoms, indices);
        let edges = |indices: Indices| offsets(graphs, |graph| 2 * graph.n_pairs(), indices);
        fill(to, self.vectors, graphs.iter().map(|graph| graph.vectors.as_slice()))?;
        fill(to, self.elements, graphs.iter().map(|graph| graph.elements.as_slice()))?;
        fill_shifted(to, self.first, atoms(|graph| &graph.first))?;
        fill_shifted(to, self.second, atoms(|graph| &graph.second))?;
        fill_starts(to, self.starts, edges(|graph| &graph.edges.ends))?;
        fill_shifted(to, self.edges, edges(|graph| &graph.edges.members))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn edges_are_found_by_receiver_in_the_order_of_pairs() {
        let pairs = [(0, 1), (1, 1), (0, 2)].map(|(a, b)| (a, b, [1.0, 2.0, 3.0]));
        let graph = PairGraph::new(vec![0; 3], pairs.into_iter()).unwrap();
        assert_eq!(graph.edges.ends, [2, 5, 6]);
        assert_eq!(graph.edges.members, [1, 5, 0, 2, 3, 4]);
        assert!(PairGraph::new(vec![0; 2], pairs.into_iter()).is_err());
    }

    #[test]
    fn elements_without_weights_are_refused() {
        let graph = |elements: Vec<u32>| PairGraph::new(elements, std::iter::empty()).unwrap();
        assert!(graph(vec![0, 4]).check(5).is_ok());
        assert!(graph(vec![0, 5]).check(5).is_err() && graph(Vec::new()).check(5).is_err());
    }
}

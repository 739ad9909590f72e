//! Edges of some atoms at a time.

use crate::mattersim::graph::Graph;
use std::ops::Range;

/// So many edges, unless an atom alone has more: what a block makes of them stays in the second-level cache.
const EDGES: usize = 192;

/// The edges of a structure, atom by atom, in parts that follow each other.
pub(super) struct Chunks {
    pub(super) atoms: Vec<Range<usize>>,
    pub(super) edges: Vec<Range<usize>>,
}

impl Chunks {
    pub(super) fn of(graph: &Graph) -> Self {
        let (mut atoms, mut edges, mut first) = (Vec::new(), Vec::new(), 0);
        let start = |atom: usize| graph.starts[atom] as usize;
        for next in 1..=graph.n_atoms() {
            let is_last = next == graph.n_atoms();
            if is_last || start(next + 1) - start(first) > EDGES {
                atoms.push(first..next);
                edges.push(start(first)..start(next));
                first = next;
            }
        }
        Self { atoms, edges }
    }
}

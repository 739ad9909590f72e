//! Directed edges divided over threads by the atoms at one of their ends.

use super::graph::Graph;
use mlip_atoms::PredictError;
use mlip_atoms::neighbors::Pair;
use mlip_kernels::simd::Real;
use mlip_threads as threads;
use std::ops::Range;

/// A thread is given at least this many pairs: some 200 µs.
pub(super) const GRAIN: usize = 256;

/// A directed edge: twice the number of its pair, and one more for (j → i).
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge(pub(super) u32);

impl Edge {
    /// Both edges of a pair.
    pub(super) fn both(pair: usize) -> [Self; 2] {
        [Self(2 * pair as u32), Self(2 * pair as u32 + 1)]
    }

    pub(super) fn pair(self) -> usize {
        self.0 as usize / 2
    }

    pub(super) fn is_back(self) -> bool {
        self.0 % 2 == 1
    }

    pub(super) fn sender(self, pairs: &[Pair]) -> u32 {
        let pair = &pairs[self.pair()];
        if self.is_back() { pair.j } else { pair.i }
    }

    pub(super) fn receiver(self, pairs: &[Pair]) -> u32 {
        let pair = &pairs[self.pair()];
        if self.is_back() { pair.i } else { pair.j }
    }
}

/// A thread's atoms, and the edges that end (or begin) there, in order.
pub(super) struct Share {
    pub(super) atoms: Range<usize>,
    pub(super) edges: Vec<Edge>,
}

/// Divides the edges of some pairs by one of their atoms, so that each thread has about as many. The radial weights of
/// a pair whose edges are parted are made twice.
pub(super) fn owners<T: Real>(
    graph: &Graph<T>,
    pairs: Range<usize>,
    atom: impl Fn(Edge) -> u32 + Send + Sync,
) -> Vec<Share> {
    let n_threads = threads::worthwhile(pairs.len(), GRAIN);
    let edges = || pairs.clone().flat_map(Edge::both);
    if n_threads == 1 {
        return vec![Share { atoms: 0..graph.n_atoms(), edges: edges().collect() }];
    }
    let mut before = vec![0; graph.n_atoms() + 1];
    edges().for_each(|edge| before[atom(edge) as usize + 1] += 1);
    for index in 0..graph.n_atoms() {
        before[index + 1] += before[index];
    }
    let mut shares = Vec::with_capacity(n_threads);
    let mut first = 0;
    for number in 1..=n_threads {
        let end = match number == n_threads {
            true => graph.n_atoms(),
            false => before.partition_point(|n| n * n_threads < 2 * pairs.len() * number).min(graph.n_atoms()),
        };
        let n_edges = before[end] - before[first];
        shares.push(Share { atoms: first..end, edges: Vec::with_capacity(n_edges) });
        first = end;
    }
    // Each thread looks at all pairs: that takes less than one alone dealing them out.
    threads::for_each(shares.iter_mut().collect(), |share: &mut Share| {
        let own = share.atoms.clone();
        share.edges.extend(edges().filter(|edge| own.contains(&(atom(*edge) as usize))));
    });
    shares
}

/// Cuts rows at the atoms of the shares.
pub(super) fn split<'a, T>(rows: &'a mut [T], width: usize, shares: &[Share]) -> Vec<&'a mut [T]> {
    threads::split(rows, width, &shares.iter().map(|share| share.atoms.clone()).collect::<Vec<_>>())
}

/// Runs all parts; the first error of any.
pub(super) fn spread<P: Send>(
    parts: Vec<P>,
    task: impl Fn(P) -> Result<(), PredictError> + Send + Sync,
) -> Result<(), PredictError> {
    let mut outcomes: Vec<_> = parts.iter().map(|_| Ok(())).collect();
    let parts = parts.into_iter().zip(&mut outcomes).collect();
    threads::for_each(parts, |(part, outcome): (P, &mut Result<(), PredictError>)| *outcome = task(part));
    outcomes.into_iter().collect()
}

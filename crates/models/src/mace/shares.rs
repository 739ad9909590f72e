//! Directed edges divided by the atoms at one of their ends, so that threads can work side by side.

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

/// Shares for each thread. They do not take the same time, since the radial weights of a pair with both edges in one share
/// are made once; whoever is done takes the next.
const SHARES_PER_THREAD: usize = 16;

/// Some atoms, and the edges that end (or begin) there, in order.
pub(super) struct Share {
    pub(super) atoms: Range<usize>,
    pub(super) edges: Vec<Edge>,
}

/// Divides the edges of some pairs by one of their atoms into shares of about as many. The radial weights of a pair whose
/// edges are parted are made twice.
pub(super) fn owners<T: Real>(
    graph: &Graph<T>,
    pairs: Range<usize>,
    atom: impl Fn(Edge) -> u32 + Send + Sync,
) -> Vec<Share> {
    let (n_atoms, n_edges) = (graph.n_atoms(), 2 * pairs.len());
    let n_threads = threads::worthwhile(pairs.len(), GRAIN);
    if n_threads == 1 {
        return vec![Share { atoms: 0..n_atoms, edges: pairs.flat_map(Edge::both).collect() }];
    }
    let n_shares = (SHARES_PER_THREAD * n_threads).min(pairs.len() / GRAIN);
    let mut ends = threads::zeros(n_edges);
    threads::for_each_rows(&mut ends, 2, GRAIN, |first, ends: &mut [u32]| {
        for (ends, pair) in ends.chunks_exact_mut(2).zip(pairs.start + first..) {
            ends.copy_from_slice(&Edge::both(pair).map(&atom));
        }
    });
    let mut before = vec![0; n_atoms + 1];
    for of_part in counts(&ends, n_atoms, |end| end as usize).1 {
        before[1..].iter_mut().zip(of_part).for_each(|(sum, n)| *sum += n);
    }
    for index in 0..n_atoms {
        before[index + 1] += before[index];
    }
    let mut shares = Vec::with_capacity(n_shares);
    let mut owner = Vec::with_capacity(n_atoms);
    for number in 1..=n_shares {
        let first = owner.len();
        let end = match number == n_shares {
            true => n_atoms,
            false => before.partition_point(|n| n * n_shares < n_edges * number).clamp(first, n_atoms),
        };
        shares.push(Share { atoms: first..end, edges: vec![Edge(0); before[end] - before[first]] });
        owner.resize(end, number - 1);
    }
    deal(&ends, 2 * pairs.start as u32, &owner, &mut shares);
    shares
}

/// Cuts the ends of edges into parts, and counts in each how many belong to each of `n` groups.
fn counts(ends: &[u32], n: usize, group: impl Fn(u32) -> usize + Send + Sync) -> (Vec<Range<usize>>, Vec<Vec<usize>>) {
    // Clearing the counts of a part takes less than counting.
    let ranges = threads::ranges(ends.len(), 1, GRAIN.max(n));
    let mut counts = vec![Vec::new(); ranges.len()];
    let parts = ranges.iter().cloned().zip(&mut counts).collect();
    threads::for_each(parts, |(range, counts): (Range<usize>, &mut Vec<usize>)| {
        *counts = vec![0; n];
        ends[range].iter().for_each(|end| counts[group(*end)] += 1);
    });
    (ranges, counts)
}

/// Writes into each share the edges with an end there; the edges are those from `first` on.
fn deal(ends: &[u32], first: u32, owner: &[usize], shares: &mut [Share]) {
    let (ranges, counts) = counts(ends, shares.len(), |end| owner[end as usize]);
    let mut places: Vec<Vec<&mut [Edge]>> = ranges.iter().map(|_| Vec::with_capacity(shares.len())).collect();
    for (number, share) in shares.iter_mut().enumerate() {
        let mut rest = &mut share.edges[..];
        for (places, counts) in places.iter_mut().zip(&counts) {
            places.push(rest.split_off_mut(..counts[number]).unwrap_or_default());
        }
    }
    let parts = ranges.into_iter().zip(places).collect();
    threads::for_each(parts, |(range, places): (Range<usize>, Vec<&mut [Edge]>)| {
        let mut places = places.into_iter().map(|part| part.iter_mut()).collect::<Vec<_>>();
        for (end, edge) in ends[range.clone()].iter().zip(first + range.start as u32..) {
            if let Some(place) = places[owner[*end as usize]].next() {
                *place = Edge(edge);
            }
        }
    });
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

//! The backward pass over edges: on one thread pair by pair, on several by the atoms that send.

use super::forward::{BLOCK, Edges, PairDerivatives};
use crate::e3nn::N_HARMONICS;
use crate::mace::context::Context;
use crate::mace::shares::{Edge, GRAIN, Share, owners, split, spread};
use mlip_atoms::PredictError;
use mlip_kernels::edge_products::Gradients;
use mlip_kernels::simd::Real;
use mlip_threads as threads;
use std::ops::Range;

/// Pairs for each thread whose derivatives are held before they are put together, a megabyte or two.
const WAVE: usize = 4096;

/// Derivatives by couplings and by distance, of a share's edges.
#[derive(Default)]
struct Found<T> {
    by_couplings: Vec<T>,
    by_distance: Vec<T>,
}

/// Those of some pairs.
struct PairsPart<'a> {
    by_distance: &'a mut [f64],
    by_harmonics: &'a mut [[f64; N_HARMONICS]],
}

impl PairsPart<'_> {
    fn at(&mut self, index: usize) -> (&mut f64, &mut [f64; N_HARMONICS]) {
        (&mut self.by_distance[index], &mut self.by_harmonics[index])
    }
}

impl PairDerivatives {
    fn all(&mut self) -> PairsPart<'_> {
        PairsPart { by_distance: &mut self.by_distance, by_harmonics: &mut self.by_harmonics }
    }
}

impl<T: Real> Edges<T> {
    /// From `∂E/∂messages` to those by pairs and, if asked for, by features.
    pub(in crate::mace) fn backward(
        &self,
        context: Context<'_, T>,
        features: &[T],
        messages: &[T],
        by_features: Option<&mut [T]>,
        derivatives: &mut PairDerivatives,
    ) -> Result<(), PredictError> {
        let given = (features, messages);
        match by_features {
            Some(by_features) if threads::worthwhile(context.graph.pairs.len(), GRAIN) > 1 => {
                self.backward_spread(context, given, by_features, derivatives)
            }
            Some(by_features) => {
                let all = 0..context.graph.pairs.len();
                self.backward_part(context, given, Some(by_features), (all, derivatives.all()))
            }
            None => {
                // Nothing is summed but what belongs to a pair.
                let ranges = threads::ranges(context.graph.pairs.len(), BLOCK, GRAIN);
                let by_distance = threads::split(&mut derivatives.by_distance, 1, &ranges);
                let by_harmonics = threads::split(&mut derivatives.by_harmonics, 1, &ranges);
                let parts = by_distance.into_iter().zip(by_harmonics).zip(ranges).collect();
                spread(parts, |((by_distance, by_harmonics), range)| {
                    self.backward_part(context, given, None, (range, PairsPart { by_distance, by_harmonics }))
                })
            }
        }
    }

    /// Both edges of some pairs, one after the other.
    fn backward_part(
        &self,
        context: Context<'_, T>,
        given: (&[T], &[T]),
        mut by_features: Option<&mut [T]>,
        (pairs, mut derivatives): (Range<usize>, PairsPart<'_>),
    ) -> Result<(), PredictError> {
        let n = self.parity.len();
        let mut by_couplings = vec![T::default(); 2 * BLOCK * n];
        let mut by_distance = vec![T::default(); 2 * BLOCK];
        let first = pairs.start;
        let edges = pairs.flat_map(Edge::both).collect::<Vec<_>>();
        self.blocks(context, &edges, true, |block, edges| {
            let by_features = by_features.as_deref_mut();
            let gradients =
                Gradients { features: by_features, couplings: &mut by_couplings, distances: &mut by_distance };
            self.products.backward(&block.edges, block.given(given), gradients);
            for (index, both) in edges.chunks_exact(2).enumerate() {
                let (there, back) = by_couplings[2 * index * n..][..2 * n].split_at_mut(n);
                let distances = [by_distance[2 * index], by_distance[2 * index + 1]];
                self.add_pair(there, back, distances, derivatives.at(both[0].pair() - first));
            }
        })
    }

    /// The same over threads: each adds to the features of its own atoms, which send, edge after edge; what belongs to
    /// pairs is put together when both of their edges are done.
    fn backward_spread(
        &self,
        context: Context<'_, T>,
        given: (&[T], &[T]),
        by_features: &mut [T],
        derivatives: &mut PairDerivatives,
    ) -> Result<(), PredictError> {
        let n = self.parity.len();
        let pairs = &context.graph.pairs;
        let n_wave = WAVE * threads::available();
        for first in (0..pairs.len()).step_by(n_wave) {
            let wave = first..pairs.len().min(first + n_wave);
            let shares = owners(context.graph, wave.clone(), |edge| edge.sender(pairs));
            // Who works on a share makes room for what is found.
            let mut found = shares.iter().map(|_| Found::default()).collect::<Vec<_>>();
            let own = split(by_features, self.products.feature_width(), &shares).into_iter();
            let parts = own.zip(&mut found).zip(&shares).collect();
            spread(parts, |((by_features, found), share): ((&mut [T], &mut Found<T>), &Share)| {
                let n_edges = share.edges.len();
                found.by_couplings = vec![T::default(); n_edges * n];
                found.by_distance = vec![T::default(); n_edges];
                let (mut by_couplings, mut by_distance) = (&mut found.by_couplings[..], &mut found.by_distance[..]);
                let given = (&given.0[share.atoms.start * self.products.feature_width()..], given.1);
                self.blocks(context, &share.edges, true, |block, edges| {
                    block.edges.iter_mut().for_each(|edge| edge.sender -= share.atoms.start as u32);
                    let couplings = by_couplings.split_off_mut(..edges.len() * n).unwrap_or_default();
                    let distances = by_distance.split_off_mut(..edges.len()).unwrap_or_default();
                    let gradients = Gradients { features: Some(&mut *by_features), couplings, distances };
                    self.products.backward(&block.edges, block.given(given), gradients);
                })
            })?;
            let ranges = threads::ranges(wave.len(), BLOCK, GRAIN);
            let by_distance = threads::split(&mut derivatives.by_distance[wave.clone()], 1, &ranges);
            let by_harmonics = threads::split(&mut derivatives.by_harmonics[wave], 1, &ranges);
            let parts = by_distance.into_iter().zip(by_harmonics).zip(ranges).collect();
            threads::for_each(parts, |((by_distance, by_harmonics), range): (_, Range<usize>)| {
                let mut part = PairsPart { by_distance, by_harmonics };
                let mut there = vec![T::default(); n];
                // Where among the edges of each share those of these pairs go on.
                let begin = 2 * (first + range.start) as u32;
                let next = |share: &Share| share.edges.partition_point(|edge| edge.0 < begin);
                let mut next = shares.iter().map(next).collect::<Vec<_>>();
                let mut find = |edge: Edge| {
                    let atom = edge.sender(pairs) as usize;
                    let owner = shares.partition_point(|share| share.atoms.end <= atom);
                    next[owner] += 1;
                    (owner, next[owner] - 1)
                };
                for (index, pair) in range.enumerate() {
                    let [(a, to), (b, from)] = Edge::both(first + pair).map(&mut find);
                    there.copy_from_slice(&found[a].by_couplings[to * n..][..n]);
                    let distances = [found[a].by_distance[to], found[b].by_distance[from]];
                    self.add_pair(&mut there, &found[b].by_couplings[from * n..][..n], distances, part.at(index));
                }
            });
        }
        Ok(())
    }

    /// Adds what both edges of a pair say. `there` is overwritten.
    fn add_pair(
        &self,
        there: &mut [T],
        back: &[T],
        distances: [T; 2],
        (by_distance, by_harmonics): (&mut f64, &mut [f64; N_HARMONICS]),
    ) {
        *by_distance += distances[0].wide() + distances[1].wide();
        for ((there, back), sign) in there.iter_mut().zip(back).zip(&self.parity) {
            *there += *sign * *back;
        }
        let mut row = [T::default(); N_HARMONICS];
        for (coupling, harmonic, value) in &self.terms {
            row[usize::from(*harmonic) % N_HARMONICS] += *value * there[usize::from(*coupling)];
        }
        for (sum, x) in by_harmonics.iter_mut().zip(row) {
            *sum += x.wide();
        }
    }
}

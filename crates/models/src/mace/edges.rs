//! The sum over neighbors: paths, couplings, radial weights, and the kernel that streams over edges.

use super::config::{Config, LayerConfig};
use super::element_radial::ElementRadial;
use super::file::{FileError, ModelFile};
use super::graph::Graph;
use super::harmonics::{N_HARMONICS, couplings};
use super::linear::Rows;
use super::parameters::Channels;
use super::radial::{Basis, RadialNetwork, Scratch};
use super::shares::{Edge, GRAIN, Share, owners, split, spread};
use mlip_atoms::neighbors::Pair;
use mlip_atoms::{Deadline, PredictError};
use mlip_kernels::edge_products::{DirectedEdge, EdgeProducts, Given, Gradients, Path};
use mlip_kernels::simd::{InstructionSet, Real};
use mlip_kernels::threads;
use std::ops::Range;

/// Pairs whose radial weights are held at once: they stay in the second-level cache.
const BLOCK: usize = 16;
/// Blocks between two looks at the deadline.
const BLOCKS_A_LOOK: usize = 64;
/// Pairs whose derivatives are held before they are put together, some megabytes.
const WAVE: usize = 8192;

/// Basis functions of all pairs and their derivatives; empty where a table makes them needless.
pub(super) struct BasisRows<T> {
    width: usize,
    values: Vec<T>,
    slopes: Vec<T>,
}

impl<T: Real> BasisRows<T> {
    pub(super) fn new(basis: &Basis, graph: &Graph<T>) -> Self {
        let width = basis.len();
        let (mut values, mut slopes) = (Vec::new(), Vec::new());
        values.reserve(graph.pairs.len() * width);
        slopes.reserve(graph.pairs.len() * width);
        let (mut row, mut slope_row) = (vec![0.0; width], vec![0.0; width]);
        for pair in &graph.pairs {
            basis.evaluate(pair.distance, graph.numbers_of(pair), &mut row, &mut slope_row);
            values.extend(row.iter().map(|x| T::real(*x)));
            slopes.extend(slope_row.iter().map(|x| T::real(*x)));
        }
        Self { width, values, slopes }
    }

    pub(super) fn none() -> Self {
        Self { width: 0, values: Vec::new(), slopes: Vec::new() }
    }

    pub(super) fn of(&self, pairs: std::ops::Range<usize>) -> (&[T], &[T]) {
        let range = pairs.start * self.width..pairs.end * self.width;
        (&self.values[range.clone()], &self.slopes[range])
    }
}

/// Where radial weights come from.
pub(super) enum Radial<T> {
    /// A function of the distance (and, with a transform, of the two elements, whichever sends).
    Shared(RadialNetwork<T>),
    /// A network that tells sender and receiver apart.
    Directed(ElementRadial<T>),
}

/// Derivatives of the energy by what pairs are made of.
pub(super) struct PairDerivatives {
    /// eV/Å, one a pair.
    pub(super) by_distance: Vec<f64>,
    /// eV, one row a pair.
    pub(super) by_harmonics: Vec<[f64; N_HARMONICS]>,
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

    pub(super) fn new(n_pairs: usize) -> Self {
        Self { by_distance: vec![0.0; n_pairs], by_harmonics: vec![[0.0; N_HARMONICS]; n_pairs] }
    }
}

/// Sends features of one layer along the edges.
pub(super) struct Edges<T> {
    products: EdgeProducts,
    pub(super) radial: Radial<T>,
    /// (coupling, harmonic, coefficient)
    terms: Vec<(u16, u16, T)>,
    /// By coupling: the sign that it takes where the edge turns round.
    parity: Vec<T>,
    /// Of the messages: for each l3, rows of all paths side by side.
    pub(super) rows: Rows,
    /// Paths to each l3.
    pub(super) n_paths: Vec<usize>,
}

/// What of the network an evaluation carries from layer to layer.
#[derive(Clone, Copy)]
pub(super) struct Context<'a, T> {
    pub(super) graph: &'a Graph<T>,
    pub(super) basis: &'a Basis,
    pub(super) rows: &'a BasisRows<T>,
    pub(super) deadline: &'a Deadline,
}

/// The arrays of a block of pairs.
struct Block<T> {
    pairs: Vec<Pair>,
    /// Basis functions and their derivatives, where radial weights are made of them.
    basis: [Vec<T>; 2],
    edges: Vec<DirectedEdge>,
    couplings: Vec<T>,
    weights: Vec<T>,
    slopes: Vec<T>,
    scratch: Scratch<T>,
}

impl<T> Block<T> {
    fn given<'a>(&'a self, (features, messages): (&'a [T], &'a [T])) -> Given<'a, T> {
        Given { couplings: &self.couplings, radial: &self.weights, radial_slopes: &self.slopes, features, messages }
    }
}

impl<T: Real> Edges<T> {
    pub(super) fn read(
        file: &ModelFile,
        number: usize,
        config: &Config,
        layer: &LayerConfig,
        channels: Channels,
        (basis, exact, set): (&Basis, bool, InstructionSet),
    ) -> Result<Self, FileError> {
        // Upstream's order: by l1, l2, l3 as they are found, then sorted by l3, which keeps that order among equals.
        let mut found = Vec::new();
        for l1 in 0..=layer.edge.lmax() {
            for l2 in 0..=config.max_ell {
                for l3 in (l1.abs_diff(l2)..=(l1 + l2).min(layer.target.lmax())).step_by(2) {
                    found.push((l1, l2, l3));
                }
            }
        }
        found.sort_by_key(|(.., l3)| *l3);
        let mut n_paths = vec![0; layer.target.0.len()];
        found.iter().for_each(|(.., l3)| n_paths[*l3] += 1);
        let rows = Rows::new(&n_paths.iter().map(|n| n * channels.padded).collect::<Vec<_>>());

        let (mut paths, mut terms, mut parity, mut seen) = (Vec::new(), Vec::new(), Vec::new(), vec![0; n_paths.len()]);
        for (l1, l2, l3) in found {
            let (d1, d3, coupling) = (2 * l1 + 1, 2 * l3 + 1, parity.len());
            let message = rows.at(l3, 0) / channels.padded + seen[l3];
            paths.push(Path { d1, d3, feature: l1 * l1, message, stride: n_paths[l3], coupling });
            seen[l3] += 1;
            for (m1, m2, m3, value) in couplings(l1, l2, l3) {
                // Upstream saves the couplings with the weights, rounded as they are; those with a scalar are no table.
                let rounded = file.is_single() && l1 * l2 * l3 > 0;
                let value = if rounded { f64::from(value as f32) } else { value };
                let value = T::real(value * (d3 as f64).sqrt());
                terms.push(((coupling + m1 * d3 + m3) as u16, (l2 * l2 + m2) as u16, value));
            }
            let sign = T::real(if l2.is_multiple_of(2) { 1.0 } else { -1.0 });
            parity.extend(std::iter::repeat_n(sign, d1 * d3));
        }
        let place = super::linear::padded(channels.upstream, channels.padded);
        let columns: Vec<_> = (0..paths.len() * channels.padded).map(place).collect();
        let radial = if layer.interaction == super::config::Interaction::NonLinear {
            Radial::Directed(ElementRadial::read(file, number, config, &columns, set)?)
        } else {
            let widths = &layer.radial_widths;
            Radial::Shared(RadialNetwork::read(file, number, widths, &columns, basis, exact, set)?)
        };
        let feature_rows = (layer.edge.lmax() + 1) * (layer.edge.lmax() + 1);
        let products = EdgeProducts::new(paths, channels.padded, feature_rows, rows.stride / channels.padded, set);
        Ok(Self { products, radial, terms, parity, rows, n_paths })
    }

    /// Whether it works without basis functions.
    pub(super) fn is_tabulated(&self) -> bool {
        matches!(&self.radial, Radial::Shared(network) if network.is_tabulated())
    }

    pub(super) fn bytes(&self) -> u64 {
        match &self.radial {
            Radial::Shared(network) => network.bytes(),
            Radial::Directed(network) => network.bytes(),
        }
    }

    /// The sums over neighbors of all atoms.
    pub(super) fn forward(&self, context: Context<'_, T>, features: &[T]) -> Result<Vec<T>, PredictError> {
        let graph = context.graph;
        let mut messages = self.rows.zeros(graph.n_atoms());
        let shares = owners(graph, 0..graph.pairs.len(), |edge| edge.receiver(&graph.pairs));
        let parts = split(&mut messages, self.rows.stride, &shares).into_iter().zip(&shares);
        spread(parts.collect(), |(messages, share): (&mut [T], &Share)| {
            self.blocks(context, &share.edges, false, |block, _| {
                block.edges.iter_mut().for_each(|edge| edge.receiver -= share.atoms.start as u32);
                self.products.forward(&block.edges, &block.couplings, &block.weights, features, messages);
            })
        })?;
        Ok(messages)
    }

    /// From `∂E/∂messages` to those by pairs and, if asked for, by features.
    pub(super) fn backward(
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
        for first in (0..pairs.len()).step_by(WAVE) {
            let wave = first..pairs.len().min(first + WAVE);
            let shares = owners(context.graph, wave.clone(), |edge| edge.sender(pairs));
            // Where in whose numbers an edge is found.
            let mut places = vec![(0, 0); 2 * wave.len()];
            for (owner, share) in shares.iter().enumerate() {
                for (position, edge) in share.edges.iter().enumerate() {
                    places[edge.0 as usize - 2 * first] = (owner, position);
                }
            }
            let room =
                |share: &Share| (vec![T::default(); share.edges.len() * n], vec![T::default(); share.edges.len()]);
            let mut found = shares.iter().map(room).collect::<Vec<_>>();
            let own = split(by_features, self.products.feature_width(), &shares).into_iter();
            let parts = own.zip(&mut found).zip(&shares).collect();
            spread(
                parts,
                |((by_features, (by_couplings, by_distance)), share): ((&mut [T], &mut (Vec<T>, _)), &Share)| {
                    let (mut by_couplings, mut by_distance) = (&mut by_couplings[..], &mut by_distance[..]);
                    let given = (&given.0[share.atoms.start * self.products.feature_width()..], given.1);
                    self.blocks(context, &share.edges, true, |block, edges| {
                        block.edges.iter_mut().for_each(|edge| edge.sender -= share.atoms.start as u32);
                        let couplings = by_couplings.split_off_mut(..edges.len() * n).unwrap_or_default();
                        let distances = by_distance.split_off_mut(..edges.len()).unwrap_or_default();
                        let gradients = Gradients { features: Some(&mut *by_features), couplings, distances };
                        self.products.backward(&block.edges, block.given(given), gradients);
                    })
                },
            )?;
            let ranges = threads::ranges(wave.len(), BLOCK, GRAIN);
            let by_distance = threads::split(&mut derivatives.by_distance[wave.clone()], 1, &ranges);
            let by_harmonics = threads::split(&mut derivatives.by_harmonics[wave], 1, &ranges);
            let parts = by_distance.into_iter().zip(by_harmonics).zip(ranges).collect();
            threads::for_each(parts, |((by_distance, by_harmonics), range): (_, Range<usize>)| {
                let mut part = PairsPart { by_distance, by_harmonics };
                let mut there = vec![T::default(); n];
                for (index, pair) in range.enumerate() {
                    let [(a, to), (b, from)] = [places[2 * pair], places[2 * pair + 1]];
                    there.copy_from_slice(&found[a].0[to * n..][..n]);
                    let distances = [found[a].1[to], found[b].1[from]];
                    self.add_pair(&mut there, &found[b].0[from * n..][..n], distances, part.at(index));
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

    /// Calls `visit` with block after block of these edges, in order.
    fn blocks(
        &self,
        context: Context<'_, T>,
        mut edges: &[Edge],
        with_slopes: bool,
        mut visit: impl FnMut(&mut Block<T>, &[Edge]),
    ) -> Result<(), PredictError> {
        let rows_a_pair = match &self.radial {
            Radial::Shared(_) => 1,
            Radial::Directed(_) => 2,
        };
        let width = self.products.radial_width();
        let n = self.parity.len();
        let mut block = Block {
            pairs: Vec::with_capacity(BLOCK),
            basis: [Vec::new(), Vec::new()],
            edges: Vec::with_capacity(2 * BLOCK),
            couplings: vec![T::default(); 2 * BLOCK * n],
            weights: vec![T::default(); rows_a_pair * BLOCK * width],
            slopes: vec![T::default(); if with_slopes { rows_a_pair * BLOCK * width } else { 0 }],
            scratch: Scratch::default(),
        };
        for number in 0.. {
            if edges.is_empty() {
                break;
            }
            if number % BLOCKS_A_LOOK == 0 {
                context.deadline.check()?;
            }
            let of_block;
            (of_block, edges) = edges.split_at(self.gather(context, edges, rows_a_pair, &mut block));
            self.weigh(context, with_slopes, &mut block);
            visit(&mut block, of_block);
        }
        Ok(())
    }

    /// Fills a block with the first of these edges, as many as belong to so many pairs; returns how many.
    fn gather(&self, context: Context<'_, T>, edges: &[Edge], rows_a_pair: usize, block: &mut Block<T>) -> usize {
        let n = self.parity.len();
        block.pairs.clear();
        block.edges.clear();
        block.basis.iter_mut().for_each(Vec::clear);
        let mut last = usize::MAX;
        for edge in edges {
            let number = edge.pair();
            let pair = &context.graph.pairs[number];
            let at = block.edges.len() * n;
            if number == last {
                // Its couplings lie behind those of the first edge.
            } else if block.pairs.len() == BLOCK {
                break;
            } else {
                last = number;
                block.pairs.push(*pair);
                let (values, slopes) = context.rows.of(number..number + 1);
                block.basis[0].extend_from_slice(values);
                block.basis[1].extend_from_slice(slopes);
                let harmonics = &context.graph.harmonics[number * N_HARMONICS..][..N_HARMONICS];
                self.couple(harmonics, &mut block.couplings[at..at + 2 * n]);
                if edge.is_back() {
                    block.couplings.copy_within(at + n..at + 2 * n, at);
                }
            }
            let radial = rows_a_pair * (block.pairs.len() - 1) + if edge.is_back() { rows_a_pair - 1 } else { 0 };
            let (sender, receiver) = (edge.sender(&context.graph.pairs), edge.receiver(&context.graph.pairs));
            block.edges.push(DirectedEdge { sender, receiver, radial: radial as u32 });
        }
        block.edges.len()
    }

    /// Couplings of both edges of a pair.
    fn couple(&self, harmonics: &[T], couplings: &mut [T]) {
        let (there, back) = couplings.split_at_mut(self.parity.len());
        there.fill(T::default());
        for (coupling, harmonic, value) in &self.terms {
            there[usize::from(*coupling)] += *value * harmonics[usize::from(*harmonic)];
        }
        for ((back, there), sign) in back.iter_mut().zip(&*there).zip(&self.parity) {
            *back = *sign * *there;
        }
    }

    fn weigh(&self, context: Context<'_, T>, with_slopes: bool, block: &mut Block<T>) {
        let width = self.products.radial_width();
        let Block { pairs, basis: [basis, basis_slopes], weights, slopes, scratch, .. } = block;
        let n_rows = pairs.len() * weights.len() / (BLOCK * width);
        let weights = &mut weights[..n_rows * width];
        let slopes = if with_slopes { &mut slopes[..n_rows * width] } else { &mut [] };
        match &self.radial {
            Radial::Shared(network) if network.is_tabulated() => {
                let distances = pairs.iter().map(|pair| pair.distance);
                network.tabulated(distances, weights, with_slopes.then_some(&mut *slopes));
            }
            Radial::Shared(network) if with_slopes => {
                network.values_and_slopes(basis, basis_slopes, scratch, weights, slopes);
            }
            Radial::Shared(network) => network.values(basis, scratch, weights),
            Radial::Directed(network) => network.weights(context, pairs, (basis, basis_slopes), weights, slopes),
        }
        let n_each = n_rows / pairs.len().max(1);
        for (index, pair) in pairs.iter().enumerate() {
            let range = index * n_each * width..(index + 1) * n_each * width;
            cut_off(context.basis, pair, &mut weights[range.clone()], slopes.get_mut(range));
        }
    }
}

/// Multiplies by the cutoff where the basis does not.
fn cut_off<T: Real>(basis: &Basis, pair: &Pair, weights: &mut [T], slopes: Option<&mut [T]>) {
    let Some((cut, cut_slope)) = basis.outer_cutoff(pair.distance) else { return };
    let (cut, cut_slope) = (T::real(cut), T::real(cut_slope));
    if let Some(slopes) = slopes {
        for (slope, weight) in slopes.iter_mut().zip(&*weights) {
            *slope = *slope * cut + *weight * cut_slope;
        }
    }
    weights.iter_mut().for_each(|weight| *weight *= cut);
}

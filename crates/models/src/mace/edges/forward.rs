//! The forward pass over edges, block by block.

use super::paths::{paths, terms};
use crate::e3nn::{N_HARMONICS, Scratch};
use crate::mace::config::{Config, LayerConfig};
use crate::mace::context::Context;
use crate::mace::element_radial::ElementRadial;
use crate::mace::file::{FileError, ModelFile};
use crate::mace::linear::Rows;
use crate::mace::parameters::Channels;
use crate::mace::radial::{Basis, RadialNetwork};
use crate::mace::shares::{Edge, Share, owners, split, spread};
use mlip_atoms::PredictError;
use mlip_atoms::neighbors::Pair;
use mlip_kernels::edge_products::{DirectedEdge, EdgeProducts, Given, Path};
use mlip_kernels::simd::{InstructionSet, Real};

/// Pairs whose radial weights are held at once: they stay in the second-level cache.
pub(super) const BLOCK: usize = 16;
/// Blocks between two looks at the deadline.
const BLOCKS_PER_CHECK: usize = 64;

/// Where radial weights come from.
pub(in crate::mace) enum Radial<T> {
    /// A function of the distance (and, with a transform, of the two elements, whichever sends).
    Shared(RadialNetwork<T>),
    /// A network that tells sender and receiver apart.
    Directed(ElementRadial<T>),
}

/// Derivatives of the energy by what pairs are made of.
pub(in crate::mace) struct PairDerivatives {
    /// eV/Å, one a pair.
    pub(in crate::mace) by_distance: Vec<f64>,
    /// eV, one row a pair.
    pub(in crate::mace) by_harmonics: Vec<[f64; N_HARMONICS]>,
}

impl PairDerivatives {
    pub(in crate::mace) fn new(n_pairs: usize) -> Self {
        Self { by_distance: vec![0.0; n_pairs], by_harmonics: vec![[0.0; N_HARMONICS]; n_pairs] }
    }
}

/// Sends features of one layer along the edges.
pub(in crate::mace) struct Edges<T> {
    /// Of the layer.
    number: usize,
    pub(super) products: EdgeProducts,
    pub(in crate::mace) radial: Radial<T>,
    /// (coupling, harmonic, coefficient)
    pub(super) terms: Vec<(u16, u16, T)>,
    /// By coupling: the sign that it takes where the edge turns round.
    pub(super) parity: Vec<T>,
    /// Of the messages: for each l3, rows of all paths side by side.
    pub(in crate::mace) rows: Rows,
    /// Paths to each l3.
    pub(in crate::mace) n_paths: Vec<usize>,
}

/// The arrays of a block of pairs.
pub(super) struct Block<T> {
    pairs: Vec<Pair>,
    /// Which of all pairs they are.
    numbers: Vec<usize>,
    /// Basis functions and their derivatives, where radial weights are made of them.
    basis: [Vec<T>; 2],
    pub(super) edges: Vec<DirectedEdge>,
    couplings: Vec<T>,
    weights: Vec<T>,
    slopes: Vec<T>,
    scratch: Scratch<T>,
}

impl<T> Block<T> {
    pub(super) fn given<'a>(&'a self, (features, messages): (&'a [T], &'a [T])) -> Given<'a, T> {
        Given { couplings: &self.couplings, radial: &self.weights, radial_slopes: &self.slopes, features, messages }
    }
}

impl<T: Real> Edges<T> {
    pub(in crate::mace) fn read(
        file: &ModelFile,
        number: usize,
        config: &Config,
        layer: &LayerConfig,
        channels: Channels,
        (basis, exact, set): (&Basis, bool, InstructionSet),
    ) -> Result<Self, FileError> {
        let found = paths(layer.edge.lmax(), config.max_ell, layer.target.lmax());
        let mut n_paths = vec![0; layer.target.0.len()];
        found.iter().for_each(|(.., l3)| n_paths[*l3] += 1);
        let rows = Rows::new(&n_paths.iter().map(|n| n * channels.padded).collect::<Vec<_>>());

        let terms = terms(file, &found).into_iter();
        let terms = terms.map(|(coupling, harmonic, value)| (coupling, harmonic, T::real(value))).collect();
        let (mut paths, mut parity, mut seen) = (Vec::new(), Vec::new(), vec![0; n_paths.len()]);
        for (l1, l2, l3) in found {
            let (d1, d3, coupling) = (2 * l1 + 1, 2 * l3 + 1, parity.len());
            let message = rows.at(l3, 0) / channels.padded + seen[l3];
            paths.push(Path { d1, d3, feature: l1 * l1, message, stride: n_paths[l3], coupling });
            seen[l3] += 1;
            let sign = T::real(if l2.is_multiple_of(2) { 1.0 } else { -1.0 });
            parity.extend(std::iter::repeat_n(sign, d1 * d3));
        }
        let place = crate::mace::linear::padded(channels.upstream, channels.padded);
        let columns: Vec<_> = (0..paths.len() * channels.padded).map(place).collect();
        let radial = if layer.interaction == crate::mace::config::Interaction::NonLinear {
            Radial::Directed(ElementRadial::read(file, number, config, &columns, set)?)
        } else {
            let widths = &layer.radial_widths;
            Radial::Shared(RadialNetwork::read(file, number, widths, &columns, basis, exact, set)?)
        };
        let feature_rows = (layer.edge.lmax() + 1) * (layer.edge.lmax() + 1);
        let products = EdgeProducts::new(paths, channels.padded, feature_rows, rows.stride / channels.padded, set);
        Ok(Self { number, products, radial, terms, parity, rows, n_paths })
    }

    /// Whether it works without basis functions.
    pub(in crate::mace) fn is_tabulated(&self) -> bool {
        matches!(&self.radial, Radial::Shared(network) if network.is_tabulated())
    }

    pub(in crate::mace) fn bytes(&self) -> u64 {
        match &self.radial {
            Radial::Shared(network) => network.bytes(),
            Radial::Directed(network) => network.bytes(),
        }
    }

    /// The sums over neighbors of all atoms.
    pub(in crate::mace) fn forward(&self, context: Context<'_, T>, features: &[T]) -> Result<Vec<T>, PredictError> {
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

    /// Calls `visit` with block after block of these edges, in order.
    pub(super) fn blocks(
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
            numbers: Vec::with_capacity(BLOCK),
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
            if number % BLOCKS_PER_CHECK == 0 {
                context.deadline.check()?;
            }
            let of_block;
            (of_block, edges) = edges.split_at(self.gather(context, edges, rows_a_pair, &mut block));
            self.weigh(context, with_slopes, &mut block);
            visit(&mut block, of_block);
        }
        Ok(())
    }

    /// Fills a block with the first of these edges, as many as belong to this many pairs; returns how many.
    fn gather(&self, context: Context<'_, T>, edges: &[Edge], rows_a_pair: usize, block: &mut Block<T>) -> usize {
        let n = self.parity.len();
        block.pairs.clear();
        block.numbers.clear();
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
                block.numbers.push(number);
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
        let Block { pairs, numbers, basis: [basis, basis_slopes], weights, slopes, scratch, .. } = block;
        let n_rows = pairs.len() * weights.len() / (BLOCK * width);
        let weights = &mut weights[..n_rows * width];
        let slopes = if with_slopes { &mut slopes[..n_rows * width] } else { &mut [] };
        if let Some(tables) = context.tables {
            return tables.weigh(self.number, numbers, weights, slopes);
        }
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

//! Messages from the channels of one block to one irrep, along all edges and back.

use super::blocks::padded;
use super::radial::{Basis, Radial, Rows};
use crate::e3nn::{Coefficient, N_HARMONICS, TwoWay};
use crate::sevennet::graph::Graph;
use mlip_atoms::neighbors::Pair;
use mlip_atoms::{Deadline, PredictError};
use mlip_kernels::edge_products::{DirectedEdge, EdgeProducts, Given, Gradients, Path};
use mlip_kernels::simd::{InstructionSet, Real};

/// Pairs whose radial weights are held at once: they stay in the second-level cache.
const BLOCK: usize = 16;
/// Blocks between two looks at the deadline.
const BLOCKS_PER_CHECK: usize = 64;

/// What an evaluation carries from layer to layer.
#[derive(Clone, Copy)]
pub(super) struct Context<'a, T> {
    pub(super) graph: &'a Graph,
    /// `[pairs, N_HARMONICS]`
    pub(super) harmonics: &'a [T],
    pub(super) basis: &'a Basis,
    pub(super) deadline: &'a Deadline,
}

/// Derivatives of the energy by what pairs are made of.
pub(super) struct PairDerivatives {
    /// eV/Å, one a pair.
    pub(super) by_distance: Vec<f64>,
    /// eV, one row a pair.
    pub(super) by_harmonics: Vec<[f64; N_HARMONICS]>,
}

/// All paths from one block to one irrep.
pub(super) struct Bundle<T> {
    /// Block of the features.
    pub(super) from: usize,
    /// Block of what the gate gets.
    pub(super) to: usize,
    products: EdgeProducts,
    radial: Radial<T>,
    /// (coupling, harmonic, coefficient)
    terms: Vec<(u16, u16, T)>,
    /// By coupling: the sign that it takes where the edge turns round.
    parity: Vec<T>,
    /// From messages, paths side by side, to what the gate gets.
    pub(super) mix: TwoWay<T>,
}

/// What a bundle is made of.
pub(super) struct Parts<T> {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) channels: usize,
    /// 2l + 1 of the features and of the messages.
    pub(super) dims: (usize, usize),
    /// l of the harmonics of each path, and its couplings with e3nn's factor.
    pub(super) paths: Vec<(usize, Vec<Coefficient>)>,
    pub(super) radial: Radial<T>,
    pub(super) mix: TwoWay<T>,
}

/// The arrays of a block of pairs.
struct Arrays<T> {
    edges: Vec<DirectedEdge>,
    couplings: Vec<T>,
    weights: Vec<T>,
    slopes: Vec<T>,
    rows: Rows<T>,
}

impl<T: Real> Bundle<T> {
    pub(super) fn new(parts: Parts<T>, set: InstructionSet) -> Self {
        let Parts { from, to, channels, dims: (d1, d3), paths, radial, mix } = parts;
        let (mut found, mut terms, mut parity) = (Vec::new(), Vec::new(), Vec::new());
        for (number, (l2, couplings)) in paths.iter().enumerate() {
            let coupling = parity.len();
            found.push(Path { d1, d3, feature: 0, message: number, stride: paths.len(), coupling });
            for (m1, m2, m3, value) in couplings {
                let place = (coupling + m1 * d3 + m3) as u16;
                terms.push((place, (l2 * l2 + m2) as u16, T::real(*value)));
            }
            let sign = T::real(if l2.is_multiple_of(2) { 1.0 } else { -1.0 });
            parity.extend(std::iter::repeat_n(sign, d1 * d3));
        }
        let products = EdgeProducts::new(found, padded(channels), d1, d3 * paths.len(), set);
        Self { from, to, products, radial, terms, parity, mix }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.radial.bytes() + self.mix.bytes()
    }

    /// Numbers of an atom's messages.
    pub(super) fn width(&self) -> usize {
        self.products.message_width()
    }

    /// The sums over neighbors of all atoms, `[atoms, 2l + 1, paths, channels]`.
    pub(super) fn forward(&self, context: Context<'_, T>, features: &[T]) -> Result<Vec<T>, PredictError> {
        let mut messages = vec![T::default(); context.graph.n_atoms() * self.width()];
        self.blocks(context, false, |arrays, _, _| {
            self.products.forward(&arrays.edges, &arrays.couplings, &arrays.weights, features, &mut messages);
        })?;
        Ok(messages)
    }

    /// From `∂E/∂messages` to those by pairs and, if asked for, by features.
    pub(super) fn backward(
        &self,
        context: Context<'_, T>,
        features: &[T],
        messages: &[T],
        mut by_features: Option<&mut [T]>,
        derivatives: &mut PairDerivatives,
    ) -> Result<(), PredictError> {
        let n = self.parity.len();
        let mut by_couplings = vec![T::default(); 2 * BLOCK * n];
        let mut by_distance = vec![T::default(); 2 * BLOCK];
        self.blocks(context, true, |arrays, first, n_pairs| {
            let given = Given {
                couplings: &arrays.couplings,
                radial: &arrays.weights,
                radial_slopes: &arrays.slopes,
                features,
                messages,
            };
            let gradients = Gradients {
                features: by_features.as_deref_mut(),
                couplings: &mut by_couplings,
                distances: &mut by_distance,
            };
            self.products.backward(&arrays.edges, given, gradients);
            for pair in 0..n_pairs {
                let (there, back) = by_couplings[2 * pair * n..][..2 * n].split_at_mut(n);
                derivatives.by_distance[first + pair] +=
                    by_distance[2 * pair].wide() + by_distance[2 * pair + 1].wide();
                self.add_harmonics(there, back, &mut derivatives.by_harmonics[first + pair]);
            }
        })
    }

    /// Calls `visit` with block after block of pairs: arrays, first pair, number of pairs.
    fn blocks(
        &self,
        context: Context<'_, T>,
        with_slopes: bool,
        mut visit: impl FnMut(&Arrays<T>, usize, usize),
    ) -> Result<(), PredictError> {
        let (width, n) = (self.products.radial_width(), self.parity.len());
        let mut arrays = Arrays {
            edges: Vec::with_capacity(2 * BLOCK),
            couplings: vec![T::default(); 2 * BLOCK * n],
            weights: vec![T::default(); BLOCK * width],
            slopes: vec![T::default(); if with_slopes { BLOCK * width } else { 0 }],
            rows: Rows::default(),
        };
        for (number, pairs) in context.graph.pairs.chunks(BLOCK).enumerate() {
            if number % BLOCKS_PER_CHECK == 0 {
                context.deadline.check()?;
            }
            let first = number * BLOCK;
            arrays.edges.clear();
            for (index, Pair { i, j, .. }) in pairs.iter().enumerate() {
                let radial = index as u32;
                // A message goes to the atom where the vector starts.
                arrays.edges.push(DirectedEdge { sender: *j, receiver: *i, radial });
                arrays.edges.push(DirectedEdge { sender: *i, receiver: *j, radial });
                let harmonics = &context.harmonics[(first + index) * N_HARMONICS..][..N_HARMONICS];
                self.couple(harmonics, &mut arrays.couplings[2 * index * n..][..2 * n]);
            }
            let Arrays { rows, weights, slopes, .. } = &mut arrays;
            let used = pairs.len() * width;
            let slopes = if with_slopes { &mut slopes[..used] } else { &mut [] };
            let distances = pairs.iter().map(|pair| pair.distance);
            self.radial.weights(context.basis, distances, rows, &mut weights[..used], slopes);
            visit(&arrays, first, pairs.len());
        }
        Ok(())
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

    /// Adds what the couplings of both edges of a pair say. `there` is overwritten.
    fn add_harmonics(&self, there: &mut [T], back: &[T], by_harmonics: &mut [f64; N_HARMONICS]) {
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

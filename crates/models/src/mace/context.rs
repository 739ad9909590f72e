//! What an evaluation carries from layer to layer.

use super::graph::Graph;
use super::pair_tables::PairTables;
use super::radial::Basis;
use mlip_atoms::Deadline;
use mlip_kernels::simd::Real;

/// Basis functions of all pairs and their derivatives; empty where tables make them needless.
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

/// What of the network an evaluation carries from layer to layer.
#[derive(Clone, Copy)]
pub(super) struct Context<'a, T> {
    pub(super) graph: &'a Graph<T>,
    pub(super) basis: &'a Basis,
    pub(super) rows: &'a BasisRows<T>,
    /// Radial functions of models that have tables for pairs of elements.
    pub(super) tables: Option<&'a PairTables<T>>,
    pub(super) deadline: &'a Deadline,
}

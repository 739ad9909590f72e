//! The rows themselves, and what is summed of them.

use super::plan::{Kind, Place, Plan};
use super::step::{distance, sample};
use crate::e3nn::Scratch;
use crate::mace::graph::Graph;
use crate::mace::radial::{Basis, Density, RadialNetwork};
use mlip_atoms::{Deadline, PredictError};
use mlip_kernels::simd::Real;
use mlip_kernels::spline::{Factors, REACH, coefficients};

/// Radial functions of all layers for the pairs of a structure.
pub(in crate::mace) struct PairTables<T> {
    places: Vec<Place>,
    layers: Vec<LayerRows<T>>,
}

/// Of one layer; rows as the plan has them.
struct LayerRows<T> {
    /// Weights for a distance.
    width: usize,
    set: mlip_kernels::simd::InstructionSet,
    table: Table<T>,
    /// Weights and slopes, `[distances, width]` each.
    distances: [Vec<T>; 2],
    /// The same of the density's argument; empty without a density.
    density: Table<f64>,
    density_distances: Vec<(f64, f64)>,
}

/// Coefficients of some functions.
#[derive(Default)]
struct Table<T> {
    /// At knots behind which there are distances: `[knots, width]`.
    knots: Vec<T>,
    /// From each knot on which these depend to the next: `[differences, width]`. They are differences of what the last layer
    /// multiplies, taken in double precision.
    differences: Vec<T>,
}

/// Basis functions where they are needed.
#[derive(Default)]
struct Samples<T> {
    /// At knots and around them, kind after kind, f64 whatever the precision.
    knots: Vec<f64>,
    /// Of each knot of the tables: the first of its samples.
    firsts: Vec<usize>,
    /// Of each knot behind which there are distances: which of those it is.
    knots_with_distances: Vec<usize>,
    /// Whether the next knot is the next row.
    goes_on: Vec<bool>,
    /// At distances: values, and derivatives by the distance.
    distances: [Vec<T>; 2],
}

impl<T: Real> PairTables<T> {
    /// `layers`: their networks, and where they have one their densities.
    pub(in crate::mace) fn new<'a>(
        graph: &Graph<T>,
        basis: &Basis,
        step: f64,
        layers: impl Iterator<Item = (&'a RadialNetwork<T>, Option<&'a Density>)>,
        deadline: &Deadline,
    ) -> Result<Self, PredictError> {
        let plan = Plan::new(graph, basis.r_max, step);
        let samples = Samples::new(&plan.kinds, basis, step);
        let mut rows = Vec::new();
        for (network, density) in layers {
            deadline.check()?;
            rows.push(LayerRows::new(network, density, &samples, basis.len()));
        }
        Ok(Self { places: plan.places, layers: rows })
    }

    /// One row of weights for each of these pairs; of their derivatives too where `slopes` is not empty.
    pub(in crate::mace) fn weigh(&self, layer: usize, pairs: &[usize], weights: &mut [T], slopes: &mut [T]) {
        let layer = &self.layers[layer];
        let width = layer.width;
        for (index, pair) in pairs.iter().enumerate() {
            let range = index * width..(index + 1) * width;
            let weights = &mut weights[range.clone()];
            match (&self.places[*pair], slopes.get_mut(range)) {
                (Place::Behind { knot, difference, t, rate }, slopes) => {
                    let (knot, differences) = layer.table.rows(*knot, *difference, width);
                    let factors = Factors::at(*t, *rate);
                    match slopes {
                        None => factors.values(knot, differences, weights, layer.set),
                        Some(slopes) => factors.values_and_slopes(knot, differences, [weights, slopes], layer.set),
                    }
                }
                (Place::Distance(row), slopes) => {
                    let range = *row as usize * width..(*row as usize + 1) * width;
                    weights.copy_from_slice(&layer.distances[0][range.clone()]);
                    if let Some(slopes) = slopes {
                        slopes.copy_from_slice(&layer.distances[1][range]);
                    }
                }
            }
        }
    }

    /// The density of an edge of this pair, and its derivative by the distance.
    pub(in crate::mace) fn density(&self, layer: usize, pair: usize) -> (f64, f64) {
        let layer = &self.layers[layer];
        let (argument, slope) = match &self.places[pair] {
            Place::Behind { knot, difference, t, rate } => {
                let (knot, differences) = layer.density.rows(*knot, *difference, 1);
                let (mut value, mut slope) = ([0.0], [0.0]);
                Factors::at(*t, *rate).values_and_slopes(knot, differences, [&mut value, &mut slope], layer.set);
                (value[0], slope[0])
            }
            Place::Distance(row) => layer.density_distances[*row as usize],
        };
        Density::of_argument(argument, slope)
    }
}

impl<T> Table<T> {
    /// A row of a knot, and five of differences.
    fn rows(&self, knot: u32, difference: u32, width: usize) -> (&[T], &[T]) {
        (&self.knots[knot as usize * width..][..width], &self.differences[difference as usize * width..][..5 * width])
    }
}

impl Table<f64> {
    /// Of functions that `samples` holds, `[n_samples, width]`.
    fn new<T>(samples: &Samples<T>, values: &[f64], width: usize) -> Self {
        let mut rows = vec![0.0; samples.firsts.len() * width];
        for (row, first) in rows.chunks_exact_mut(width).zip(&samples.firsts) {
            coefficients(&values[first * width..][..(2 * REACH + 1) * width], row);
        }
        let row = |k: usize| &rows[k * width..][..width];
        let knots = samples.knots_with_distances.iter().flat_map(|knot| row(*knot)).copied().collect();
        let mut differences = vec![0.0; rows.len()];
        for (k, difference) in differences.chunks_exact_mut(width).enumerate() {
            if samples.goes_on[k] {
                for ((x, next), this) in difference.iter_mut().zip(row(k + 1)).zip(row(k)) {
                    *x = next - this;
                }
            }
        }
        Self { knots, differences }
    }

    /// What the last layer of a network makes of it.
    fn through<T: Real>(&self, network: &RadialNetwork<T>, depth: usize) -> Table<T> {
        let through = |rows: &[f64]| {
            let mut out = vec![T::default(); rows.len() / depth * network.width()];
            network.add_last(&rows.iter().map(|x| T::real(*x)).collect::<Vec<_>>(), &mut out);
            out
        };
        Table { knots: through(&self.knots), differences: through(&self.differences) }
    }
}

impl<T: Real> Samples<T> {
    fn new(kinds: &[Kind], basis: &Basis, step: f64) -> Self {
        let mut samples = Self {
            knots: Vec::new(),
            firsts: Vec::new(),
            knots_with_distances: Vec::new(),
            goes_on: Vec::new(),
            distances: [Vec::new(), Vec::new()],
        };
        let (mut values, mut slopes) = (vec![0.0; basis.len()], vec![0.0; basis.len()]);
        let mut n_samples = 0;
        for kind in kinds {
            let mut next = i64::MIN;
            let mut with_distances = kind.knots.iter().peekable();
            for (index, knot) in kind.around.iter().enumerate() {
                if with_distances.next_if_eq(&knot).is_some() {
                    samples.knots_with_distances.push(samples.firsts.len());
                }
                samples.goes_on.push(kind.around.get(index + 1) == Some(&(knot + 1)));
                let (first, end) = (knot - REACH as i64, knot + REACH as i64 + 1);
                for k in first.max(next)..end {
                    sample(basis, kind.elements, distance(k, step), &mut samples.knots);
                    n_samples += 1;
                }
                next = end;
                samples.firsts.push(n_samples - (2 * REACH + 1));
            }
            for r in &kind.distances {
                basis.evaluate(*r, kind.elements, &mut values, &mut slopes);
                samples.distances[0].extend(values.iter().map(|x| T::real(*x)));
                samples.distances[1].extend(slopes.iter().map(|x| T::real(*x)));
            }
        }
        samples
    }
}

impl<T: Real> LayerRows<T> {
    fn new(network: &RadialNetwork<T>, density: Option<&Density>, samples: &Samples<T>, n_basis: usize) -> Self {
        let width = network.width();
        let mut table = Table::default();
        if let Some(hidden) = network.hidden() {
            let (mut scratch, depth) = (Scratch::default(), hidden.hidden_width());
            table = Table::new(samples, hidden.hidden(&samples.knots, &mut scratch), depth).through(network, depth);
        }
        let [basis, basis_slopes] = &samples.distances;
        let n = basis.len() / n_basis * width;
        let [mut weights, mut slopes] = [vec![T::default(); n], vec![T::default(); n]];
        network.values_and_slopes(basis, basis_slopes, &mut Scratch::default(), &mut weights, &mut slopes);

        let (mut of_density, mut density_distances) = (Table::default(), Vec::new());
        if let Some(density) = density {
            let arguments: Vec<f64> = samples.knots.chunks_exact(n_basis).map(|row| density.argument(row)).collect();
            of_density = Table::new(samples, &arguments, 1);
            let rows = basis.chunks_exact(n_basis).zip(basis_slopes.chunks_exact(n_basis));
            density_distances = rows.map(|(row, slopes)| (density.argument(row), density.argument(slopes))).collect();
        }
        Self { width, set: network.set(), table, distances: [weights, slopes], density: of_density, density_distances }
    }
}

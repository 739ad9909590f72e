//! What a structure needs of the tables: for each pair of elements knots, or the distances themselves.

use super::step::{BEFORE, BEHIND};
use crate::mace::graph::Graph;
use mlip_kernels::simd::Real;
use mlip_kernels::spline::REACH;

/// What a pair of elements costs, in hundredths of the last layers' products with one row: for each row of a table, for
/// each sample of the layers before (in double precision), for each distance (all layers, weights and slopes).
const ROW: usize = 100;
const SAMPLE: usize = 60;
const DISTANCE: usize = 260;

/// Distances are equal in single precision when they are in multiples of this, 2^-26 Å: a quarter of its rounding at 1 Å,
/// and far above that of double precision, in which equivalent distances of a crystal differ.
const PER_ANGSTROM: f64 = 67_108_864.0;

/// Where the radial functions of a pair of atoms are found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Place {
    /// Behind a knot.
    Behind {
        /// Its row.
        knot: u32,
        /// The first of five rows of differences.
        difference: u32,
        /// How far behind, in steps.
        t: f64,
        /// Steps an Å.
        rate: f64,
    },
    /// In this row of weights and slopes.
    Distance(u32),
}

/// The rows of one pair of elements.
pub(super) struct Kind {
    /// Atomic numbers.
    pub(super) elements: (u8, u8),
    /// Knots behind which there are distances, ascending.
    pub(super) knots: Vec<i64>,
    /// Knots on which these distances depend, ascending.
    pub(super) around: Vec<i64>,
    /// Distances at which the network runs, ascending, Å.
    pub(super) distances: Vec<f64>,
}

/// All rows of a structure, kind after kind.
pub(super) struct Plan {
    pub(super) kinds: Vec<Kind>,
    /// One a pair of atoms.
    pub(super) places: Vec<Place>,
}

/// What is found of a pair of elements.
#[derive(Clone)]
struct Found {
    /// Steps in which distances lie.
    steps: Vec<bool>,
    /// Different distances, ascending, as long as they are few.
    distances: Vec<f64>,
    /// Whether they are too many to be kept.
    many: bool,
}

/// Where the rows of a pair of elements are.
enum RowsOf {
    /// Of each step: its knot, and the first of its differences.
    Steps(Vec<[u32; 2]>),
    /// The first distance.
    Distances(u32),
}

impl Found {
    fn insert(&mut self, distance: f64) {
        if self.many {
            return;
        }
        if let Err(at) = self.distances.binary_search_by(|known| known.total_cmp(&distance)) {
            self.distances.insert(at, distance);
            let most = self.steps.len() * (2 * ROW + SAMPLE) / DISTANCE;
            self.many = self.distances.len() > most;
        }
    }

    /// Positions at which any of `width` numbers from a step on are wanted.
    fn covered(&self, width: usize) -> Vec<usize> {
        let last = |at: usize| {
            &self.steps[(at + 1).saturating_sub(width).min(self.steps.len())..(at + 1).min(self.steps.len())]
        };
        (0..self.steps.len() + width - 1).filter(|at| last(*at).contains(&true)).collect()
    }
}

impl Plan {
    pub(super) fn new<T: Real>(graph: &Graph<T>, r_max: f64, step: f64) -> Self {
        let n_steps = (r_max.sqrt() / step).round() as usize;
        let mut present = graph.elements.clone();
        present.sort_unstable();
        present.dedup();
        let local: Vec<usize> = graph.elements.iter().map(|e| present.partition_point(|known| known < e)).collect();
        let kind_of = |i: u32, j: u32| {
            let (a, b) = (local[i as usize], local[j as usize]);
            a.min(b) * present.len() + a.max(b)
        };
        let position = |r: f64| r.sqrt() / step;
        let step_of = |position: f64| (position as usize).min(n_steps - 1);

        let nothing = Found { steps: vec![false; n_steps], distances: Vec::new(), many: false };
        let mut found = vec![nothing; present.len() * present.len()];
        let mut elements = vec![(0, 0); found.len()];
        for pair in &graph.pairs {
            let kind = kind_of(pair.i, pair.j);
            found[kind].steps[step_of(position(pair.distance))] = true;
            found[kind].insert(representative::<T>(pair.distance));
            elements[kind] = graph.numbers_of(pair);
        }

        // Of each kind: its first distance, or of each step the rows of its knot and of its differences.
        let (mut kinds, mut rows) = (Vec::new(), Vec::new());
        let (mut n_knots, mut n_differences, mut n_distances) = (0, 0, 0);
        for (found, elements) in found.into_iter().zip(elements) {
            let knots = found.covered(1);
            let around = found.covered(BEFORE + 1 + BEHIND);
            let n_samples = found.covered(BEFORE + 1 + BEHIND + 2 * REACH).len();
            let cost = (knots.len() + around.len()) * ROW + n_samples * SAMPLE;
            let mut kind = Kind { elements, knots: Vec::new(), around: Vec::new(), distances: Vec::new() };
            if !found.many && found.distances.len() * DISTANCE <= cost {
                rows.push(RowsOf::Distances(n_distances));
                n_distances += found.distances.len() as u32;
                kind.distances = found.distances;
            } else {
                let mut of_steps = vec![[u32::MAX; 2]; n_steps];
                for (firsts, covered, which) in [(n_knots, &knots, 0), (n_differences, &around, 1)] {
                    for (row, position) in (firsts..).zip(covered) {
                        if let Some(of_step) = of_steps.get_mut(*position) {
                            of_step[which] = row;
                        }
                    }
                }
                rows.push(RowsOf::Steps(of_steps));
                n_knots += knots.len() as u32;
                n_differences += around.len() as u32;
                kind.knots = knots.into_iter().map(|knot| knot as i64).collect();
                kind.around = around.into_iter().map(|knot| knot as i64 - BEFORE as i64).collect();
            }
            kinds.push(kind);
        }

        let place = |pair: &mlip_atoms::neighbors::Pair| {
            let kind = kind_of(pair.i, pair.j);
            match &rows[kind] {
                RowsOf::Steps(of_steps) => {
                    let position = position(pair.distance);
                    let first = step_of(position);
                    let [knot, difference] = of_steps[first];
                    // d(√r / step) / dr
                    let rate = 0.5 / (pair.distance.sqrt() * step);
                    Place::Behind { knot, difference, t: position - first as f64, rate }
                }
                RowsOf::Distances(first) => {
                    let distance = representative::<T>(pair.distance);
                    Place::Distance(first + kinds[kind].distances.partition_point(|known| *known < distance) as u32)
                }
            }
        };
        let places = graph.pairs.iter().map(place).collect();
        Self { kinds, places }
    }
}

/// The distance at which the network runs for this one.
fn representative<T>(r: f64) -> f64 {
    if size_of::<T>() < 8 { (r * PER_ANGSTROM).round() / PER_ANGSTROM } else { r }
}

//! Functions of lengths and angles of a structure, in double precision, and the gradient by its pairs.

use super::chunks::Chunks;
use crate::mattersim::bases::{COSINE_MARGIN, Radial, Spherical, harmonic};
use crate::mattersim::config::Config;
use crate::mattersim::graph::Graph;
use mlip_atoms::{Deadline, PredictError};
use mlip_kernels::simd::Real;
use mlip_threads as threads;

/// Functions of the lengths of pairs, and sums of functions of angles.
pub(super) struct Geometry {
    /// `[n_pairs, max_n]` each: functions of lengths, and their slopes.
    radial: [Vec<f64>; 2],
    /// `[n_pairs, n_spherical]` each: functions of lengths of second edges, envelope included, and their slopes.
    spherical: [Vec<f64>; 2],
    /// By pair: the envelope of edges that have angles, and its slope.
    envelope: Vec<[f64; 2]>,
    /// `[n_edges, n_spherical]`: functions of angles, summed over the second edges.
    sums: Vec<f64>,
    /// By order: coefficients in powers of the cosine.
    harmonics: Vec<[f64; 4]>,
    max_n: usize,
    n_spherical: usize,
}

/// From 1 to 0 at the cutoff, and the slope.
fn envelope(length: f64, cutoff: f64) -> [f64; 2] {
    let x = length / cutoff;
    if x >= 1.0 {
        return [0.0; 2];
    }
    let (square, rest) = (x * x, 1.0 - x);
    [1.0 + x * square * (x * (15.0 - 6.0 * x) - 10.0), -30.0 * square * rest * rest / cutoff]
}

/// `sin(k r) / (k r)` and its slope.
fn sinc(k: f64, length: f64) -> [f64; 2] {
    let (sine, cosine) = (k * length).sin_cos();
    [sine / (k * length), (cosine - sine / (k * length)) / length]
}

impl Radial {
    /// Functions of a length and their slopes.
    fn at(&self, length: f64, values: &mut [f64], slopes: &mut [f64]) {
        let n = self.weight.len();
        values.fill(0.0);
        slopes.fill(0.0);
        for row in 0..n {
            let [first, second] = [self.first[row], self.second[row]].map(|k| sinc(k, length));
            let [value, slope] = [0, 1].map(|part| self.weight[row] * (first[part] + second[part]));
            for column in row..n {
                values[column] += value * self.mix[row * n + column];
                slopes[column] += slope * self.mix[row * n + column];
            }
        }
    }
}

impl Spherical {
    /// Functions of a length and their slopes.
    fn at(&self, length: f64, values: &mut [f64], slopes: &mut [f64]) {
        let x = length / self.cutoff;
        for ((function, value), slope) in self.functions.iter().zip(values).zip(slopes) {
            let (mut sum, mut sum_of_slopes, mut power) = (0.0, 0.0, 1.0 / x);
            for (k, (amplitude, root)) in function.terms.iter().enumerate() {
                let (sine, cosine) = (root * x).sin_cos();
                let [wave, turned] = if function.is_sine(k) { [sine, cosine] } else { [cosine, -sine] };
                sum += amplitude * power * wave;
                sum_of_slopes += amplitude * power * (root * turned - (k + 1) as f64 * wave / x);
                power /= x;
            }
            (*value, *slope) = (sum, sum_of_slopes / self.cutoff);
        }
    }
}

/// A polynomial of up to the third power and its slope.
fn polynomial([a, b, c, d]: [f64; 4], x: f64) -> [f64; 2] {
    [a + x * (b + x * (c + x * d)), b + x * (2.0 * c + x * 3.0 * d)]
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Direction of an edge.
fn unit(graph: &Graph, edge: usize) -> [f64; 3] {
    let pair = &graph.pairs[graph.edges.pair[edge] as usize];
    pair.vector.map(|x| graph.edges.sign[edge] * x / pair.distance)
}

impl Geometry {
    pub(super) fn of(
        graph: &Graph,
        chunks: &Chunks,
        config: &Config,
        (radial, spherical): (&Radial, &Spherical),
        deadline: &Deadline,
    ) -> Result<Self, PredictError> {
        let (n_pairs, max_n, n_spherical) = (graph.pairs.len(), config.max_n, config.n_spherical());
        let zeros = |width: usize| [vec![0.0; n_pairs * width], vec![0.0; n_pairs * width]];
        let mut found = Self {
            radial: zeros(max_n),
            spherical: zeros(n_spherical),
            envelope: vec![[0.0; 2]; n_pairs],
            sums: vec![0.0; graph.n_edges() * n_spherical],
            harmonics: (0..config.max_l).map(harmonic).collect(),
            max_n,
            n_spherical,
        };
        for (index, pair) in graph.pairs.iter().enumerate() {
            let [values, slopes] = &mut found.radial;
            let place = index * max_n..(index + 1) * max_n;
            radial.at(pair.distance, &mut values[place.clone()], &mut slopes[place]);
            if pair.distance > config.threebody_cutoff {
                continue;
            }
            let [value, slope] = envelope(pair.distance, config.threebody_cutoff);
            let place = index * n_spherical..(index + 1) * n_spherical;
            let [values, slopes] = &mut found.spherical;
            let (values, slopes) = (&mut values[place.clone()], &mut slopes[place]);
            spherical.at(pair.distance, values, slopes);
            for (of_value, of_slope) in values.iter_mut().zip(slopes) {
                *of_slope = *of_slope * value + *of_value * slope;
                *of_value *= value;
            }
            found.envelope[index] = [value, slope];
        }
        let mut sums = std::mem::take(&mut found.sums);
        let parts = chunks.atoms.iter().zip(&chunks.edges).zip(threads::split(&mut sums, n_spherical, &chunks.edges));
        threads::for_each(parts.collect(), |((atoms, edges), sums)| {
            for atom in atoms.clone() {
                found.sum_angles(graph, atom, edges.start, sums, deadline);
            }
        });
        deadline.check()?;
        found.sums = sums;
        Ok(found)
    }

    /// Cosine, kept within its limits, and whether it lies within them.
    fn cosine(a: [f64; 3], b: [f64; 3]) -> (f64, bool) {
        let (cosine, limit) = (dot(a, b), 1.0 - COSINE_MARGIN);
        (cosine.clamp(-limit, limit), cosine.abs() <= limit)
    }

    fn sum_angles(&self, graph: &Graph, atom: usize, start: usize, sums: &mut [f64], deadline: &Deadline) {
        let near = graph.near_of(atom);
        let units = near.iter().map(|edge| unit(graph, *edge as usize)).collect::<Vec<_>>();
        for (first, edge) in near.iter().enumerate() {
            // Angles are as many as the square of the edges of an atom.
            if deadline.check().is_err() {
                return;
            }
            let sums = &mut sums[(*edge as usize - start) * self.n_spherical..][..self.n_spherical];
            for (second, other) in near.iter().enumerate().filter(|(second, _)| *second != first) {
                let (cosine, _) = Self::cosine(units[first], units[second]);
                let pair = graph.edges.pair[*other as usize] as usize;
                let functions = &self.spherical[0][pair * self.n_spherical..][..self.n_spherical];
                let rows = sums.chunks_exact_mut(self.max_n).zip(functions.chunks_exact(self.max_n));
                for ((sums, functions), harmonic) in rows.zip(&self.harmonics) {
                    let [value, _] = polynomial(*harmonic, cosine);
                    sums.iter_mut().zip(functions).for_each(|(sum, function)| *sum += value * function);
                }
            }
        }
    }

    /// Functions of lengths of edges, `[n_edges, max_n]`.
    pub(super) fn radial<T: Real>(&self, graph: &Graph) -> Vec<T> {
        let of_pair = |pair: &u32| &self.radial[0][*pair as usize * self.max_n..][..self.max_n];
        graph.edges.pair.iter().flat_map(of_pair).map(|value| T::real(*value)).collect()
    }

    /// Functions of angles, summed over the second edges, `[n_edges, n_spherical]`.
    pub(super) fn angles<T: Real>(&self, graph: &Graph) -> Vec<T> {
        let rows = self.sums.chunks_exact(self.n_spherical).zip(&graph.edges.pair);
        rows.flat_map(|(row, pair)| row.iter().map(move |sum| T::real(sum * self.envelope[*pair as usize][0])))
            .collect()
    }

    /// `∂E/∂vector` of each pair, from those by [`radial`](Self::radial) and [`angles`](Self::angles).
    pub(super) fn gradient<T: Real>(
        &self,
        graph: &Graph,
        chunks: &Chunks,
        of_radial: &[T],
        of_angles: &[T],
        deadline: &Deadline,
    ) -> Result<Vec<[f64; 3]>, PredictError> {
        // By edge: of its direction, and of its length.
        let mut by_edge = vec![[0.0; 4]; graph.n_edges()];
        let parts = chunks.atoms.iter().zip(&chunks.edges).zip(threads::split(&mut by_edge, 1, &chunks.edges));
        threads::for_each(parts.collect(), |((atoms, edges), by_edge)| {
            for atom in atoms.clone() {
                self.gradient_of_angles(graph, atom, edges.start, of_angles, by_edge, deadline);
            }
        });
        deadline.check()?;
        let mut gradient = vec![[0.0; 3]; graph.pairs.len()];
        for (edge, [x, y, z, of_length]) in by_edge.iter().enumerate() {
            let index = graph.edges.pair[edge] as usize;
            let slopes = &self.radial[1][index * self.max_n..][..self.max_n];
            let of_radial = &of_radial[edge * self.max_n..][..self.max_n];
            let of_length = of_length + slopes.iter().zip(of_radial).map(|(slope, of)| slope * of.wide()).sum::<f64>();
            let (sign, unit, length) = (graph.edges.sign[edge], unit(graph, edge), graph.pairs[index].distance);
            let along = dot(unit, [*x, *y, *z]);
            for (axis, of_direction) in [x, y, z].into_iter().enumerate() {
                let of_vector = (of_direction - along * unit[axis]) / length + of_length * unit[axis];
                gradient[index][axis] += sign * of_vector;
            }
        }
        Ok(gradient)
    }

    fn gradient_of_angles<T: Real>(
        &self,
        graph: &Graph,
        atom: usize,
        start: usize,
        of_angles: &[T],
        by_edge: &mut [[f64; 4]],
        deadline: &Deadline,
    ) {
        let near = graph.near_of(atom);
        let units = near.iter().map(|edge| unit(graph, *edge as usize)).collect::<Vec<_>>();
        let mut of_sums = vec![0.0; self.n_spherical];
        for (first, edge) in near.iter().enumerate() {
            if deadline.check().is_err() {
                return;
            }
            let row = *edge as usize * self.n_spherical..(*edge as usize + 1) * self.n_spherical;
            let [value, slope] = self.envelope[graph.edges.pair[*edge as usize] as usize];
            let (mut of_length, mut of_first) = (0.0, [0.0; 3]);
            for ((to, of), sum) in of_sums.iter_mut().zip(&of_angles[row.clone()]).zip(&self.sums[row]) {
                *to = of.wide() * value;
                of_length += of.wide() * sum * slope;
            }
            for (second, other) in near.iter().enumerate().filter(|(second, _)| *second != first) {
                let (cosine, is_inside) = Self::cosine(units[first], units[second]);
                let pair = graph.edges.pair[*other as usize] as usize;
                let place = pair * self.n_spherical..(pair + 1) * self.n_spherical;
                let functions = self.spherical[0][place.clone()].chunks_exact(self.max_n);
                let slopes = self.spherical[1][place].chunks_exact(self.max_n);
                let (mut of_cosine, mut of_other) = (0.0, 0.0);
                for (((of, functions), slopes), harmonic) in
                    of_sums.chunks_exact(self.max_n).zip(functions).zip(slopes).zip(&self.harmonics)
                {
                    let [value, slope] = polynomial(*harmonic, cosine);
                    for ((of, function), slope_of_function) in of.iter().zip(functions).zip(slopes) {
                        of_cosine += of * function * slope;
                        of_other += of * slope_of_function * value;
                    }
                }
                let to = &mut by_edge[*other as usize - start];
                to[3] += of_other;
                if is_inside {
                    for axis in 0..3 {
                        to[axis] += of_cosine * units[first][axis];
                        of_first[axis] += of_cosine * units[second][axis];
                    }
                }
            }
            let to = &mut by_edge[*edge as usize - start];
            to[3] += of_length;
            (0..3).for_each(|axis| to[axis] += of_first[axis]);
        }
    }
}

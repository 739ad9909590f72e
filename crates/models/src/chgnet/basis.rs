//! From the vectors of pairs to basis functions and weights of bonds and angles.

use super::config::Config;
use super::graph::Graph;
use super::packed::BasisWeights;
use mlip_kernels::basis::{FourierBasis, SineBasis, SinePoint, fourier_backward};
use mlip_kernels::linear::Matrix;
use mlip_kernels::simd::Real;
use mlip_threads as threads;
use std::ops::Range;

/// A thread is given at least this many pairs or angles to measure: some 10 µs.
const ROWS_PER_THREAD: usize = 1024;

/// Bond angles are computed from cosines shrunk by this, so that their arc cosine has a slope everywhere.
pub(super) const COSINE_SHRINK: f64 = 1.0 - 1e-6;

/// What pairs and bonds are to the layers.
#[derive(Debug, Clone, Default)]
pub(super) struct BondInputs<T> {
    /// `[n_pairs, n_radial]`: basis functions of the atom graph.
    pub(super) radial: Vec<T>,
    /// `[n_pairs, d]`: weights of the atom graph.
    pub(super) weights: Vec<T>,
    /// `[n_bonds, d]`: features before the first layer.
    pub(super) bonds: Vec<T>,
    /// `[n_bonds, d]`: weights of the bond graph.
    pub(super) bond_weights: Vec<T>,
}

/// `[n_pairs, 3]` → [`BondInputs`]
pub(super) struct BondBasis<'a, T> {
    pub(super) weights: &'a BasisWeights<T>,
    pub(super) graph: &'a Graph,
    pub(super) config: &'a Config,
}

/// The smooth envelope of DimeNet, `1 - (p+1)(p+2)/2 x^p + p(p+2) x^(p+1) - p(p+1)/2 x^(p+2)`, and its slope by x.
pub(super) fn envelope(x: f64, p: f64) -> (f64, f64) {
    if x >= 1.0 {
        return (0.0, 0.0);
    }
    let (a, b, c) = (-(p + 1.0) * (p + 2.0) / 2.0, p * (p + 2.0), -p * (p + 1.0) / 2.0);
    let below = x.powf(p - 1.0);
    let value = 1.0 + below * x * (a + x * (b + x * c));
    let slope = below * (a * p + x * (b * (p + 1.0) + x * c * (p + 2.0)));
    (value, slope)
}

/// Argument and amplitude of `√(2/c) sin(f d/c) / d · envelope(d/c)`, as functions of `x = d/c`.
fn sine_point<T: Real>(distance: f64, cutoff: f64, exponent: f64) -> SinePoint<T> {
    let x = distance / cutoff;
    let (value, slope) = envelope(x, exponent);
    let norm = (2.0 / cutoff).sqrt() / cutoff;
    SinePoint {
        x: T::real(x),
        amplitude: T::real(norm * value / x),
        amplitude_slope: T::real(norm * (slope / x - value / (x * x))),
    }
}

impl<T: Real> BondBasis<'_, T> {
    /// Values (and slopes) of one basis for these distances.
    fn expand(&self, distances: &[f64], frequencies: &[T], cutoff: f64, slopes: bool) -> (Vec<T>, Vec<T>) {
        let width = frequencies.len();
        let n = distances.len() * width;
        let mut values = vec![T::default(); n];
        let mut slope_values = vec![T::default(); if slopes { n } else { 0 }];
        let ranges = threads::ranges(distances.len(), 1, ROWS_PER_THREAD);
        let slope_parts = threads::split(&mut slope_values, if slopes { width } else { 0 }, &ranges);
        let parts = threads::split(&mut values, width, &ranges).into_iter().zip(slope_parts).zip(ranges);
        threads::for_each(parts.collect(), |((values, slopes), range): ((&mut [T], _), Range<usize>)| {
            let point = |d: &f64| sine_point(*d, cutoff, self.config.cutoff_coeff);
            let points = distances[range].iter().map(point).collect::<Vec<_>>();
            T::run(SineBasis { frequencies, points: &points, values, slopes }, self.weights.atom_graph.forward.set());
        });
        (values, slope_values)
    }

    fn bond_distances(&self, distances: &[f64]) -> Vec<f64> {
        self.graph.bonds.iter().map(|pair| distances[*pair as usize]).collect()
    }

    pub(super) fn values(&self, vectors: &[f64]) -> BondInputs<T> {
        let weights = &self.weights;
        let distances = lengths(vectors);
        let cutoffs = [self.config.atom_graph_cutoff, self.config.bond_graph_cutoff];
        let (radial, _) = self.expand(&distances, &weights.atom_graph_frequencies, cutoffs[0], false);
        let short = rows_of(&self.graph.bonds, &radial, weights.embedding.forward.depth());
        let distances = self.bond_distances(&distances);
        let (of_bonds, _) = self.expand(&distances, &weights.bond_graph_frequencies, cutoffs[1], false);
        BondInputs {
            weights: product(&weights.atom_graph.forward, &radial),
            bonds: product(&weights.embedding.forward, &short),
            bond_weights: product(&weights.bond_graph.forward, &of_bonds),
            radial,
        }
    }

    /// `∂E/∂distance` through one basis from the gradient by its functions.
    fn slopes(&self, distances: &[f64], frequencies: &[T], cutoff: f64, gradient: &[T]) -> Vec<f64> {
        let (_, slopes) = self.expand(distances, frequencies, cutoff, true);
        let rows = gradient.chunks_exact(frequencies.len()).zip(slopes.chunks_exact(frequencies.len()));
        rows.map(|(g, s)| g.iter().zip(s).map(|(g, s)| g.wide() * s.wide()).sum::<f64>() / cutoff).collect()
    }

    /// `∂E/∂vectors`, `[n_pairs, 3]`, from the gradients by the inputs.
    pub(super) fn gradient(&self, vectors: &[f64], mut gradient: BondInputs<T>) -> Vec<f64> {
        let weights = &self.weights;
        let distances = lengths(vectors);
        weights.atom_graph.backward.multiply_add_all(&gradient.weights, &mut gradient.radial);
        let short = product(&weights.embedding.backward, &gradient.bonds);
        add_rows(&mut gradient.radial, &self.graph.bonds, &short, weights.embedding.forward.depth());
        let cutoffs = [self.config.atom_graph_cutoff, self.config.bond_graph_cutoff];
        let mut by_distance = self.slopes(&distances, &weights.atom_graph_frequencies, cutoffs[0], &gradient.radial);
        let of_bonds = self.slopes(
            &self.bond_distances(&distances),
            &weights.bond_graph_frequencies,
            cutoffs[1],
            &product(&weights.bond_graph.backward, &gradient.bond_weights),
        );
        for (pair, slope) in self.graph.bonds.iter().zip(of_bonds) {
            by_distance[*pair as usize] += slope;
        }
        let directions = vectors.chunks_exact(3).zip(distances.iter().zip(by_distance));
        directions.flat_map(|(vector, (d, slope))| [0, 1, 2].map(|axis| slope * vector[axis] / d)).collect()
    }
}

/// `left · matrix`
pub(super) fn product<T: Real>(matrix: &Matrix<T>, left: &[T]) -> Vec<T> {
    let mut out = vec![T::default(); left.len() / matrix.depth() * matrix.width()];
    matrix.multiply_add_all(left, &mut out);
    out
}

/// The rows with these numbers, `width` numbers each.
pub(super) fn rows_of<T: Real>(index: &[u32], rows: &[T], width: usize) -> Vec<T> {
    let mut out = Vec::with_capacity(index.len() * width);
    for row in index {
        out.extend_from_slice(&rows[*row as usize * width..][..width]);
    }
    out
}

/// `to[index[r]] += rows[r]`
pub(super) fn add_rows<T: Real>(to: &mut [T], index: &[u32], rows: &[T], width: usize) {
    for (at, row) in index.iter().zip(rows.chunks_exact(width)) {
        for (to, from) in to[*at as usize * width..][..width].iter_mut().zip(row) {
            *to += *from;
        }
    }
}

fn lengths(vectors: &[f64]) -> Vec<f64> {
    vectors.chunks_exact(3).map(|v| (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]).sqrt()).collect()
}

/// `[n_pairs, 3] → [n_distinct, n_angular]`: basis functions of the distinct angles.
pub(super) struct AngleBasis<'a, T> {
    pub(super) weights: &'a BasisWeights<T>,
    pub(super) graph: &'a Graph,
}

/// One angle: cosine between the two bonds (with the orientation in which they leave the center) and θ.
struct Angle {
    cosine: f64,
    theta: f64,
    lengths: [f64; 2],
    vectors: [[f64; 3]; 2],
    sign: f64,
}

impl<T: Real> AngleBasis<'_, T> {
    /// Some of the distinct angles.
    fn angles<'a>(&'a self, vectors: &'a [f64], range: Range<usize>) -> impl Iterator<Item = Angle> + 'a {
        let angles = &self.graph.angles;
        range.map(move |distinct| {
            let k = angles.representative[distinct] as usize;
            let [a, b] = [0, 1].map(|side| {
                let at = angles.pair[side][k] as usize * 3;
                [vectors[at], vectors[at + 1], vectors[at + 2]]
            });
            let dot = |u: [f64; 3], v: [f64; 3]| u[0] * v[0] + u[1] * v[1] + u[2] * v[2];
            let lengths = [dot(a, a).sqrt(), dot(b, b).sqrt()];
            let cosine = angles.sign[k] * dot(a, b) / (lengths[0] * lengths[1]);
            let theta = (cosine * COSINE_SHRINK).clamp(-1.0, 1.0).acos();
            Angle { cosine, theta, lengths, vectors: [a, b], sign: angles.sign[k] }
        })
    }

    pub(super) fn values(&self, vectors: &[f64]) -> Vec<T> {
        let (frequencies, matrix) = (&self.weights.angle_frequencies, &self.weights.angle.forward);
        let mut values = vec![T::default(); self.graph.angles.representative.len() * matrix.depth()];
        threads::for_each_rows(&mut values, matrix.depth(), ROWS_PER_THREAD, |first, values| {
            let range = first..first + values.len() / matrix.depth();
            let angles = self.angles(vectors, range).map(|angle| T::real(angle.theta)).collect::<Vec<_>>();
            T::run(FourierBasis { frequencies, angles: &angles, values }, matrix.set());
        });
        values
    }

    /// Adds to `out`, `∂E/∂vectors` `[n_pairs, 3]`, what comes from `∂E/∂values`.
    pub(super) fn add_gradient(&self, vectors: &[f64], values: &[T], gradient: &[T], out: &mut [f64]) {
        let angles = &self.graph.angles;
        let width = self.weights.angle.forward.depth();
        // `∂E/∂vector` of both bonds of each angle.
        let mut slopes = vec![[[0.0; 3]; 2]; angles.representative.len()];
        threads::for_each_rows(&mut slopes, 1, ROWS_PER_THREAD, |first, slopes| {
            let range = first..first + slopes.len();
            let of_part = range.start * width..range.end * width;
            let frequencies = &self.weights.angle_frequencies;
            let by_theta = fourier_backward(frequencies, &values[of_part.clone()], &gradient[of_part]);
            for ((angle, by_theta), slopes) in self.angles(vectors, range).zip(by_theta).zip(slopes) {
                let shrunk = angle.cosine * COSINE_SHRINK;
                let by_cosine = -by_theta * COSINE_SHRINK / (1.0 - shrunk * shrunk).sqrt();
                for (side, slopes) in slopes.iter_mut().enumerate() {
                    let (own, other) = (angle.vectors[side], angle.vectors[1 - side]);
                    let (length, other_length) = (angle.lengths[side], angle.lengths[1 - side]);
                    for (axis, slope) in slopes.iter_mut().enumerate() {
                        // ∂cos/∂a = (± b/|b| - cos · a/|a|) / |a|
                        let by_vector =
                            (angle.sign * other[axis] / other_length - angle.cosine * own[axis] / length) / length;
                        *slope = by_cosine * by_vector;
                    }
                }
            }
        });
        for (k, slopes) in angles.representative.iter().zip(&slopes) {
            for (side, slope) in slopes.iter().enumerate() {
                let at = angles.pair[side][*k as usize] as usize * 3;
                out[at..at + 3].iter_mut().zip(slope).for_each(|(out, slope)| *out += slope);
            }
        }
    }
}

//! From the vectors of pairs to the first features of bonds and angles.

use super::config::Config;
use super::convolution::ROWS_PER_THREAD;
use super::graph::Graph;
use super::packed::BasisWeights;
use mlip_kernels::basis::{FourierBasis, SineBasis, SinePoint, fourier_backward};
use mlip_kernels::gated_messages::Both;
use mlip_kernels::simd::Real;
use mlip_kernels::threads;
use std::ops::Range;

/// Bond angles are computed from cosines shrunk by this, so that their arc cosine has a slope everywhere.
pub(super) const COSINE_SHRINK: f64 = 1.0 - 1e-6;

/// `[n_pairs, 3] → [n_pairs, 3 d]`: bond features, weights of the atom graph, weights of the bond graph.
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

    pub(super) fn values(&self, vectors: &[f64]) -> Vec<T> {
        let weights = &self.weights;
        let distances = lengths(vectors);
        let width = weights.bond_graph.forward.width();
        let mut out = vec![T::default(); distances.len() * 3 * width];
        let (atom, _) = self.expand(&distances, &weights.atom_graph_frequencies, self.config.atom_graph_cutoff, false);
        let depth = weights.atom_graph.forward.depth();
        weights.atom_graph.forward.multiply_add_spread(&atom, depth, distances.len(), &mut out, 3 * width);
        let short = self.bond_distances(&distances);
        let (bond, _) = self.expand(&short, &weights.bond_graph_frequencies, self.config.bond_graph_cutoff, false);
        let mut rows = vec![T::default(); short.len() * width];
        weights.bond_graph.forward.multiply_add_all(&bond, &mut rows);
        for (pair, row) in self.graph.bonds.iter().zip(rows.chunks_exact(width)) {
            out[*pair as usize * 3 * width + 2 * width..][..width].copy_from_slice(row);
        }
        out
    }

    /// `∂E/∂distance` through one basis from `∂E/∂projection`, rows of which begin every `stride` numbers.
    fn slope(&self, matrix: &Both<T>, slopes: &[T], cutoff: f64, gradient: &[T], stride: usize) -> Vec<f64> {
        let n_basis = matrix.forward.depth();
        let rows = slopes.len() / n_basis;
        let mut inner = vec![T::default(); slopes.len()];
        matrix.backward.multiply_add_spread(gradient, stride, rows, &mut inner, n_basis);
        let rows = inner.chunks_exact(n_basis).zip(slopes.chunks_exact(n_basis));
        rows.map(|(g, s)| g.iter().zip(s).map(|(g, s)| g.wide() * s.wide()).sum::<f64>() / cutoff).collect()
    }

    /// `∂E/∂vectors` from `∂E/∂values`, `[n_pairs, 3]`.
    pub(super) fn gradient(&self, vectors: &[f64], gradient: &[T]) -> Vec<f64> {
        let weights = &self.weights;
        let distances = lengths(vectors);
        let width = weights.bond_graph.forward.width();
        let (_, slopes) = self.expand(&distances, &weights.atom_graph_frequencies, self.config.atom_graph_cutoff, true);
        let mut by_distance =
            self.slope(&weights.atom_graph, &slopes, self.config.atom_graph_cutoff, gradient, 3 * width);
        let short = self.bond_distances(&distances);
        let (_, slopes) = self.expand(&short, &weights.bond_graph_frequencies, self.config.bond_graph_cutoff, true);
        let rows = self.graph.bonds.iter();
        let compact = rows
            .flat_map(|pair| &gradient[*pair as usize * 3 * width + 2 * width..][..width])
            .copied()
            .collect::<Vec<_>>();
        let of_bonds = self.slope(&weights.bond_graph, &slopes, self.config.bond_graph_cutoff, &compact, width);
        for (pair, slope) in self.graph.bonds.iter().zip(of_bonds) {
            by_distance[*pair as usize] += slope;
        }
        let directions = vectors.chunks_exact(3).zip(distances.iter().zip(by_distance));
        directions.flat_map(|(vector, (d, slope))| [0, 1, 2].map(|axis| slope * vector[axis] / d)).collect()
    }
}

fn lengths(vectors: &[f64]) -> Vec<f64> {
    vectors.chunks_exact(3).map(|v| (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]).sqrt()).collect()
}

/// `[n_pairs, 3] → [n_angles, d]`
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
}

impl<T: Real> AngleBasis<'_, T> {
    fn angles<'a>(&'a self, vectors: &'a [f64], range: Range<usize>) -> impl Iterator<Item = Angle> + 'a {
        let angles = &self.graph.angles;
        range.map(move |k| {
            let [a, b] = [0, 1].map(|side| {
                let at = angles.pair[side][k] as usize * 3;
                [vectors[at], vectors[at + 1], vectors[at + 2]]
            });
            let dot = |u: [f64; 3], v: [f64; 3]| u[0] * v[0] + u[1] * v[1] + u[2] * v[2];
            let lengths = [dot(a, a).sqrt(), dot(b, b).sqrt()];
            let cosine = angles.sign[k] * dot(a, b) / (lengths[0] * lengths[1]);
            let theta = (cosine * COSINE_SHRINK).clamp(-1.0, 1.0).acos();
            Angle { cosine, theta, lengths, vectors: [a, b] }
        })
    }

    /// The Fourier basis, `[n_angles, n_angular]`.
    fn basis(&self, vectors: &[f64]) -> Vec<T> {
        let (frequencies, matrix) = (&self.weights.angle_frequencies, &self.weights.angle.forward);
        let mut values = vec![T::default(); self.graph.n_angles() * matrix.depth()];
        threads::for_each_rows(&mut values, matrix.depth(), ROWS_PER_THREAD, |first, values| {
            let range = first..first + values.len() / matrix.depth();
            let angles = self.angles(vectors, range).map(|angle| T::real(angle.theta)).collect::<Vec<_>>();
            T::run(FourierBasis { frequencies, angles: &angles, values }, matrix.set());
        });
        values
    }

    pub(super) fn values(&self, vectors: &[f64]) -> Vec<T> {
        let matrix = &self.weights.angle.forward;
        let mut values = vec![T::default(); self.graph.n_angles() * matrix.width()];
        matrix.multiply_add_all(&self.basis(vectors), &mut values);
        values
    }

    /// Adds to `out`, `∂E/∂vectors` `[n_pairs, 3]`, what comes from `∂E/∂values`.
    pub(super) fn add_gradient(&self, vectors: &[f64], gradient: &[T], out: &mut [f64]) {
        let basis = self.basis(vectors);
        let mut inner = vec![T::default(); basis.len()];
        self.weights.angle.backward.multiply_add_all(gradient, &mut inner);
        let angles = &self.graph.angles;
        let width = self.weights.angle.forward.depth();
        // `∂E/∂vector` of both bonds of each angle.
        let mut slopes = vec![[[0.0; 3]; 2]; self.graph.n_angles()];
        threads::for_each_rows(&mut slopes, 1, ROWS_PER_THREAD, |first, slopes| {
            let range = first..first + slopes.len();
            let of_part = range.start * width..range.end * width;
            let by_theta = fourier_backward(&self.weights.angle_frequencies, &basis[of_part.clone()], &inner[of_part]);
            let rows = self.angles(vectors, range.clone()).zip(by_theta).zip(&angles.sign[range]);
            for (((angle, by_theta), sign), slopes) in rows.zip(slopes) {
                let shrunk = angle.cosine * COSINE_SHRINK;
                let by_cosine = -by_theta * COSINE_SHRINK / (1.0 - shrunk * shrunk).sqrt();
                for (side, slopes) in slopes.iter_mut().enumerate() {
                    let (own, other) = (angle.vectors[side], angle.vectors[1 - side]);
                    let (length, other_length) = (angle.lengths[side], angle.lengths[1 - side]);
                    for (axis, slope) in slopes.iter_mut().enumerate() {
                        // ∂cos/∂a = (± b/|b| - cos · a/|a|) / |a|
                        let by_vector =
                            (sign * other[axis] / other_length - angle.cosine * own[axis] / length) / length;
                        *slope = by_cosine * by_vector;
                    }
                }
            }
        });
        for (k, slopes) in slopes.iter().enumerate() {
            for (side, slope) in slopes.iter().enumerate() {
                let at = angles.pair[side][k] as usize * 3;
                out[at..at + 3].iter_mut().zip(slope).for_each(|(out, slope)| *out += slope);
            }
        }
    }
}

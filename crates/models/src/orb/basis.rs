//! From the vectors of edges to their first features: radial functions times spherical harmonics times a cutoff.

use super::shape::{CUTOFF, N_HARMONICS};
use mlip_kernels::simd::Real;

/// `features[16 b + m] = cutoff(r) · radial_b(r) · harmonic_m(vector / r)`, with
/// `radial_b = prefactor · sin(frequency_b r) / r` (Gasteiger et al., arXiv:2003.03123).
///
/// Numbers of one edge cost next to nothing beside its perceptrons, so they are computed in `f64`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EdgeBasis<'a> {
    /// `[n_radial]`, 1/Å
    pub(crate) frequencies: &'a [f64],
    pub(crate) prefactor: f64,
}

/// `1 - 15 u⁴ + 24 u⁵ - 10 u⁶` of `u = r / 6 Å`, and its slope by r; zero beyond.
pub(crate) fn cutoff(r: f64) -> (f64, f64) {
    let u = r / CUTOFF;
    if u >= 1.0 {
        return (0.0, 0.0);
    }
    let cube = u * u * u;
    let value = 1.0 + cube * u * (-15.0 + u * (24.0 - 10.0 * u));
    (value, cube * (-60.0 + u * (120.0 - 60.0 * u)) / CUTOFF)
}

/// Real spherical harmonics up to degree 3 of a unit vector, normalised so that each degree's squares sum to
/// `2 l + 1`; y is the polar axis, as in e3nn.
fn harmonics([x, y, z]: [f64; 3]) -> [f64; N_HARMONICS] {
    let c = Constants::get();
    let (xx, yy, zz) = (x * x, y * y, z * z);
    [
        1.0,
        c.p * x,
        c.p * y,
        c.p * z,
        c.d * x * z,
        c.d * x * y,
        c.d0 * (2.0 * yy - xx - zz),
        c.d * y * z,
        0.5 * c.d * (zz - xx),
        c.f3 * x * (3.0 * zz - xx),
        c.f2 * x * y * z,
        c.f1 * x * (4.0 * yy - xx - zz),
        c.f0 * y * (2.0 * yy - 3.0 * xx - 3.0 * zz),
        c.f1 * z * (4.0 * yy - xx - zz),
        0.5 * c.f2 * y * (zz - xx),
        c.f3 * z * (zz - 3.0 * xx),
    ]
}

/// `Σ weight_m ∇ harmonic_m`, the polynomials taken as functions of three free numbers.
fn harmonics_gradient([x, y, z]: [f64; 3], w: &[f64; N_HARMONICS]) -> [f64; 3] {
    let c = Constants::get();
    let (xx, yy, zz) = (x * x, y * y, z * z);
    let by_x = c.p * w[1] + c.d * (z * w[4] + y * w[5] - x * w[8]) - 2.0 * c.d0 * x * w[6]
        + c.f3 * (3.0 * (zz - xx) * w[9] - 6.0 * x * z * w[15])
        + c.f2 * (y * z * w[10] - x * y * w[14])
        + c.f1 * ((4.0 * yy - 3.0 * xx - zz) * w[11] - 2.0 * x * z * w[13])
        - 6.0 * c.f0 * x * y * w[12];
    let by_y = c.p * w[2]
        + c.d * (x * w[5] + z * w[7])
        + 4.0 * c.d0 * y * w[6]
        + c.f2 * (x * z * w[10] + 0.5 * (zz - xx) * w[14])
        + 8.0 * c.f1 * y * (x * w[11] + z * w[13])
        + 3.0 * c.f0 * (2.0 * yy - xx - zz) * w[12];
    let by_z = c.p * w[3] + c.d * (x * w[4] + y * w[7] + z * w[8]) - 2.0 * c.d0 * z * w[6]
        + c.f3 * (6.0 * x * z * w[9] + 3.0 * (zz - xx) * w[15])
        + c.f2 * (x * y * w[10] + y * z * w[14])
        + c.f1 * ((4.0 * yy - xx - 3.0 * zz) * w[13] - 2.0 * x * z * w[11])
        - 6.0 * c.f0 * y * z * w[12];
    [by_x, by_y, by_z]
}

/// Factors of the harmonics.
struct Constants {
    p: f64,
    d: f64,
    d0: f64,
    f3: f64,
    f2: f64,
    f1: f64,
    f0: f64,
}

impl Constants {
    #[inline]
    fn get() -> Self {
        Self {
            p: 3f64.sqrt(),
            d: 15f64.sqrt(),
            d0: 1.25f64.sqrt(),
            f3: 4.375f64.sqrt(),
            f2: 105f64.sqrt(),
            f1: 2.625f64.sqrt(),
            f0: 1.75f64.sqrt(),
        }
    }
}

fn unit(vector: [f64; 3], r: f64) -> [f64; 3] {
    vector.map(|x| x / r)
}

impl EdgeBasis<'_> {
    /// Writes the features of an edge of this vector and length, `[16 n_radial]`.
    pub(crate) fn features<T: Real>(&self, vector: [f64; 3], r: f64, out: &mut [T]) {
        let harmonics = harmonics(unit(vector, r));
        let factor = cutoff(r).0 * self.prefactor / r;
        for (frequency, out) in self.frequencies.iter().zip(out.chunks_exact_mut(N_HARMONICS)) {
            let radial = factor * (frequency * r).sin();
            for (out, harmonic) in out.iter_mut().zip(harmonics) {
                *out = T::real(radial * harmonic);
            }
        }
    }

    /// `∂E/∂vector` from `∂E/∂features`.
    pub(crate) fn gradient<T: Real>(&self, vector: [f64; 3], r: f64, gradient: &[T]) -> [f64; 3] {
        let direction = unit(vector, r);
        let harmonics = harmonics(direction);
        let (value, slope) = cutoff(r);
        // By harmonic: Σ_b ∂E/∂feature · radial factor, and its derivative by r.
        let (mut by_harmonic, mut by_r) = ([0.0; N_HARMONICS], 0.0);
        for (frequency, row) in self.frequencies.iter().zip(gradient.chunks_exact(N_HARMONICS)) {
            let (sine, cosine) = (frequency * r).sin_cos();
            let radial = self.prefactor * sine / r;
            let radial_slope = (self.prefactor * frequency * cosine - radial) / r;
            let (factor, factor_slope) = (value * radial, slope * radial + value * radial_slope);
            for (m, g) in row.iter().enumerate() {
                by_harmonic[m] += g.wide() * factor;
                by_r += g.wide() * factor_slope * harmonics[m];
            }
        }
        let turn = harmonics_gradient(direction, &by_harmonic);
        let along = turn.iter().zip(direction).map(|(a, b)| a * b).sum::<f64>();
        [0, 1, 2].map(|axis| by_r * direction[axis] + (turn[axis] - along * direction[axis]) / r)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_degree_of_the_harmonics_has_its_norm() {
        let values = harmonics(unit([0.3, -1.2, 0.7], (0.09f64 + 1.44 + 0.49).sqrt()));
        for (degree, range) in [(0, 0..1), (1, 1..4), (2, 4..9), (3, 9..16)] {
            let sum = values[range].iter().map(|x| x * x).sum::<f64>();
            assert!((sum - f64::from(2 * degree + 1)).abs() < 1e-13, "degree {degree}: {sum}");
        }
    }

    #[test]
    fn gradients_are_slopes_of_the_features() {
        let frequencies = [0.52, 1.05, 1.57];
        let basis = EdgeBasis { frequencies: &frequencies, prefactor: 0.577 };
        let weights = (0..48).map(|k| ((k * 37 % 23) as f64 - 11.0) / 7.0).collect::<Vec<_>>();
        let value = |vector: [f64; 3]| {
            let mut out = [0.0; 48];
            basis.features(vector, vector.iter().map(|x| x * x).sum::<f64>().sqrt(), &mut out);
            out.iter().zip(&weights).map(|(a, b)| a * b).sum::<f64>()
        };
        for vector in [[0.3, -1.2, 0.7], [2.0, 3.0, -4.0], [0.0, 0.0, 2.5], [0.0, -1.5, 0.0]] {
            let r = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
            let found = basis.gradient(vector, r, &weights);
            for axis in 0..3 {
                let at = |by: f64| {
                    let mut moved = vector;
                    moved[axis] += by;
                    value(moved)
                };
                let slope = (8.0 * (at(1e-4) - at(-1e-4)) - (at(2e-4) - at(-2e-4))) / 12e-4;
                assert!((found[axis] - slope).abs() < 1e-9, "{vector:?} {axis}: {} {slope}", found[axis]);
            }
        }
    }

    #[test]
    fn the_cutoff_ends_smoothly() {
        let ((value, slope), beyond) = (cutoff(CUTOFF - 1e-5), cutoff(CUTOFF));
        assert!(value.abs() < 1e-14 && slope.abs() < 1e-9);
        assert_eq!(beyond, (0.0, 0.0));
        assert_eq!(cutoff(0.0).0, 1.0);
    }
}

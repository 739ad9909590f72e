//! Real spherical harmonics up to l = 3 and their couplings, in the order and normalisation of e3nn.
//!
//! `component` normalisation: Σ_m Y_lm² = 2l + 1. The polar axis is y: l = 1 is √3 (x, y, z).

/// The largest l.
pub(super) const LMAX: usize = 3;
/// Harmonics up to [`LMAX`].
pub(super) const N_HARMONICS: usize = (LMAX + 1) * (LMAX + 1);

/// All harmonics of a unit vector; those of l begin at l².
pub(super) fn harmonics([x, y, z]: [f64; 3]) -> [f64; N_HARMONICS] {
    let [s3, s5, s7, s15] = [3.0_f64, 5.0, 7.0, 15.0].map(f64::sqrt);
    let [s42, s70, s105] = [42.0_f64, 70.0, 105.0].map(f64::sqrt);
    let (x2, y2, z2) = (x * x, y * y, z * z);
    [
        1.0,
        s3 * x,
        s3 * y,
        s3 * z,
        s15 * x * z,
        s15 * x * y,
        s5 * (y2 - 0.5 * (x2 + z2)),
        s15 * y * z,
        0.5 * s15 * (z2 - x2),
        0.25 * s70 * x * (3.0 * z2 - x2),
        s105 * x * y * z,
        0.25 * s42 * x * (4.0 * y2 - x2 - z2),
        0.5 * s7 * y * (2.0 * y2 - 3.0 * x2 - 3.0 * z2),
        0.25 * s42 * z * (4.0 * y2 - x2 - z2),
        0.5 * s105 * y * (z2 - x2),
        0.25 * s70 * z * (z2 - 3.0 * x2),
    ]
}

/// `Σ g · ∂Y/∂(x, y, z)` of the polynomials above; its part along the vector means nothing.
pub(super) fn gradient([x, y, z]: [f64; 3], g: &[f64; N_HARMONICS]) -> [f64; 3] {
    let [s3, s5, s7, s15] = [3.0_f64, 5.0, 7.0, 15.0].map(f64::sqrt);
    let [s42, s70, s105] = [42.0_f64, 70.0, 105.0].map(f64::sqrt);
    let (x2, y2, z2) = (x * x, y * y, z * z);
    let g1 = [s3 * g[1], s3 * g[2], s3 * g[3]];
    let [g4, g5, g6, g7, g8] = [s15 * g[4], s15 * g[5], s5 * g[6], s15 * g[7], s15 * g[8]];
    let [g9, g10, g11, g12] = [0.25 * s70 * g[9], s105 * g[10], 0.25 * s42 * g[11], 0.5 * s7 * g[12]];
    let [g13, g14, g15] = [0.25 * s42 * g[13], 0.5 * s105 * g[14], 0.25 * s70 * g[15]];
    [
        g1[0] + z * g4 + y * g5 - x * g6 - x * g8
            + 3.0 * (z2 - x2) * g9
            + y * z * g10
            + (4.0 * y2 - 3.0 * x2 - z2) * g11
            - 6.0 * x * y * g12
            - 2.0 * x * z * g13
            - 2.0 * x * y * g14
            - 6.0 * x * z * g15,
        g1[1]
            + x * g5
            + 2.0 * y * g6
            + z * g7
            + x * z * g10
            + 8.0 * x * y * g11
            + (6.0 * y2 - 3.0 * x2 - 3.0 * z2) * g12
            + 8.0 * y * z * g13
            + (z2 - x2) * g14,
        g1[2] + x * g4 - z * g6 + y * g7 + z * g8 + 6.0 * x * z * g9 + x * y * g10
            - 2.0 * x * z * g11
            - 6.0 * y * z * g12
            + (4.0 * y2 - x2 - 3.0 * z2) * g13
            + 2.0 * y * z * g14
            + 3.0 * (z2 - x2) * g15,
    ]
}

/// A coefficient that is not zero: components of the three l, value.
pub(super) type Coefficient = (usize, usize, usize, f64);

/// Couplings of l1 and l2 to l3 where l1 + l2 + l3 is even, with unit norm: e3nn's `wigner_3j`.
///
/// Such couplings are the integrals of three harmonics over the sphere, normalised; e3nn's have their sign.
/// The integrals are exact: Gauss-Legendre along the polar axis, even steps around it.
pub(super) fn couplings(l1: usize, l2: usize, l3: usize) -> Vec<Coefficient> {
    let (d1, d2, d3) = (2 * l1 + 1, 2 * l2 + 1, 2 * l3 + 1);
    let mut integrals = vec![0.0; d1 * d2 * d3];
    for (direction, weight) in quadrature() {
        let y = harmonics(direction);
        for (index, sum) in integrals.iter_mut().enumerate() {
            let (a, b, c) = (index / (d2 * d3), index / d3 % d2, index % d3);
            *sum += weight * y[l1 * l1 + a] * y[l2 * l2 + b] * y[l3 * l3 + c];
        }
    }
    let norm = integrals.iter().map(|x| x * x).sum::<f64>().sqrt();
    let entry = |(index, value): (usize, f64)| (index / (d2 * d3), index / d3 % d2, index % d3, value / norm);
    let entries = integrals.into_iter().enumerate().map(entry);
    entries.filter(|(.., value)| value.abs() > 1e-12).collect()
}

/// Directions and weights; exact for polynomials up to degree 11.
fn quadrature() -> Vec<([f64; 3], f64)> {
    const N_POLAR: usize = 6;
    const N_AROUND: usize = 12;
    let mut points = Vec::new();
    for k in 0..N_POLAR {
        // Roots of the Legendre polynomial by Newton's method.
        let mut t = (std::f64::consts::PI * (k as f64 + 0.75) / (N_POLAR as f64 + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..20 {
            let (mut value, mut before) = (t, 1.0);
            for n in 2..=N_POLAR {
                let n = n as f64;
                (value, before) = (((2.0 * n - 1.0) * t * value - (n - 1.0) * before) / n, value);
            }
            slope = N_POLAR as f64 * (t * value - before) / (t * t - 1.0);
            t -= value / slope;
        }
        let weight = 2.0 / ((1.0 - t * t) * slope * slope) / N_AROUND as f64;
        for step in 0..N_AROUND {
            let angle = std::f64::consts::TAU * (step as f64 + 0.5) / N_AROUND as f64;
            let radius = (1.0 - t * t).sqrt();
            points.push(([radius * angle.cos(), t, radius * angle.sin()], weight));
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIRECTION: [f64; 3] = [0.48, -0.6, 0.64];

    #[test]
    fn harmonics_are_normalised_by_component() {
        let y = harmonics(DIRECTION);
        for l in 0..=LMAX {
            let sum: f64 = y[l * l..(l + 1) * (l + 1)].iter().map(|y| y * y).sum();
            assert!((sum - (2 * l + 1) as f64).abs() < 1e-13, "{l}: {sum}");
        }
    }

    #[test]
    fn gradients_are_slopes() {
        let g: [f64; N_HARMONICS] = std::array::from_fn(|k| (1.0 + k as f64).sin());
        let found = gradient(DIRECTION, &g);
        for axis in 0..3 {
            let at = |step: f64| {
                let mut moved = DIRECTION;
                moved[axis] += step;
                harmonics(moved).iter().zip(&g).map(|(y, g)| y * g).sum::<f64>()
            };
            let slope = (8.0 * (at(1e-3) - at(-1e-3)) - (at(2e-3) - at(-2e-3))) / 12e-3;
            assert!((found[axis] - slope).abs() < 1e-11, "{axis}: {} {slope}", found[axis]);
        }
    }

    /// From `o3.wigner_3j(1, 1, 2)`, `(1, 2, 3)` and `(2, 2, 2)` of e3nn 0.4.4.
    #[test]
    fn couplings_are_those_of_e3nn() {
        let value = |(l1, l2, l3): (usize, usize, usize), (a, b, c): (usize, usize, usize)| {
            let found = couplings(l1, l2, l3).into_iter().find(|(i, j, k, _)| (*i, *j, *k) == (a, b, c));
            found.map_or(0.0, |(.., value)| value)
        };
        for (l, m, expected) in [
            ((1, 1, 2), (0, 0, 2), -0.182_574_185_835_055_24),
            ((1, 1, 2), (0, 2, 0), 0.316_227_766_016_838_2),
            ((1, 1, 2), (1, 1, 2), 0.365_148_371_670_110_66),
            ((1, 1, 2), (0, 1, 2), 0.0),
        ] {
            assert!((value(l, m) - expected).abs() < 1e-15, "{l:?} {m:?}: {}", value(l, m));
        }
        for l in 0..=LMAX {
            let diagonal = couplings(0, l, l);
            assert_eq!(diagonal.len(), 2 * l + 1);
            assert!(diagonal.iter().all(|(_, b, c, value)| b == c && *value > 0.0));
        }
    }
}

//! Real spherical harmonics up to l = 3, in the order and normalisation of e3nn.
//!
//! `component` normalisation: Σ_m Y_lm² = 2l + 1. The polar axis is y: l = 1 is √3 (x, y, z).

/// The largest l.
pub(crate) const LMAX: usize = 3;
/// Harmonics up to [`LMAX`].
pub(crate) const N_HARMONICS: usize = (LMAX + 1) * (LMAX + 1);

/// All harmonics of a unit vector; those of l begin at l².
pub(crate) fn harmonics([x, y, z]: [f64; 3]) -> [f64; N_HARMONICS] {
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
pub(crate) fn gradient([x, y, z]: [f64; 3], g: &[f64; N_HARMONICS]) -> [f64; 3] {
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

/// `∂E/∂vector` of a pair from the derivatives by its distance and by the harmonics of its direction.
pub(crate) fn vector_gradient(
    vector: [f64; 3],
    distance: f64,
    by_distance: f64,
    by_harmonics: &[f64; N_HARMONICS],
) -> [f64; 3] {
    let n = vector.map(|x| x / distance);
    let slope = gradient(n, by_harmonics);
    let along = n[0] * slope[0] + n[1] * slope[1] + n[2] * slope[2];
    [0, 1, 2].map(|axis| by_distance * n[axis] + (slope[axis] - along * n[axis]) / distance)
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
}

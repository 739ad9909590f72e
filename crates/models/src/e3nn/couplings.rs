//! How harmonics couple: e3nn's `wigner_3j`, from integrals over the sphere.

use super::harmonics::{N_HARMONICS, gradient, harmonics};
use super::quadrature::quadrature;

/// A coefficient that is not zero: components of the three l, value.
pub(crate) type Coefficient = (usize, usize, usize, f64);

/// Couplings of l1 and l2 to l3, with unit norm and the sign of e3nn 0.5 and later.
///
/// Invariant forms of three l are unique up to a factor. Where l1 + l2 + l3 is even, the integral of three harmonics over
/// the sphere is one: `∫ Y1 Y2 Y3`; where it is odd, that vanishes, and `∫ Y1 n · (∇Y2 × ∇Y3)` is one. e3nn's couplings
/// are positive multiples of them. Before 0.5 it had the other sign at odd sums with l = 1 and two equal l above 1.
/// The integrals are exact.
pub(crate) fn couplings(l1: usize, l2: usize, l3: usize) -> Vec<Coefficient> {
    let (d1, d2, d3) = (2 * l1 + 1, 2 * l2 + 1, 2 * l3 + 1);
    let is_odd = (l1 + l2 + l3) % 2 == 1;
    let mut integrals = vec![0.0; d1 * d2 * d3];
    for (direction, weight) in quadrature() {
        let y = harmonics(direction);
        let slopes: [[f64; 3]; N_HARMONICS] = std::array::from_fn(|k| slope(direction, k));
        for (index, sum) in integrals.iter_mut().enumerate() {
            let (a, b, c) = (index / (d2 * d3), index / d3 % d2, index % d3);
            let (a, b, c) = (l1 * l1 + a, l2 * l2 + b, l3 * l3 + c);
            *sum += match is_odd {
                true => weight * y[a] * triple(direction, slopes[b], slopes[c]),
                false => weight * y[a] * y[b] * y[c],
            };
        }
    }
    let norm = integrals.iter().map(|x| x * x).sum::<f64>().sqrt();
    let entry = |(index, value): (usize, f64)| (index / (d2 * d3), index / d3 % d2, index % d3, value / norm);
    let entries = integrals.into_iter().enumerate().map(entry);
    entries.filter(|(.., value)| value.abs() > 1e-12).collect()
}

/// The gradient of one harmonic.
fn slope(direction: [f64; 3], k: usize) -> [f64; 3] {
    let mut one = [0.0; N_HARMONICS];
    one[k] = 1.0;
    gradient(direction, &one)
}

/// `n · (a × b)`
fn triple(n: [f64; 3], a: [f64; 3], b: [f64; 3]) -> f64 {
    n[0] * (a[1] * b[2] - a[2] * b[1]) + n[1] * (a[2] * b[0] - a[0] * b[2]) + n[2] * (a[0] * b[1] - a[1] * b[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::e3nn::LMAX;

    /// From `o3.wigner_3j(1, 1, 2)`, `(1, 2, 3)` and `(2, 2, 2)` of e3nn 0.4.4, and odd sums of 0.6.0.
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
            ((1, 1, 1), (0, 1, 2), 0.408_248_290_463_863),
            ((1, 2, 2), (0, 0, 1), -0.182_574_185_835_055_33),
            ((2, 1, 2), (0, 1, 4), 0.365_148_371_670_110_77),
            ((2, 2, 1), (0, 3, 2), 0.182_574_185_835_055_39),
            ((1, 3, 3), (0, 1, 2), -0.172_516_389_835_588_56),
            ((3, 2, 2), (0, 0, 1), 0.188_982_236_504_613_6),
            ((2, 2, 3), (0, 2, 5), 0.267_261_241_912_424_34),
            ((3, 3, 1), (0, 6, 1), -0.327_326_835_353_988_5),
            ((3, 3, 3), (0, 3, 6), -0.154_303_349_962_091_9),
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

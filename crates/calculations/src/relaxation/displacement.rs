//! How far a relaxed structure lies from the one that was read.

use mlip_atoms::{Lattice, Structure};

/// `sqrt(mean |r_b - r_a|²)` of Cartesian positions as they stand, site by site, Å.
pub(super) fn cartesian_rmse(a: &Structure, b: &Structure) -> f64 {
    root_mean_square(a.cartesian().iter().zip(b.cartesian()).map(|(a, b)| std::array::from_fn(|k| b[k] - a[k])))
}

/// `sqrt(mean |d_i - mean d|²)` with `d_i = nearest(x_i - x_1) · A`: `x_i` is what the fractional position of site i changed
/// by, `nearest` takes the shortest of all images, and `A` is the cell of `a`. Å.
///
/// Changes are taken against that of the first site before images are chosen: against their mean a site that went around
/// the cell would move all others.
pub(super) fn rms_displacement(a: &Structure, b: &Structure) -> f64 {
    let changes = a.fractional().iter().zip(b.fractional()).map(|(a, b)| std::array::from_fn(|k| b[k] - a[k]));
    let changes: Vec<[f64; 3]> = changes.collect();
    let first = changes.first().copied().unwrap_or_default();
    let within: Vec<[f64; 3]> = changes
        .iter()
        .map(|change| nearest_image(a.lattice(), std::array::from_fn(|k| change[k] - first[k])))
        .collect();
    root_mean_square(without_mean(within).into_iter())
}

fn root_mean_square(vectors: impl ExactSizeIterator<Item = [f64; 3]>) -> f64 {
    let n = vectors.len() as f64;
    (vectors.map(|v| v.iter().map(|component| component * component).sum::<f64>()).sum::<f64>() / n).sqrt()
}

fn without_mean(vectors: Vec<[f64; 3]>) -> Vec<[f64; 3]> {
    let n = vectors.len() as f64;
    let mean: [f64; 3] = std::array::from_fn(|k| vectors.iter().map(|v| v[k]).sum::<f64>() / n);
    vectors.into_iter().map(|v| std::array::from_fn(|k| v[k] - mean[k])).collect()
}

/// The shortest Cartesian vector (Å) that a fractional one is an image of: of the 27 around the rounded one, which hold it
/// unless the cell is sheared by more than its own length.
fn nearest_image(lattice: &Lattice, change: [f64; 3]) -> [f64; 3] {
    let rounded = change.map(|component| component - component.round());
    let mut best = lattice.cartesian(rounded);
    let square = |v: [f64; 3]| v.iter().map(|component| component * component).sum::<f64>();
    for image in 0..27 {
        let shift = [image / 9, image / 3 % 3, image % 3].map(|digit| f64::from(digit) - 1.0);
        let candidate = lattice.cartesian(std::array::from_fn(|k| rounded[k] + shift[k]));
        if square(candidate) < square(best) {
            best = candidate;
        }
    }
    best
}

/// The image of a fractional position in the cell: components in [0, 1).
pub(super) fn wrapped(position: [f64; 3]) -> [f64; 3] {
    position.map(|component| {
        let wrapped = component - component.floor();
        // -1e-17 wraps to 1.
        if wrapped < 1.0 { wrapped } else { 0.0 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlip_atoms::Species;

    fn structure(length: f64, fractional: Vec<[f64; 3]>) -> Structure {
        let lattice = Lattice::from_vectors([[length, 0.0, 0.0], [0.3, length, 0.0], [0.0, 0.0, length]]).unwrap();
        Structure::new(lattice, vec![Species::from_symbol("Ar").unwrap(); fractional.len()], fractional).unwrap()
    }

    #[test]
    fn the_benchmarks_counts_strain_and_drift_and_ours_does_not() {
        let start = structure(4.0, vec![[0.0; 3], [0.5; 3]]);
        let drifted = structure(4.4, vec![[0.1; 3], [0.6; 3]]);
        let displaced = |k: f64| drifted.lattice().cartesian([k; 3]);
        let expected: f64 = [(0.1, 0.0), (0.6, 0.5)]
            .iter()
            .map(|(end, begin)| {
                let (end, begin) = (displaced(*end), start.lattice().cartesian([*begin; 3]));
                (0..3).map(|k| (end[k] - begin[k]).powi(2)).sum::<f64>()
            })
            .sum::<f64>();
        assert!((cartesian_rmse(&start, &drifted) - (expected / 2.0).sqrt()).abs() < 1e-14);
        assert!(rms_displacement(&start, &drifted) < 1e-14);
    }

    #[test]
    fn a_site_that_left_the_cell_is_as_near_as_its_image() {
        let start = structure(4.0, vec![[0.0; 3], [0.5; 3]]);
        let moved = structure(4.0, vec![[0.0, 0.0, 0.01], [0.5, 0.5, 0.49]]);
        let around = structure(4.0, vec![[0.0, -2.0, 0.01], [0.5, 0.5, 3.49]]);
        assert!((rms_displacement(&start, &moved) - 0.04).abs() < 1e-14);
        assert!((rms_displacement(&start, &around) - 0.04).abs() < 1e-14);
        assert!(cartesian_rmse(&start, &around) > 3.0);
    }

    #[test]
    fn a_crystal_that_drifts_by_half_a_cell_keeps_together() {
        let start = structure(4.0, vec![[0.0; 3], [0.5; 3]]);
        let drifted = structure(4.0, vec![[0.0, 0.0, 0.495], [0.5, 0.5, 1.005]]);
        assert!((rms_displacement(&start, &drifted) - 0.02).abs() < 1e-14);
    }

    #[test]
    fn wrapped_positions_lie_in_the_cell() {
        assert_eq!(wrapped([-1e-17, 1.25, -0.25]), [0.0, 0.25, 0.75]);
        assert_eq!(wrapped([1.0, 0.0, -3.0]), [0.0; 3]);
    }
}

//! UMA's forces, stress and symmetries. Its convolutions tell left from right, as upstream's: rotations leave the
//! energy as it is, inversions need not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "the harness has a check that UMA does not pass: inversion")]
mod conformance;
mod uma_golden;

use mlip_atoms::{Lattice, LoadOptions, Precision, Species, Structure};
use mlip_models::uma::Uma;
use std::path::Path;

const GOLDENS: &str = include_str!("uma/goldens_tiny_s1p1.json");

/// Both generations, and the shape of the medium model: degrees up to 4, orders up to 2.
fn potentials() -> Vec<Uma> {
    let load = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/uma").join(name);
        Uma::from_file("uma", &path, &LoadOptions::with_precision(Precision::F64)).unwrap()
    };
    ["uma_tiny_s1p1.pt", "uma_tiny_s1p2p1.pt", "uma_tiny_m1p1.pt"].map(load).into()
}

fn check(names: &[&str], check: impl Fn(&Uma, &Structure)) {
    for potential in potentials() {
        for name in names {
            check(&potential, &uma_golden::named(GOLDENS, name).structure());
        }
    }
}

/// Off their symmetric places; cells of one atom to a molecule in a box.
const SLOPES: &[&str] = &["srtio3_rattled", "triclinic_skewed", "diamond_rattled", "h2o_box"];
const SYMMETRIES: &[&str] =
    &["srtio3_rattled", "triclinic_skewed", "tio2_outside_cell", "cu_fcc_1atom", "mg_hcp", "h2o_box"];

#[test]
fn forces_are_slopes_of_the_energy() {
    check(SLOPES, |potential, structure| conformance::forces_are_slopes_of_the_energy(potential, structure));
}

#[test]
fn stress_is_the_slope_of_the_energy() {
    check(SLOPES, |potential, structure| conformance::stress_is_the_slope_of_the_energy(potential, structure));
}

/// Edges exactly along the polar axis, up and down: a cell vector along y, and a pair along y.
#[test]
fn edges_along_the_polar_axis_have_exact_slopes() {
    let lattice = Lattice::from_vectors([[3.1, 0.4, 0.0], [0.0, 3.3, 0.0], [0.2, 0.0, 3.6]]).unwrap();
    let cartesian = [[0.0, 0.0, 0.0], [0.0, 1.7, 0.0], [1.4, 0.2, 1.9]];
    let species = [12, 8, 17].map(|z| Species::from_atomic_number(z).unwrap());
    let fractional = cartesian.map(|x| lattice.fractional(x)).to_vec();
    let structure = Structure::new(lattice, species.to_vec(), fractional).unwrap();
    for potential in potentials() {
        conformance::forces_are_slopes_of_the_energy(&potential, &structure);
        conformance::stress_is_the_slope_of_the_energy(&potential, &structure);
        conformance::a_rotation_turns_forces_and_stress(&potential, &structure);
    }
}

#[test]
fn a_rotation_turns_forces_and_stress() {
    check(SYMMETRIES, |potential, structure| conformance::a_rotation_turns_forces_and_stress(potential, structure));
}

#[test]
fn translations_change_nothing() {
    check(SYMMETRIES, |potential, structure| conformance::translations_change_nothing(potential, structure));
}

#[test]
fn a_permutation_permutes_the_results() {
    check(SYMMETRIES, |potential, structure| conformance::a_permutation_permutes_the_results(potential, structure));
}

#[test]
fn a_supercell_is_its_cell_twice() {
    check(SYMMETRIES, |potential, structure| conformance::a_supercell_is_its_cell_twice(potential, structure));
}

#[test]
fn the_choice_of_lattice_vectors_changes_nothing() {
    check(SYMMETRIES, |potential, structure| {
        conformance::the_choice_of_lattice_vectors_changes_nothing(potential, structure);
    });
}

//! UMA's forces, stress and symmetries, and its two engines against each other.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod conformance;
mod uma_golden;

use conformance::checks;
use mlip_atoms::{Deadline, EngineKind, Lattice, Potential, Precision, PredictError, Request, Species, Structure};
use mlip_models::uma::{Options, Uma};
use std::path::{Path, PathBuf};

const GOLDENS: &str = include_str!("uma/goldens_tiny_s1p1.json");

const FILES: [&str; 3] = ["uma_tiny_s1p1.pt", "uma_tiny_s1p2p1.pt", "uma_tiny_m1p1.pt"];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/uma").join(name)
}

/// Both generations, and the shape of the medium model: degrees up to 4, orders up to 2.
fn potentials() -> Vec<Uma> {
    FILES
        .map(|name| {
            Uma::from_file("uma", &file(name), &Options::default(), Precision::F64, EngineKind::Native).unwrap()
        })
        .into()
}

/// All of them, each with the structures of these names.
fn cases(names: &[&str]) -> Vec<(Uma, Vec<Structure>)> {
    let structures = || names.iter().map(|name| uma_golden::named(GOLDENS, name).structure()).collect();
    potentials().into_iter().map(|potential| (potential, structures())).collect()
}

/// Off their symmetric places; cells of one atom to a molecule in a box.
const SLOPES: &[&str] = &["srtio3_rattled", "triclinic_skewed", "diamond_rattled", "h2o_box"];
const SYMMETRIES: &[&str] =
    &["srtio3_rattled", "triclinic_skewed", "tio2_outside_cell", "cu_fcc_1atom", "mg_hcp", "h2o_box"];

checks! {
    cases(SLOPES) =>
    forces_are_slopes_of_the_energy,
    stress_is_the_slope_of_the_energy,
}

checks! {
    cases(SYMMETRIES) =>
    a_rotation_turns_forces_and_stress,
    translations_change_nothing,
    a_permutation_permutes_the_results,
    a_supercell_is_its_cell_twice,
    the_choice_of_lattice_vectors_changes_nothing,
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

/// The convolutions turn as crystals do, but they are not mirrored: orders m and -m mix. What upstream's algorithm gives
/// for two inverted crystals was computed by an independent implementation of it in numpy.
#[test]
fn an_inverted_crystal_is_another_one_as_it_is_upstream() {
    let potential = &potentials()[0];
    for (name, expected) in [("srtio3_rattled", -45.254_552_251_517_65), ("triclinic_skewed", -39.943_320_233_469_95)] {
        let golden = uma_golden::named(GOLDENS, name);
        let structure = golden.structure();
        let fractional = structure.fractional().iter().map(|x| x.map(|x| -x)).collect();
        let inverted = Structure::new(structure.lattice().clone(), structure.species().to_vec(), fractional).unwrap();
        let energy = conformance::predict(potential, &inverted).energy;
        conformance::assert_close("energy", &[energy], &[expected], 1e-12);
        assert!((energy - golden.f64.energy).abs() > 1e-4);
    }
}

/// Two implementations that share no arithmetic.
#[test]
fn the_candle_engine_gives_the_predictions_of_the_native_engine() {
    let options = Options::default();
    let request = Request { forces: true, atom_features: true };
    for (native, name) in potentials().into_iter().zip(FILES) {
        let candle = Uma::from_file("uma", &file(name), &options, Precision::F64, EngineKind::Candle).unwrap();
        assert_eq!(candle.id().settings, format!("{} engine=candle", native.id().settings));
        assert_eq!(candle.id().digest, native.id().digest);
        for name in ["srtio3_rattled", "triclinic_skewed", "cu_fcc_1atom", "h2o_box", "ar_isolated"] {
            let structure = uma_golden::named(GOLDENS, name).structure();
            let [a, b] = [&native, &candle]
                .map(|potential| potential.predict(&[&structure], request, &Deadline::NONE).remove(0).unwrap());
            conformance::assert_close("energy", &[a.energy], &[b.energy], 1e-10);
            conformance::assert_close("forces", &a.forces.concat(), &b.forces.concat(), 1e-10);
            conformance::assert_close("stress", &a.stress.unwrap(), &b.stress.unwrap(), 1e-10);
            let (a, b) = (a.atom_features.unwrap().values, b.atom_features.unwrap().values);
            conformance::assert_close("features", &a, &b, 1e-10);
        }
        let structure = uma_golden::named(GOLDENS, "mg_hcp").structure();
        let deadline = Deadline::after(std::time::Duration::ZERO);
        let error = candle.predict(&[&structure], request, &deadline).remove(0);
        assert!(matches!(error, Err(PredictError::Timeout { .. })), "{error:?}");
    }
}

/// Generations whose router counts an atom more than there are: all but the size of the cell is as in the others.
#[test]
fn generations_that_count_an_atom_more_have_exact_slopes_and_the_symmetries() {
    for name in ["uma_tiny_s1.pt", "uma_tiny_s1p2.pt"] {
        for engine in [EngineKind::Native, EngineKind::Candle] {
            let potential = Uma::from_file("uma", &file(name), &Options::default(), Precision::F64, engine).unwrap();
            let structure = uma_golden::named(GOLDENS, "srtio3_rattled").structure();
            conformance::forces_are_slopes_of_the_energy(&potential, &structure);
            conformance::stress_is_the_slope_of_the_energy(&potential, &structure);
            conformance::a_rotation_turns_forces_and_stress(&potential, &structure);
            conformance::translations_change_nothing(&potential, &structure);
            conformance::a_permutation_permutes_the_results(&potential, &structure);
        }
    }
}

/// Of a small one, since candle keeps every intermediate.
#[test]
fn the_candle_engine_has_exact_slopes_and_the_symmetries() {
    for name in FILES {
        let potential =
            Uma::from_file("uma", &file(name), &Options::default(), Precision::F64, EngineKind::Candle).unwrap();
        let structure = uma_golden::named(GOLDENS, "srtio3_rattled").structure();
        conformance::forces_are_slopes_of_the_energy(&potential, &structure);
        conformance::stress_is_the_slope_of_the_energy(&potential, &structure);
        conformance::a_rotation_turns_forces_and_stress(&potential, &structure);
        conformance::translations_change_nothing(&potential, &structure);
        conformance::a_permutation_permutes_the_results(&potential, &structure);
    }
}

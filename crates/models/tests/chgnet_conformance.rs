//! CHGNet's forces, stress and symmetries, and its two routes against each other.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod conformance;
mod golden;

use conformance::checks;
use mlip_atoms::{Deadline, EngineKind, Precision, Request, Structure};
use mlip_models::chgnet::Chgnet;

const REAL: &str = include_str!("chgnet/goldens_0.3.0.json");
const TINY: &str = include_str!("chgnet/goldens_tiny.json");
const BARE: &str = include_str!("chgnet/goldens_bare.json");
const BARE_WEIGHTS: &[u8] = include_bytes!("chgnet/chgnet_bare.safetensors");
const TINY_WEIGHTS: &[u8] = include_bytes!("chgnet/chgnet_tiny.safetensors");

fn real() -> Chgnet {
    Chgnet::built_in(Precision::F64, EngineKind::Native).unwrap()
}

fn tiny() -> Chgnet {
    tiny_by(EngineKind::Native)
}

/// Without norms, as CHGNet 0.2.0.
fn bare() -> Chgnet {
    Chgnet::from_safetensors(BARE_WEIGHTS, "bare", Precision::F64, EngineKind::Native).unwrap()
}

/// All sets of weights, each with the structures of these names.
fn cases(names: &[&str]) -> Vec<(Chgnet, Vec<Structure>)> {
    let structures = |json| names.iter().map(|name| golden::named(json, name).structure()).collect();
    vec![(real(), structures(REAL)), (tiny(), structures(TINY)), (bare(), structures(BARE))]
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
    an_inversion_turns_forces_round,
    translations_change_nothing,
    a_permutation_permutes_the_results,
    a_supercell_is_its_cell_twice,
    the_choice_of_lattice_vectors_changes_nothing,
}

fn tiny_by(engine: EngineKind) -> Chgnet {
    Chgnet::from_safetensors(TINY_WEIGHTS, "tiny", Precision::F64, engine).unwrap()
}

#[test]
fn the_engine_of_candle_gives_the_predictions_of_the_native_one() {
    use mlip_atoms::Potential;
    let request = Request { forces: true, atom_features: true };
    let real_candle = Chgnet::built_in(Precision::F64, EngineKind::Candle).unwrap();
    for (native, candle, json) in [(real(), real_candle, REAL), (tiny(), tiny_by(EngineKind::Candle), TINY)] {
        assert_eq!((&native.id().digest, native.id().settings.as_str()), (&candle.id().digest, ""));
        assert_eq!(candle.id().settings, "engine=candle");
        for name in SYMMETRIES {
            let structure = golden::named(json, name).structure();
            let [a, b] = [&native, &candle]
                .map(|potential| potential.predict(&[&structure], request, &Deadline::NONE).remove(0).unwrap());
            conformance::assert_close("energy", &[a.energy], &[b.energy], 1e-10);
            conformance::assert_close("forces", &a.forces.concat(), &b.forces.concat(), 1e-9);
            conformance::assert_close("stress", &a.stress.unwrap(), &b.stress.unwrap(), 1e-9);
            conformance::assert_close("moments", &a.magmoms.unwrap(), &b.magmoms.unwrap(), 1e-9);
            let (a, b) = (a.atom_features.unwrap().values, b.atom_features.unwrap().values);
            conformance::assert_close("features", &a, &b, 1e-9);
        }
    }
}

#[test]
fn the_engine_of_candle_computes_the_energy_alone_and_ends_at_its_deadline() {
    use mlip_atoms::{Potential, PredictError};
    let candle = tiny_by(EngineKind::Candle);
    let golden = golden::named(TINY, "srtio3_rattled");
    let request = Request { forces: false, atom_features: false };
    let energy = candle.predict(&[&golden.structure()], request, &Deadline::NONE).remove(0).unwrap();
    assert!(energy.forces.is_empty() && (energy.energy - golden.f64.energy).abs() < 1e-9);
    let deadline = Deadline::after(std::time::Duration::ZERO);
    let error = candle.predict(&[&golden.structure()], request, &deadline).remove(0);
    assert!(matches!(error, Err(PredictError::Timeout { .. })), "{error:?}");
}

//! The candle engine of MACE against the native one, and against upstream's numbers.

#![allow(clippy::unwrap_used, reason = "clippy recognizes tests, but not their helper functions")]

mod conformance;

use conformance::assert_close;
use mlip_atoms::{
    Deadline, EngineKind, Lattice, Potential, Precision, PredictError, Prediction, Request, Species, Structure,
};
use mlip_models::mace::{Descriptors, Mace, Options};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Every block, and every head.
const MODELS: &[(&str, Option<&str>)] = &[
    ("tiny_mp0", None),
    ("density_zbl_agnesi", None),
    ("two_heads", Some("Default")),
    ("two_heads", Some("pbe_d3")),
    ("plain_l012", None),
    ("mh1_style", None),
    ("format_0_3_3", None),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mace")
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn open((name, head): (&str, Option<&str>), precision: Precision, engine: EngineKind) -> Mace {
    let options = Options { head: head.map(str::to_owned), exact_radial: true, ..Options::default() };
    Mace::from_file(&folder().join(format!("{name}/{name}.model")), "mace", &options, precision, engine).unwrap()
}

fn native(model: (&str, Option<&str>), precision: Precision) -> Mace {
    open(model, precision, EngineKind::Native)
}

fn candle(model: (&str, Option<&str>), precision: Precision) -> Mace {
    open(model, precision, EngineKind::Candle)
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        value => vec![value.as_f64().unwrap()],
    }
}

/// By name. Where an axis is not periodic, the cell is made so long that nothing is near.
fn structures() -> Vec<(String, Structure)> {
    let read = |entry: &Value| {
        let (cell, positions) = (numbers(&entry["cell"]), numbers(&entry["positions"]));
        let mut rows = [0, 1, 2].map(|k| [cell[3 * k], cell[3 * k + 1], cell[3 * k + 2]]);
        for axis in (0..3).filter(|axis| entry["pbc"][*axis] == false) {
            rows[axis] = [0.0; 3];
            rows[axis][axis] = 200.0;
        }
        let lattice = Lattice::from_vectors(rows).unwrap();
        let species = numbers(&entry["numbers"]).into_iter();
        let species = species.map(|z| Species::from_atomic_number(z as u8).unwrap()).collect();
        let fractional = positions.chunks_exact(3).map(|x| lattice.fractional([x[0], x[1], x[2]])).collect();
        (entry["name"].as_str().unwrap().to_owned(), Structure::new(lattice, species, fractional).unwrap())
    };
    json(&folder().join("structures.json")).as_array().unwrap().iter().map(read).collect()
}

fn named(wanted: &str) -> Structure {
    structures().into_iter().find(|(name, _)| name == wanted).unwrap().1
}

fn predict(potential: &Mace, structure: &Structure) -> Prediction {
    let request = Request { forces: true, atom_features: true };
    potential.predict(&[structure], request, &Deadline::NONE).remove(0).unwrap()
}

fn assert_same(what: &str, found: &Prediction, expected: &Prediction, limit: f64) {
    assert_close(&format!("{what}: energy"), &[found.energy], &[expected.energy], limit);
    assert_close(&format!("{what}: forces"), &found.forces.concat(), &expected.forces.concat(), limit);
    assert_close(&format!("{what}: stress"), &found.stress.unwrap(), &expected.stress.unwrap(), limit);
    let [found, expected] = [found, expected].map(|prediction| prediction.atom_features.as_ref().unwrap());
    assert_eq!(found.width, expected.width);
    assert_close(&format!("{what}: features"), &found.values, &expected.values, limit);
}

/// Both routes round, in another order of sums: by 3e-14 and 2e-6 at most, as measured.
const DOUBLE: f64 = 1e-12;
const SINGLE: f64 = 1e-5;

#[test]
fn the_engine_of_candle_gives_the_predictions_of_the_native_one() {
    let structures = structures();
    for (precision, limit) in [(Precision::F64, DOUBLE), (Precision::F32, SINGLE)] {
        for model in MODELS {
            let (native, candle) = (native(*model, precision), candle(*model, precision));
            assert_eq!(candle.id().settings, format!("{} engine=candle", native.id().settings).trim_start());
            for (name, structure) in &structures {
                let what = format!("{model:?} {precision} {name}");
                assert_same(&what, &predict(&candle, structure), &predict(&native, structure), limit);
            }
        }
    }
}

#[test]
fn the_engine_of_candle_gives_all_descriptors_and_the_energies_of_atoms() {
    let structure = named("srtio3_rattled");
    for model in MODELS {
        let (native, candle) = (native(*model, Precision::F64), candle(*model, Precision::F64));
        let [found, expected] = [&candle, &native].map(|mace| mace.site_energies(&structure).unwrap());
        assert_close("energies of atoms", &found, &expected, DOUBLE);
        let all = |mace: &Mace| mace.descriptors(&structure, Descriptors::All).unwrap();
        let (found, expected) = (all(&candle), all(&native));
        assert_eq!(found.width, expected.width);
        assert_close("descriptors", &found.values, &expected.values, DOUBLE);
    }
}

#[test]
fn the_engine_of_candle_agrees_with_upstream() {
    for model in [("plain_l012", None), ("density_zbl_agnesi", None), ("mh1_style", None)] {
        let golden = json(&folder().join(format!("{0}/golden.json", model.0)));
        let golden = golden["heads"].as_object().unwrap().values().next().unwrap();
        let candle = candle(model, Precision::F64);
        for (name, structure) in structures() {
            let golden = &golden["float64"][&name];
            let found = predict(&candle, &structure);
            let what = format!("{} {name}", model.0);
            assert_close(&format!("{what}: energy"), &[found.energy], &numbers(&golden["energy"]), DOUBLE);
            assert_close(&format!("{what}: forces"), &found.forces.concat(), &numbers(&golden["forces"]), DOUBLE);
            if golden["stress"].is_array() {
                let s = numbers(&golden["stress"]);
                let s = [s[0], s[4], s[8], s[5], s[2], s[1]];
                assert_close(&format!("{what}: stress"), &found.stress.unwrap(), &s, DOUBLE);
            }
        }
    }
}

#[test]
fn the_engine_of_candle_computes_the_energy_alone_and_ends_at_its_deadline() {
    let (structure, candle) = (named("srtio3_rattled"), candle(MODELS[0], Precision::F64));
    let request = Request { forces: false, atom_features: false };
    let energy = candle.predict(&[&structure], request, &Deadline::NONE).remove(0).unwrap();
    assert!(energy.forces.is_empty() && energy.atom_features.is_none());
    assert_close("energy", &[energy.energy], &[predict(&candle, &structure).energy], 1e-14);
    let deadline = Deadline::after(std::time::Duration::ZERO);
    let error = candle.predict(&[&structure], Request::default(), &deadline).remove(0);
    assert!(matches!(error, Err(PredictError::Timeout { .. })), "{error:?}");
}

//! MACE against upstream's numbers.
//!
//! `mace/` holds models of upstream's classes with seeded random weights, as upstream saves them, and what upstream
//! computes with them; `mace/README.md` says how they were made. Larger ones are read from `MLIP_REFERENCE_DIR`.

#![allow(clippy::unwrap_used, reason = "clippy recognizes tests, but not their helper functions")]

use mlip_atoms::{Deadline, Lattice, LoadOptions, Potential, Precision, Prediction, Request, Species, Structure};
use mlip_models::mace::{Descriptors, Mace};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// In the repository.
const SMALL: &[&str] =
    &["tiny_mp0", "density_zbl_agnesi", "two_heads", "plain_l012", "mh1_style", "format_0_3_3"];

struct Fixture {
    name: String,
    model: PathBuf,
    golden: Value,
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mace")
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))).unwrap()
}

fn reference() -> Option<PathBuf> {
    let found = std::env::var_os("MLIP_REFERENCE_DIR").map(|folder| PathBuf::from(folder).join("mace"));
    if found.is_none() {
        eprintln!("skipped: MLIP_REFERENCE_DIR is not set");
    }
    found
}

fn fixture(folder: &Path, name: &str) -> Fixture {
    Fixture {
        name: name.into(),
        model: folder.join(format!("{name}.model")),
        golden: json(&folder.join("golden.json")),
    }
}

fn small() -> Vec<Fixture> {
    SMALL.iter().map(|name| fixture(&here().join(name), name)).collect()
}

/// All fixtures where the reference data are at hand, those of the repository elsewhere.
fn all() -> Vec<Fixture> {
    let Some(reference) = reference() else { return small() };
    let mut names: Vec<_> = std::fs::read_dir(reference.join("fixtures"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() >= 9);
    names.iter().map(|name| fixture(&reference.join("fixtures").join(name), name)).collect()
}

/// By name. Where an axis is not periodic, the cell is made so long that nothing is near.
fn structures() -> Vec<(String, Structure)> {
    let list = json(&here().join("structures.json"));
    list.as_array().unwrap().iter().map(|entry| (entry["name"].as_str().unwrap().into(), structure(entry))).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        value => vec![value.as_f64().unwrap()],
    }
}

fn structure(entry: &Value) -> Structure {
    let (cell, positions) = (numbers(&entry["cell"]), numbers(&entry["positions"]));
    let mut rows = [0, 1, 2].map(|k| [cell[3 * k], cell[3 * k + 1], cell[3 * k + 2]]);
    let periodic: Vec<bool> = entry["pbc"].as_array().unwrap().iter().map(|x| x.as_bool().unwrap()).collect();
    for axis in (0..3).filter(|axis| !periodic[*axis]) {
        rows[axis] = [0.0; 3];
        rows[axis][axis] = 200.0;
    }
    let lattice = Lattice::from_vectors(rows).unwrap();
    let species = numbers(&entry["numbers"]).iter().map(|z| Species::from_atomic_number(*z as u8).unwrap()).collect();
    let fractional = positions.chunks_exact(3).map(|x| lattice.fractional([x[0], x[1], x[2]])).collect();
    Structure::new(lattice, species, fractional).unwrap()
}

fn load(fixture: &Fixture, head: Option<&str>, precision: Precision, exact_radial: bool) -> Mace {
    let options = LoadOptions { precision, head: head.map(str::to_owned), exact_radial, ..LoadOptions::default() };
    Mace::from_file(&fixture.model, "mace", &options).unwrap_or_else(|error| panic!("{}: {error}", fixture.name))
}

fn heads(fixture: &Fixture) -> Vec<(Option<&str>, &Value)> {
    let heads = fixture.golden["heads"].as_object().unwrap();
    heads.iter().map(|(name, golden)| ((heads.len() > 1).then_some(name.as_str()), golden)).collect()
}

fn predict(potential: &dyn Potential, structure: &Structure) -> Prediction {
    let request = Request { forces: true, atom_features: false };
    potential.predict(&[structure], request, &Deadline::NONE).remove(0).unwrap()
}

/// Limits a number: eV/atom, eV/Å, eV/Å^3; relative to the largest number where that is above 1.
struct Limits {
    energy: f64,
    force: f64,
    stress: f64,
}

fn worst(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(1.0_f64, |scale, x| scale.max(x.abs()));
    found.iter().zip(expected).fold(0.0, |worst: f64, (a, b)| worst.max((a - b).abs() / scale))
}

fn compare(what: &str, prediction: &Prediction, golden: &Value, limits: &Limits) {
    let n_atoms = prediction.forces.len() as f64;
    let energy = golden["energy"].as_f64().unwrap();
    let off = (prediction.energy - energy).abs() / n_atoms / 1f64.max((energy / n_atoms).abs());
    assert!(off <= limits.energy, "{what}: energy {} {energy}: off by {off:e}", prediction.energy);
    let off = worst(&prediction.forces.concat(), &numbers(&golden["forces"]));
    assert!(off <= limits.force, "{what}: forces are off by {off:e}");
    if let Some(stress) = golden.get("stress") {
        let s = numbers(stress);
        let off = worst(&prediction.stress.unwrap(), &[s[0], s[4], s[8], s[5], s[2], s[1]]);
        assert!(off <= limits.stress, "{what}: stress is off by {off:e}");
    }
}

const DOUBLE: Limits = Limits { energy: 1e-9, force: 1e-9, stress: 1e-10 };

#[test]
fn double_precision_agrees_with_upstream() {
    let structures = structures();
    let mut compared = 0;
    for fixture in all() {
        for (head, golden) in heads(&fixture) {
            let potential = load(&fixture, head, Precision::F64, true);
            for (name, structure) in &structures {
                let what = format!("{} {head:?} {name}", fixture.name);
                let golden = &golden["float64"][name];
                compare(&what, &predict(&potential, structure), golden, &DOUBLE);
                let sites = potential.site_energies(structure).unwrap();
                let off = worst(&sites, &numbers(&golden["node_energy"]));
                assert!(off < 1e-9, "{what}: site energies are off by {off:e}");
                compared += 1;
            }
        }
    }
    assert!(compared >= 100, "{compared}");
}

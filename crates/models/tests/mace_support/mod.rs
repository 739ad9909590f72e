//! MACE's fixtures: models of upstream's classes with seeded random weights, and what upstream computes with them.

#![allow(dead_code, clippy::unwrap_used, reason = "compiled into several tests, each of which uses a part")]

use mlip_atoms::{Lattice, Species, Structure};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// In the repository.
const SMALL: &[&str] = &["tiny_mp0", "density_zbl_agnesi", "two_heads", "plain_l012", "mh1_style", "format_0_3_3"];

pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) model: PathBuf,
    pub(crate) golden: Value,
}

pub(crate) fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mace")
}

pub(crate) fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))).unwrap()
}

pub(crate) fn reference() -> Option<PathBuf> {
    let found = std::env::var_os("MLIP_REFERENCE_DIR").map(|folder| PathBuf::from(folder).join("mace"));
    if found.is_none() {
        eprintln!("skipped: MLIP_REFERENCE_DIR is not set");
    }
    found
}

pub(crate) fn fixture(folder: &Path, name: &str) -> Fixture {
    Fixture {
        name: name.into(),
        model: folder.join(format!("{name}.model")),
        golden: json(&folder.join("golden.json")),
    }
}

pub(crate) fn small() -> Vec<Fixture> {
    SMALL.iter().map(|name| fixture(&here().join(name), name)).collect()
}

/// All fixtures where the reference data are at hand, those of the repository elsewhere.
pub(crate) fn all() -> Vec<Fixture> {
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
pub(crate) fn structures() -> Vec<(String, Structure)> {
    let list = json(&here().join("structures.json"));
    list.as_array().unwrap().iter().map(|entry| (entry["name"].as_str().unwrap().into(), structure(entry))).collect()
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        value => vec![value.as_f64().unwrap()],
    }
}

pub(crate) fn structure(entry: &Value) -> Structure {
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

pub(crate) fn heads(fixture: &Fixture) -> Vec<(Option<&str>, &Value)> {
    let heads = fixture.golden["heads"].as_object().unwrap();
    heads.iter().map(|(name, golden)| ((heads.len() > 1).then_some(name.as_str()), golden)).collect()
}

//! MatterSim against upstream's numbers: tiny checkpoints as upstream writes them, and large ones made from their names.

#![allow(clippy::unwrap_used, reason = "clippy recognizes tests, but not their helper functions")]

mod hashinit;
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod torch_writer;

use mlip_atoms::{
    Deadline, EngineKind, Lattice, Potential, Precision, PredictError, Prediction, Request, Species, Structure,
};
use mlip_models::mattersim::{MatterSim, MatterSimModel};
use mlip_models::registry::{Selection, identify, load};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use torch_writer::Pickle;

const TINY: &[&str] = &["tiny", "tiny_old", "tiny_few"];
const LARGE: &[&str] = &["large_128", "large_256"];

/// Of double precision, relative to the largest number of a quantity.
const DOUBLE: f64 = 1e-9;
/// Largest numbers below this count as this: forces that are zero by symmetry.
const FLOOR: f64 = 1e-2;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mattersim")
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn golden(name: &str) -> Value {
    read(&folder().join(format!("{name}.golden.json")))
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        value => vec![value.as_f64().unwrap()],
    }
}

/// By name. Where an axis is not periodic, the cell is made so long that nothing is near.
fn structures() -> Vec<(String, Structure)> {
    let structure = |entry: &Value| {
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
    let files = [folder().join("../mace/structures.json"), folder().join("structures.json")];
    files.iter().flat_map(|path| read(path).as_array().unwrap().iter().map(structure).collect::<Vec<_>>()).collect()
}

fn named(wanted: &str) -> Structure {
    structures().into_iter().find(|(name, _)| name == wanted).unwrap().1
}

fn predict(potential: &MatterSim, structure: &Structure) -> Prediction {
    let request = Request { forces: true, atom_features: true };
    potential.predict(&[structure], request, &Deadline::NONE).remove(0).unwrap()
}

fn path(name: &str) -> PathBuf {
    folder().join(format!("{name}.pth"))
}

const ENGINES: [EngineKind; 2] = [EngineKind::Native, EngineKind::Candle];

fn tiny(name: &str, precision: Precision, engine: EngineKind) -> MatterSim {
    MatterSim::from_file(&path(name), "mattersim", precision, engine).unwrap()
}

/// A checkpoint from the recipe of its weights, in a folder that goes with it; numbers of the tensor `altered` are off by a
/// hundredth.
fn large(name: &str, altered: &str) -> (TempDir, PathBuf) {
    let recipe = read(&folder().join(format!("{name}.recipe.json")));
    let seed = recipe["seed"].as_u64().unwrap();
    let tensors = recipe["tensors"].as_object().unwrap();
    let shape = |tensor: &Value| numbers(&tensor["shape"]).iter().map(|n| *n as usize).collect::<Vec<_>>();
    let mut pickle = Pickle::new();
    pickle.dict(&["model_name", "model_args", "model"], |pickle, section| match section {
        "model_name" => pickle.json(&json!("m3gnet")),
        "model_args" => pickle.json(&golden(name)["model_args"]),
        _ => {
            let names = tensors.keys().map(String::as_str).collect::<Vec<_>>();
            pickle.dict(&names, |pickle, name| pickle.tensor(&shape(&tensors[name])));
        }
    });
    let values = tensors.iter().map(|(name, tensor)| {
        let mut values: Vec<f32> = match tensor.get("values") {
            Some(values) => numbers(values).iter().map(|x| *x as f32).collect(),
            None => {
                let number = |key: &str| tensor[key].as_f64().unwrap() as f32;
                hashinit::values(name, seed, shape(tensor).iter().product(), number("offset"), number("scale"))
            }
        };
        values.iter_mut().filter(|_| name == altered).for_each(|x| *x *= 1.01);
        values
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.pth");
    torch_writer::write(&path, pickle, values);
    (folder, path)
}

/// Stress of a golden in the order xx yy zz yz xz xy. Upstream gives one of each two components off the diagonal.
fn stress(golden: &Value) -> [f64; 6] {
    let s = numbers(&golden["stress"]);
    [s[0], s[4], s[8], (s[5] + s[7]) / 2.0, (s[2] + s[6]) / 2.0, (s[1] + s[3]) / 2.0]
}

fn is_periodic(name: &str) -> bool {
    !name.ends_with("_nopbc")
}

/// The largest difference, relative to the largest number where that is above `floor`.
fn relative(found: &[f64], expected: &[f64], floor: f64) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(floor, |scale: f64, x| scale.max(x.abs()));
    let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs() / scale);
    differences.inspect(|x| assert!(!x.is_nan())).fold(0.0, f64::max)
}

/// The structures of a golden, all of which must be there.
fn compared(golden: &Value) -> Vec<(String, Structure)> {
    let goldens = golden["float64"].as_object().unwrap();
    let compared: Vec<_> = structures().into_iter().filter(|(name, _)| goldens.contains_key(name)).collect();
    assert!(!compared.is_empty() && compared.len() == goldens.len());
    compared
}

/// Compares a potential in double precision with a golden, structure by structure.
fn check_double(potential: &MatterSim, golden: &Value, what: &str) {
    let mut worst: f64 = 0.0;
    for (name, structure) in compared(golden) {
        let golden = &golden["float64"][&name];
        let found = predict(potential, &structure);
        let mut check = |quantity: &str, found: &[f64], expected: &[f64]| {
            let difference = relative(found, expected, FLOOR);
            worst = worst.max(difference);
            assert!(difference <= DOUBLE, "{what} {name}: {quantity}: {difference:e}");
        };
        check("energy", &[found.energy], &numbers(&golden["energy"]));
        check("energies of atoms", &potential.site_energies(&structure).unwrap(), &numbers(&golden["site_energies"]));
        check("forces", &found.forces.concat(), &numbers(&golden["forces"]));
        if is_periodic(&name) {
            check("stress", &found.stress.unwrap(), &stress(golden));
        }
        check("features", &found.atom_features.unwrap().mean(), &numbers(&golden["mean_features"]));
        let graph = potential.graph(&structure, &Deadline::NONE).unwrap();
        let sizes = ["n_edges", "n_angles"].map(|size| golden[size].as_u64().unwrap() as usize);
        assert_eq!(MatterSimModel::sizes(&graph), sizes, "{what} {name}");
    }
    eprintln!("{what}: {worst:e}");
}

/// Single precision rounds at most twice as badly as upstream's own, or by 2e-6, 17 roundings, where upstream was luckier than
/// that. Both are sums in another order, so single structures fall out differently: what counts is the worst of all,
/// of energies, forces and stress, from upstream's double precision.
fn check_single(potential: &MatterSim, golden: &Value, what: &str) {
    let [mut ours, mut theirs] = [[0.0f64; 3]; 2];
    for (name, structure) in compared(golden) {
        let (double, single) = (&golden["float64"][&name], &golden["float32"][&name]);
        let found = predict(potential, &structure);
        let stresses = if is_periodic(&name) { [found.stress.unwrap(), stress(single)] } else { [stress(double); 2] };
        let quantities = [
            ([found.energy].to_vec(), numbers(&single["energy"]), numbers(&double["energy"])),
            (found.forces.concat(), numbers(&single["forces"]), numbers(&double["forces"])),
            (stresses[0].to_vec(), stresses[1].to_vec(), stress(double).to_vec()),
        ];
        for (k, (found, single, double)) in quantities.iter().enumerate() {
            ours[k] = ours[k].max(relative(found, double, 1.0));
            theirs[k] = theirs[k].max(relative(single, double, 1.0));
        }
    }
    eprintln!("{what}: {ours:?}, upstream {theirs:?}");
    for k in 0..3 {
        assert!(ours[k] <= (2.0 * theirs[k]).max(2e-6), "{what}: {ours:?}, upstream {theirs:?}");
    }
}

#[test]
fn tiny_checkpoints_give_upstreams_numbers() {
    for name in TINY {
        for engine in ENGINES {
            let (golden, what) = (golden(name), format!("{name} {engine}"));
            check_double(&tiny(name, Precision::F64, engine), &golden, &what);
            check_single(&tiny(name, Precision::F32, engine), &golden, &what);
        }
    }
}

#[test]
fn models_as_large_as_the_released_ones_give_upstreams_numbers() {
    for name in LARGE {
        let (_folder, path) = large(name, "");
        for engine in ENGINES {
            let (golden, what) = (golden(name), format!("{name} {engine}"));
            let load = |precision| MatterSim::from_file(&path, "mattersim", precision, engine).unwrap();
            check_double(&load(Precision::F64), &golden, &what);
            check_single(&load(Precision::F32), &golden, &what);
        }
    }
}

/// Goldens must be able to fail: every tensor of a file shows in the energy, and in what results are known by.
#[test]
fn every_tensor_counts_and_is_in_the_digest() {
    let load = |altered: &str| {
        let (_folder, path) = large("large_128", altered);
        MatterSim::from_file(&path, "mattersim", Precision::F64, EngineKind::Native).unwrap()
    };
    let (right, structure) = (load(""), named("tio2_triclinic"));
    let energy = predict(&right, &structure).energy;
    let recipe = read(&folder().join("large_128.recipe.json"));
    for name in recipe["tensors"].as_object().unwrap().keys().filter(|name| *name != "rbf.r_max") {
        let wrong = load(name);
        assert_ne!(wrong.id().digest, right.id().digest, "{name}");
        let difference = (predict(&wrong, &structure).energy - energy).abs();
        assert!(difference > 1e-6, "{name}: {difference:e}");
    }
    // The cutoff is among the hyperparameters too.
    let (_folder, path) = large("large_128", "rbf.r_max");
    let refused = MatterSim::from_file(&path, "mattersim", Precision::F64, EngineKind::Native).err().unwrap();
    assert!(refused.to_string().contains("`rbf.r_max` is 5.05"), "{refused}");
}

#[test]
fn an_energy_alone_is_the_same_and_deadlines_hold() {
    let structure = named("srtio3_rattled");
    for engine in ENGINES {
        let potential = tiny("tiny", Precision::F64, engine);
        let request = Request { forces: false, atom_features: false };
        let alone = potential.predict(&[&structure], request, &Deadline::NONE).remove(0).unwrap();
        assert!(alone.forces.is_empty() && alone.stress.is_none() && alone.atom_features.is_none());
        assert_eq!(alone.energy, predict(&potential, &structure).energy);
        let late = potential.predict(&[&structure], request, &Deadline::after(Duration::ZERO)).remove(0);
        assert!(matches!(late, Err(PredictError::Timeout { .. })), "{late:?}");
    }
}

#[test]
fn batches_give_the_bits_of_single_structures() {
    let structures = ["srtio3_rattled", "na_isolated", "no_angles", "tiny_cell"].map(named);
    let request = Request { forces: true, atom_features: true };
    for engine in ENGINES {
        let potential = tiny("tiny", Precision::F32, engine);
        let together = potential.predict(&structures.each_ref(), request, &Deadline::NONE);
        for (structure, together) in structures.iter().zip(together) {
            assert_eq!(predict(&potential, structure), together.unwrap());
        }
    }
}

#[test]
fn elements_beyond_the_model_are_refused_by_name() {
    let lattice = Lattice::from_vectors([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]]).unwrap();
    let of =
        |z: u8| Structure::new(lattice.clone(), vec![Species::from_atomic_number(z).unwrap()], vec![[0.0; 3]]).unwrap();
    let few = tiny("tiny_few", Precision::F64, EngineKind::Native);
    predict(&few, &of(38));
    let refused = few.predict(&[&of(39)], Request::default(), &Deadline::NONE).remove(0);
    assert!(matches!(refused, Err(PredictError::UnsupportedSpecies { .. })), "{refused:?}");
}

/// The reason why a potential cannot be loaded.
fn cause(selection: &Selection) -> String {
    let error = load(selection).err().unwrap();
    std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
}

#[test]
fn files_are_found_by_name_and_what_is_wrong_with_them_is_said() {
    let right = Selection::named("mattersim").with_file(path("tiny"));
    assert_eq!(load(&right).unwrap().id().settings, "");
    assert_eq!(load(&right.with_engine(EngineKind::Candle)).unwrap().id().settings, "engine=candle");
    assert_eq!(identify("/w/mattersim-v1.0.0-5M.pth").unwrap().0, "mattersim");
    let (name, file) = identify("mattersim-v1.0.0-1m").unwrap();
    assert_eq!((name.as_str(), file), ("mattersim", Some(PathBuf::from("mattersim-v1.0.0-1m"))));
    assert!(cause(&Selection::named("mattersim")).contains("mattersim-v1.0.0-1m, mattersim-v1.0.0-5m"));
    let other = folder().join("../chgnet/chgnet_tiny.pth.tar");
    let text = cause(&Selection::named("mattersim").with_file(other));
    assert!(text.contains("model_name"), "{text}");
    // A tensor that is not there, and one of another shape.
    let golden = golden("tiny");
    let mut arguments = golden["model_args"].clone();
    let written = |arguments: &Value, kind: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.pth");
        let mut pickle = Pickle::new();
        pickle.dict(&["model_name", "model_args", "model"], |pickle, section| match section {
            "model_name" => pickle.json(&json!(kind)),
            "model_args" => pickle.json(arguments),
            _ => pickle.dict(&["rbf.en"], |pickle, _| pickle.tensor(&[1, 4])),
        });
        torch_writer::write(&path, pickle, [vec![0.0; 4]].into_iter());
        cause(&Selection::named("mattersim").with_file(path))
    };
    let text = written(&arguments, "m3gnet");
    assert!(text.contains("tensor `rbf.dn` is missing"), "{text}");
    let text = written(&arguments, "graphormer");
    assert!(text.contains("`model_name` is `graphormer`"), "{text}");
    arguments["max_n"] = json!(3);
    let text = written(&arguments, "m3gnet");
    assert!(text.contains("tensor `rbf.en`: expected shape [1, 3], got [1, 4]"), "{text}");
    arguments["max_n"] = json!(7);
    assert!(written(&arguments, "m3gnet").contains("`max_n` is 7, expected from 1 to 4"));
    arguments["max_n"] = json!("four");
    assert!(written(&arguments, "m3gnet").contains("`model_args`"));
}

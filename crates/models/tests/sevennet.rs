//! SevenNet against upstream's numbers: released checkpoints, and tiny ones for what those do not have.

#![allow(clippy::unwrap_used, reason = "clippy recognizes tests, but not their helper functions")]

use mlip_atoms::{
    Deadline, EngineKind, Lattice, Potential, Precision, PredictError, Prediction, Request, Species, Structure,
};
use mlip_models::registry::{Selection, load};
use mlip_models::released::{Places, SEVENNET};
use mlip_models::sevennet::{Options, SevenNet};
use serde_json::Value;
use std::path::{Path, PathBuf};

const TINY: &[&str] =
    &["tiny_so3_linear_xplor", "tiny_o3_nequip_poly", "tiny_so3_l3", "tiny_modal_mf", "tiny_modal_l3"];
/// Goldens of released checkpoints, and upstream's names of these.
const ELSEWHERE: &[(&str, &str)] =
    &[("7net_0_22may2024", "7net-0_22may2024"), ("7net_l3i5", "7net-l3i5"), ("7net_mf_0", "7net-mf-0")];

/// Of double precision, relative to the largest number of a quantity where that is above 1.
const DOUBLE: f64 = 1e-11;
/// Of stress. Upstream gives one of each two components off the diagonal, this program their mean. They differ by some
/// 1e-10 eV/Å^3 in skewed cells, for the couplings in the file are rounded, and not quite invariant with that.
const DOUBLE_STRESS: f64 = 1e-9;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sevennet")
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
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
    let path = folder().join("../mace/structures.json");
    json(&path).as_array().unwrap().iter().map(read).collect()
}

fn named(wanted: &str) -> Structure {
    structures().into_iter().find(|(name, _)| name == wanted).unwrap().1
}

fn predict(potential: &SevenNet, structure: &Structure) -> Prediction {
    let request = Request { forces: true, atom_features: true };
    potential.predict(&[structure], request, &Deadline::NONE).remove(0).unwrap()
}

fn options(modal: &str) -> Options {
    Options { modal: (modal != "default").then(|| modal.to_owned()) }
}

const ENGINES: [EngineKind; 2] = [EngineKind::Native, EngineKind::Candle];

fn tiny(name: &str, modal: &str, precision: Precision, engine: EngineKind) -> SevenNet {
    let path = folder().join(format!("{name}/{name}.pth"));
    SevenNet::from_file(&path, "sevennet", &options(modal), precision, engine).unwrap()
}

/// The checkpoint of this name, where it lies on this machine.
fn released(name: &str) -> Option<PathBuf> {
    let release = SEVENNET.iter().find(|release| release.name == name).unwrap();
    let found = Places::of_this_machine().find(release);
    if found.is_none() {
        eprintln!("skipped: {name} is in none of the folders of MLIP_CHECKPOINTS");
    }
    found
}

/// Stress of a golden in the order xx yy zz yz xz xy.
fn stress(golden: &Value) -> Option<[f64; 6]> {
    let s = golden["stress"].is_array().then(|| numbers(&golden["stress"]))?;
    Some([s[0], s[4], s[8], s[5], s[2], s[1]])
}

/// Largest differences, each relative to the largest number of its kind where that is above 1.
#[derive(Debug, Default, Clone, Copy)]
struct Worst {
    energy: f64,
    forces: f64,
    stress: f64,
}

fn relative(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(1.0, |scale: f64, x| scale.max(x.abs()));
    found.iter().zip(expected).map(|(a, b)| (a - b).abs() / scale).inspect(|x| assert!(!x.is_nan())).fold(0.0, f64::max)
}

impl Worst {
    fn see(&mut self, energy: (f64, f64), forces: (&[f64], &[f64]), stress: Option<(&[f64], &[f64])>) {
        assert!(!energy.0.is_nan());
        self.energy = self.energy.max((energy.0 - energy.1).abs() / energy.1.abs().max(1.0));
        self.forces = self.forces.max(relative(forces.0, forces.1));
        self.stress = self.stress.max(stress.map_or(0.0, |(found, expected)| relative(found, expected)));
    }
}

/// Compares a potential in double precision with a golden, structure by structure.
fn check_double(potential: &SevenNet, golden: &Value, what: &str) {
    for (name, structure) in structures() {
        let (golden, found) = (&golden["float64"][&name], predict(potential, &structure));
        let within = |limit: f64, what: &str, found: &[f64], expected: &[f64]| {
            let difference = relative(found, expected);
            assert!(difference <= limit, "{what} {name}: {difference:e}");
        };
        let check = |what: &str, found: &[f64], expected: &[f64]| within(DOUBLE, what, found, expected);
        let what = |quantity: &str| format!("{what}: {quantity}");
        check(&what("energy"), &[found.energy], &numbers(&golden["energy"]));
        check(
            &what("energies of atoms"),
            &potential.site_energies(&structure).unwrap(),
            &numbers(&golden["node_energy"]),
        );
        check(&what("forces"), &found.forces.concat(), &numbers(&golden["forces"]));
        if let Some(stress) = stress(golden) {
            within(DOUBLE_STRESS, &what("stress"), &found.stress.unwrap(), &stress);
        }
        check(&what("features"), &found.atom_features.unwrap().mean(), &numbers(&golden["mean_features"]));
    }
}

/// Largest differences from upstream's double precision: of this program in single precision, and of upstream.
fn worst_of_single(potential: &SevenNet, golden: &Value) -> [Worst; 2] {
    let [mut ours, mut theirs] = [Worst::default(); 2];
    for (name, structure) in structures() {
        let (double, single) = (&golden["float64"][&name], &golden["float32"][&name]);
        let found = predict(potential, &structure);
        let (energy, forces) = (double["energy"].as_f64().unwrap(), numbers(&double["forces"]));
        let stresses = stress(double).zip(stress(single));
        let of_ours = stresses.map(|(double, _)| (found.stress.unwrap(), double));
        let of_theirs = stresses.map(|(double, single)| (single, double));
        fn pair(pair: &Option<([f64; 6], [f64; 6])>) -> Option<(&[f64], &[f64])> {
            pair.as_ref().map(|(a, b)| (&a[..], &b[..]))
        }
        ours.see((found.energy, energy), (&found.forces.concat(), &forces), pair(&of_ours));
        let their_energy = single["energy"].as_f64().unwrap();
        theirs.see((their_energy, energy), (&numbers(&single["forces"]), &forces), pair(&of_theirs));
    }
    [ours, theirs]
}

/// Single precision rounds no worse than upstream's own. Both are sums in another order, so single structures fall out
/// differently: what counts is the worst of all.
fn check_single(potential: &SevenNet, golden: &Value, what: &str) {
    let [ours, theirs] = worst_of_single(potential, golden);
    let within = |ours: f64, theirs: f64| ours <= (2.0 * theirs).max(2e-6);
    eprintln!("{what}: {ours:?}, upstream {theirs:?}");
    assert!(
        within(ours.energy, theirs.energy) && within(ours.forces, theirs.forces) && within(ours.stress, theirs.stress),
        "{what}: {ours:?}, upstream {theirs:?}"
    );
}

fn modals(golden: &Value) -> Vec<(String, Value)> {
    golden["modals"].as_object().unwrap().iter().map(|(name, golden)| (name.clone(), golden.clone())).collect()
}

fn golden(name: &str) -> Value {
    json(&folder().join(format!("{name}/golden.json")))
}

#[test]
fn tiny_checkpoints_give_upstreams_numbers() {
    for name in TINY {
        for (modal, golden) in modals(&golden(name)) {
            for engine in ENGINES {
                let what = format!("{name} {modal} {engine}");
                check_double(&tiny(name, &modal, Precision::F64, engine), &golden, &what);
                check_single(&tiny(name, &modal, Precision::F32, engine), &golden, &what);
            }
        }
    }
}

#[test]
fn the_weights_in_the_program_give_upstreams_numbers() {
    let golden = &golden("7net_0_11jul2024")["modals"]["default"];
    for engine in ENGINES {
        let load = |precision| SevenNet::built_in("7net-0", &Options::default(), precision, engine).unwrap();
        check_double(&load(Precision::F64), golden, &format!("7net-0 {engine}"));
        check_single(&load(Precision::F32), golden, &format!("7net-0 {engine}"));
    }
}

#[test]
fn released_checkpoints_give_upstreams_numbers() {
    for (folder, name) in ELSEWHERE {
        let Some(path) = released(name) else { continue };
        for (modal, golden) in modals(&golden(folder)) {
            for engine in ENGINES {
                let load = |precision| SevenNet::from_file(&path, name, &options(&modal), precision, engine).unwrap();
                let what = format!("{name} {modal} {engine}");
                check_double(&load(Precision::F64), &golden, &what);
                check_single(&load(Precision::F32), &golden, &what);
            }
        }
    }
}

#[test]
fn the_weights_in_the_program_are_those_of_upstreams_file() {
    let path = std::env::var_os("MLIP_REFERENCE_DIR").map(PathBuf::from);
    let path = path.map(|path| path.join("sevennet/fixtures/sevennet_0_11jul2024/checkpoint_sevennet_0.pth"));
    let Some(path) = path.filter(|path| path.is_file()) else {
        eprintln!("skipped: upstream's file is not in MLIP_REFERENCE_DIR");
        return;
    };
    let built_in = SevenNet::built_in("7net-0", &Options::default(), Precision::F32, EngineKind::Native).unwrap();
    let read = SevenNet::from_file(&path, "7net-0", &Options::default(), Precision::F32, EngineKind::Native).unwrap();
    assert_eq!(built_in.id().digest, read.id().digest);
    let structure = named("tio2_triclinic");
    assert_eq!(predict(&built_in, &structure), predict(&read, &structure));
}

/// A wrong sign is invisible in many crystals: upstream's own files once differed in it from its own later code.
#[test]
fn one_wrong_sign_of_a_coupling_is_seen() {
    let bytes = std::fs::read(folder().join("../../weights/sevennet_0_11jul2024.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let (length, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let golden = &golden("7net_0_11jul2024")["modals"]["default"]["float64"]["tio2_triclinic"];
    let folder = tempfile::tempdir().unwrap();
    let names = tensors.names().into_iter().filter(|name| name.contains("_w3j_"));
    let odd = names.filter(|name| ["1_1_1", "1_2_2", "2_1_2", "2_2_1"].iter().any(|l| name.ends_with(l)));
    let mut n_flipped = 0;
    for name in odd {
        let (start, end) = header.info(name).unwrap().data_offsets;
        let mut altered = bytes.clone();
        for number in altered[8 + length + start..8 + length + end].as_chunks_mut::<4>().0 {
            *number = (-f32::from_le_bytes(*number)).to_le_bytes();
        }
        let path = folder.path().join("flipped.safetensors");
        std::fs::write(&path, altered).unwrap();
        for engine in ENGINES {
            let flipped = SevenNet::from_file(&path, "flipped", &Options::default(), Precision::F64, engine).unwrap();
            let energy = predict(&flipped, &named("tio2_triclinic")).energy;
            let expected = golden["energy"].as_f64().unwrap();
            assert!((energy - expected).abs() > 1e-6 * expected.abs(), "{name} {engine}: {energy}, {expected}");
        }
        n_flipped += 1;
    }
    assert!(n_flipped >= 10, "{n_flipped}");
}

#[test]
fn an_energy_alone_is_the_same_and_deadlines_hold() {
    let structure = named("srtio3_rattled");
    for engine in ENGINES {
        let potential = tiny("tiny_o3_nequip_poly", "default", Precision::F64, engine);
        let request = Request { forces: false, atom_features: false };
        let alone = potential.predict(&[&structure], request, &Deadline::NONE).remove(0).unwrap();
        assert!(alone.forces.is_empty() && alone.stress.is_none() && alone.atom_features.is_none());
        assert_eq!(relative(&[alone.energy], &[predict(&potential, &structure).energy]), 0.0);
        let late = potential.predict(&[&structure], request, &Deadline::after(std::time::Duration::ZERO)).remove(0);
        assert!(matches!(late, Err(PredictError::Timeout { .. })), "{late:?}");
    }
}

#[test]
fn the_registry_knows_the_weights_in_the_program_files_and_modalities() {
    let potential = load(&Selection::named("7net-0")).unwrap();
    assert_eq!(potential.id().name, "7net-0");
    assert_eq!((potential.id().settings.as_str(), potential.feature_width()), ("", Some(128)));
    let modal = Selection::named("sevennet").with_file(folder().join("tiny_modal_mf/tiny_modal_mf.pth"));
    let cause = |selection: &Selection| {
        let error = load(selection).err().unwrap();
        std::error::Error::source(&error).map(ToString::to_string).unwrap_or_else(|| error.to_string())
    };
    assert_eq!(cause(&modal), "the model was trained on pbe, r2scan: choose one with modal=NAME");
    let chosen = load(&modal.clone().with_option("modal", "r2scan")).unwrap();
    assert_eq!(chosen.id().settings, "modal=r2scan");
    assert!(cause(&Selection::named("sevennet")).contains("7net-0 needs none"));
    // A path is no name, whatever it ends with.
    let nowhere = cause(&Selection::named("sevennet").with_file("/nowhere/7net-omni"));
    assert!(nowhere.contains("/nowhere/7net-omni") && !nowhere.contains("is not on this machine"), "{nowhere}");
    let mace = Selection::named("sevennet").with_file(folder().join("../chgnet/chgnet_tiny.pth.tar"));
    assert!(cause(&mace).contains("`config`"), "{}", cause(&mace));
}

#[test]
fn elements_beyond_the_model_are_refused_by_name() {
    let lattice = Lattice::from_vectors([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]]).unwrap();
    let structure = Structure::new(lattice, vec![Species::from_atomic_number(26).unwrap()], vec![[0.0; 3]]).unwrap();
    let potential = tiny("tiny_so3_l3", "default", Precision::F64, EngineKind::Native);
    let refused = potential.predict(&[&structure], Request::default(), &Deadline::NONE).remove(0);
    assert!(matches!(refused, Err(PredictError::UnsupportedSpecies { .. })), "{refused:?}");
}

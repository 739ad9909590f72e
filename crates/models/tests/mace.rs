//! MACE against upstream's numbers.
//!
//! `mace/` holds models of upstream's classes with seeded random weights, as upstream saves them, and what upstream
//! computes with them; `mace/README.md` says how they were made. Larger ones are read from `MLIP_REFERENCE_DIR`.

#![allow(clippy::unwrap_used, reason = "clippy recognizes tests, but not their helper functions")]

mod embedding_goldens;
mod mace_support;

use mace_support::{Fixture, all, heads, here, json, numbers, reference, small, structure, structures};
use mlip_atoms::{Deadline, EngineKind, Potential, Precision, Prediction, Request, Species, Structure};
use mlip_models::mace::{Descriptors, Mace, Options};
use serde_json::Value;
use std::path::Path;

fn load(fixture: &Fixture, head: Option<&str>, precision: Precision, exact_radial: bool) -> Mace {
    let options = Options { head: head.map(str::to_owned), exact_radial, ..Options::default() };
    Mace::from_file(&fixture.model, "mace", &options, precision, EngineKind::Native)
        .unwrap_or_else(|error| panic!("{}: {error}", fixture.name))
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
    found.iter().zip(expected).map(|(a, b)| (a - b).abs() / scale).inspect(|x| assert!(!x.is_nan())).fold(0.0, f64::max)
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

/// Single precision rounds: ours must be as near to upstream's double precision as upstream's single precision is,
/// within a factor for luck and a floor for where upstream was lucky.
fn compare_single(what: &str, prediction: &Prediction, double: &Value, single: &Value) {
    const LUCK: f64 = 2.0;
    const FLOOR: Limits = Limits { energy: 3e-7, force: 2e-6, stress: 1e-6 };
    let energy = |golden: &Value| vec![golden["energy"].as_f64().unwrap()];
    let forces = |golden: &Value| numbers(&golden["forces"]);
    let stress = |golden: &Value| {
        golden
            .get("stress")
            .filter(|stress| !stress.is_null())
            .map(numbers)
            .map_or(Vec::new(), |s| vec![s[0], s[4], s[8], s[5], s[2], s[1]])
    };
    let own_stress = if stress(double).is_empty() { Vec::new() } else { prediction.stress.unwrap().to_vec() };
    for (quantity, own, double, single, floor) in [
        ("energy", vec![prediction.energy], energy(double), energy(single), FLOOR.energy),
        ("forces", prediction.forces.concat(), forces(double), forces(single), FLOOR.force),
        ("stress", own_stress, stress(double), stress(single), FLOOR.stress),
    ] {
        let (own, upstream) = (worst(&own, &double), worst(&single, &double));
        assert!(own <= LUCK * upstream + floor, "{what}: {quantity} rounded by {own:e}, upstream's by {upstream:e}");
    }
}

#[test]
fn single_precision_agrees_with_upstream_to_its_rounding() {
    let structures = structures();
    let mut compared = 0;
    for fixture in all() {
        for (head, golden) in heads(&fixture) {
            for exact_radial in [true, false] {
                let potential = load(&fixture, head, Precision::F32, exact_radial);
                for (name, structure) in &structures {
                    let Some(single) = golden["float32"].get(name) else { continue };
                    let what = format!("{} {head:?} {name} in f32, exact: {exact_radial}", fixture.name);
                    compare_single(&what, &predict(&potential, structure), &golden["float64"][name], single);
                    compared += 1;
                }
            }
        }
    }
    assert!(compared >= 180, "{compared}");
}

/// What tables of radial functions may change: eV/atom.
const TABLE: Limits = Limits { energy: 1e-8, force: 1e-7, stress: 1e-8 };

#[test]
fn tables_of_radial_functions_change_energies_by_less_than_1e_8_ev_per_atom() {
    let structures = structures();
    for fixture in all() {
        for (head, golden) in heads(&fixture) {
            let potential = load(&fixture, head, Precision::F64, false);
            for (name, structure) in &structures {
                let what = format!("{} {head:?} {name} with tables", fixture.name);
                compare(&what, &predict(&potential, structure), &golden["float64"][name], &TABLE);
            }
        }
    }
}

#[test]
fn a_head_must_be_chosen_where_there_are_several() {
    let folder = here().join("two_heads/two_heads.model");
    let fail = |head: Option<&str>| {
        let options = Options { head: head.map(str::to_owned), ..Options::default() };
        Mace::from_file(&folder, "mace", &options, Precision::F32, EngineKind::Native).err().unwrap().to_string()
    };
    assert_eq!(fail(None), "no head was chosen; the file has the heads Default, pbe_d3: choose one with head=NAME");
    assert!(fail(Some("pbe")).starts_with("there is no head `pbe`; the file has the heads Default, pbe_d3"));
    let options = Options { head: Some("pbe_d3".into()), exact_radial: true, ..Options::default() };
    let potential = Mace::from_file(&folder, "mace", &options, Precision::F32, EngineKind::Native).unwrap();
    assert_eq!(potential.id().settings, "head=pbe_d3 exact_radial");
}

#[test]
fn files_that_are_no_mace_are_refused_by_name() {
    let chgnet = Path::new(env!("CARGO_MANIFEST_DIR")).join("../checkpoint/tests/data/chgnet_tiny.pth.tar");
    let fail = |path: &Path| {
        let error =
            Mace::from_file(path, "mace", &Options::default(), Precision::F32, EngineKind::Native).err().unwrap();
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            text.push_str(&format!(": {inner}"));
            source = inner.source();
        }
        text
    };
    let text = fail(&chgnet);
    assert!(text.contains("the model's class is a dictionary"), "{text}");
    assert!(fail(Path::new("/nowhere/a.model")).contains("/nowhere/a.model"));
    assert!(fail(&here().join("structures.json")).contains("structures.json"));
}

#[test]
fn descriptors_have_upstreams_widths() {
    let fixture = &small()[0];
    let potential = load(fixture, None, Precision::F64, true);
    let (_, structure) = &structures()[1];
    // 8 channels; two layers of scalars, one with vectors.
    for (which, width) in [(Descriptors::Invariant, 16), (Descriptors::All, 40)] {
        let found = potential.descriptors(structure, which).unwrap();
        assert_eq!((found.width, found.values.len()), (width, width * structure.n_atoms()));
        let mean = potential.graph_descriptor(structure, which).unwrap();
        let column = |c: usize| found.values.iter().skip(c).step_by(width).sum::<f64>() / structure.n_atoms() as f64;
        assert!((mean[3] - column(3)).abs() < 1e-14);
    }
}

#[test]
fn a_prediction_does_not_depend_on_its_batch() {
    let fixture = &small()[1];
    let potential = load(fixture, None, Precision::F32, false);
    let structures = structures();
    let batch: Vec<&Structure> = structures.iter().map(|(_, structure)| structure).collect();
    let request = Request { forces: true, atom_features: true };
    let together = potential.predict(&batch, request, &Deadline::NONE);
    for (structure, together) in batch.iter().zip(together) {
        let alone = potential.predict(&[structure], request, &Deadline::NONE).remove(0).unwrap();
        assert_eq!(alone, together.unwrap());
    }
}

#[test]
fn an_evaluation_over_its_time_ends_and_an_unknown_element_is_named() {
    let potential = load(&small()[0], None, Precision::F32, false);
    let structures = structures();
    let over = Deadline::after(std::time::Duration::ZERO);
    let error = potential.predict(&[&structures[1].1], Request::default(), &over).remove(0).unwrap_err();
    assert!(error.to_string().starts_with("not finished within"));
    let (_, titanium) = &structures[3];
    let gold = vec![Species::from_symbol("Au").unwrap(); titanium.n_atoms()];
    let gold = Structure::new(titanium.lattice().clone(), gold, titanium.fractional().to_vec()).unwrap();
    let error = potential.predict(&[&gold], Request::default(), &Deadline::NONE).remove(0).unwrap_err();
    assert_eq!(error.to_string(), "mace does not cover the element Au");
}

/// `MLIP_MACE_MODELS`: a folder with the full-size models that `foundation_golden.py` writes.
#[test]
fn full_size_models_agree_with_upstream() {
    let (Some(reference), Some(models)) = (reference(), std::env::var_os("MLIP_MACE_MODELS")) else {
        eprintln!("skipped: MLIP_REFERENCE_DIR or MLIP_MACE_MODELS is not set");
        return;
    };
    let bench = json(&Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/mace_structures.json"));
    let mut structures = structures();
    structures.extend(bench.as_array().unwrap().iter().map(|s| (s["name"].as_str().unwrap().into(), structure(s))));
    for name in ["mp0_small", "mp0_medium", "mp0_large", "mpa0_medium", "omat0_small", "omat0_medium"] {
        let golden = json(&reference.join("foundation").join(format!("{name}.golden.json")));
        let path = Path::new(&models).join(format!("{name}.model"));
        for (precision, exact_radial) in
            [(Precision::F64, true), (Precision::F64, false), (Precision::F32, true), (Precision::F32, false)]
        {
            let options = Options { exact_radial, ..Options::default() };
            let potential = Mace::from_file(&path, "mace", &options, precision, EngineKind::Native).unwrap();
            if name == "mp0_medium" && precision == Precision::F64 && exact_radial {
                assert_eq!(embedding_goldens::Goldens::read("mace").compare(name, 640, &potential).0, 1);
            }
            for (structure, double) in golden["float64"].as_object().unwrap() {
                let found = structures.iter().find(|(name, _)| name == structure).unwrap();
                let what = format!("{name} {structure} {precision}, exact: {exact_radial}");
                let prediction = predict(&potential, &found.1);
                match precision {
                    Precision::F64 => compare(&what, &prediction, double, if exact_radial { &DOUBLE } else { &TABLE }),
                    _ => compare_single(&what, &prediction, double, &golden["float32"][structure]),
                }
            }
        }
    }
}

/// The model again, with other words in its pickle.
fn with_pickle(model: &Path, change: impl Fn(Vec<u8>) -> Vec<u8>) -> tempfile::NamedTempFile {
    use std::io::{Read as _, Write as _};
    let mut from = zip::ZipArchive::new(std::fs::File::open(model).unwrap()).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut to = zip::ZipWriter::new(file.reopen().unwrap());
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for index in 0..from.len() {
        let mut member = from.by_index(index).unwrap();
        let (name, mut bytes) = (member.name().unwrap().into_owned(), Vec::new());
        member.read_to_end(&mut bytes).unwrap();
        to.start_file(&name, stored).unwrap();
        to.write_all(&if name.ends_with("/data.pkl") { change(bytes) } else { bytes }).unwrap();
    }
    to.finish().unwrap();
    file
}

#[test]
fn a_model_with_another_activation_or_block_is_refused() {
    let replace = |from: &'static str, to: &'static str| {
        assert_eq!(from.len(), to.len());
        let model = with_pickle(&here().join("tiny_mp0/tiny_mp0.model"), |mut bytes| {
            for at in 0..bytes.len() - from.len() {
                if bytes[at..].starts_with(from.as_bytes()) {
                    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
                }
            }
            bytes
        });
        Mace::from_file(model.path(), "mace", &Options::default(), Precision::F32, EngineKind::Native)
            .err()
            .map(|error| error.to_string())
    };
    assert_eq!(replace("torch.nn.functional\nsilu\n", "torch.nn.functional\nsilu\n"), None);
    let error = replace("torch.nn.functional\nsilu\n", "torch.nn.functional\ntanh\n").unwrap();
    assert!(error.contains("activation") && error.contains("tanh"), "{error}");
    let error =
        replace("\nRealAgnosticResidualInteractionBlock\n", "\nRealAgnosticResidualInteractionBlick\n").unwrap();
    assert!(error.contains("interaction 0 is RealAgnosticResidualInteractionBlick"), "{error}");
}

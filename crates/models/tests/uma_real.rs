//! UMA with the hyperparameters of `uma-s-1p1`: 146 million weights, made from their names.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod embedding_goldens;
mod hashinit;
mod torch_writer;
mod uma_golden;

use mlip_atoms::{Deadline, EngineKind, Potential, Precision, Request};
use mlip_models::uma::{Options, Uma};
use serde_json::{Value as Json, json};
use std::fs;
use std::path::{Path, PathBuf};
use torch_writer::Pickle;
use uma_golden::{Answer, Deviations};

/// Of `f64`, against upstream without merging, as in the tests of the tiny models. Upstream's own merge goes through
/// single precision, which moves its energies by up to 1e-6 eV.
const EXACT: Deviations = [1e-9, 1e-9, 1e-9];

fn json(path: &Path) -> Json {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn tasks(references: &Json, rmsd: &Json) -> Json {
    let normalizer = json!({ "mean": 0.0, "rmsd": rmsd });
    let of = |property: &str, name: &str| {
        let mut task = json!({ "property": property, "datasets": [name], "normalizer": normalizer });
        if property == "energy" {
            task["element_references"] = json!({ "element_references": { "_args_": [references[name]] } });
        }
        task
    };
    let names = references.as_object().unwrap().keys();
    names.flat_map(|name| ["energy", "forces"].map(|property| of(property, name))).collect()
}

/// The checkpoint, as upstream writes it, from the recipe of its weights.
fn write_checkpoint(folder: &Path, to: &Path) {
    let (settings, recipe) =
        (json(&folder.join("uma_real_s1p1.json")), json(&folder.join("uma_real_s1p1.recipe.json")));
    let mut references = json(&folder.join("elem_refs.json"));
    let known = settings["model_config"]["backbone"]["dataset_list"].as_array().unwrap().clone();
    references.as_object_mut().unwrap().retain(|name, _| known.iter().any(|known| known == name));
    let seed = recipe["seed"].as_u64().unwrap();
    let tensors = recipe["tensors"].as_object().unwrap().iter().filter(|(_, tensor)| tensor.get("keep").is_none());
    let tensors = tensors.collect::<Vec<_>>();
    let shape = |tensor: &Json| {
        tensor["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect::<Vec<_>>()
    };
    let mut pickle = Pickle::new();
    pickle.object("fairchem.core.units.mlip_unit.api.inference", "MLIPInferenceCheckpoint", |pickle| {
        pickle.dict(&["model_config", "tasks_config", "ema_state_dict"], |pickle, section| match section {
            "model_config" => pickle.json(&settings["model_config"]),
            "tasks_config" => pickle.json(&tasks(&references, &settings["normalizer"]["rmsd"])),
            _ => {
                let names = tensors.iter().map(|(name, _)| format!("module.{name}")).collect::<Vec<_>>();
                let names = names.iter().map(String::as_str).collect::<Vec<_>>();
                let mut shapes = tensors.iter().map(|(_, tensor)| shape(tensor));
                pickle.dict(&names, |pickle, _| pickle.tensor(&shapes.next().unwrap()));
            }
        });
    });
    let storages = tensors.iter().map(|(name, tensor)| {
        let number = |key: &str| tensor[key].as_f64().unwrap() as f32;
        hashinit::values(name, seed, shape(tensor).iter().product(), number("offset"), number("scale"))
    });
    torch_writer::write(to, pickle, storages);
}

/// The reference folder of UMA.
fn reference() -> Option<PathBuf> {
    let found = std::env::var_os("MLIP_REFERENCE_DIR").map(|folder| PathBuf::from(folder).join("uma"));
    if found.is_none() {
        eprintln!("skipped: MLIP_REFERENCE_DIR is not set");
    }
    found
}

#[test]
fn the_real_size_equals_upstream_in_both_precisions() {
    let Some(folder) = reference() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("uma-s-1p1.pt");
    write_checkpoint(&folder, &file);
    let goldens = uma_golden::read(&fs::read_to_string(folder.join("goldens_real_s1p1.json")).unwrap());
    assert_eq!(goldens.len(), 12);
    let rounding = uma_golden::recorded_rounding(&goldens);
    eprintln!("upstream's rounding: {rounding:?}");
    let mut embeddings = 0;
    let threads = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    for (precision, limits) in [(Precision::F64, EXACT), (Precision::F32, rounding)] {
        let mut last: Option<(String, Uma)> = None;
        let mut worst = [0.0; 3];
        for golden in &goldens {
            let settings = format!("{} {} {}", golden.task, golden.charge, golden.spin);
            if last.as_ref().is_none_or(|(known, _)| *known != settings) {
                let options =
                    Options { task: Some(golden.task.clone()), charge: Some(golden.charge), spin: Some(golden.spin) };
                last = Some((
                    settings.clone(),
                    Uma::from_file("uma-s-1p1", &file, &options, precision, EngineKind::Native).unwrap(),
                ));
            }
            let potential = &last.as_ref().unwrap().1;
            let request = Request { forces: true, atom_features: false };
            let got = potential.predict(&[&golden.structure()], request, &Deadline::NONE).remove(0).unwrap();
            if precision == Precision::F32 {
                // The same on two threads, to the bit.
                let structure = golden.structure();
                let predict = || potential.predict(&[&structure], request, &Deadline::NONE).remove(0).unwrap();
                assert_eq!(threads.install(predict), got, "{}", golden.name);
            }
            let found = uma_golden::deviations(&Answer::from(&got), &golden.f64);
            assert!(uma_golden::within(found, limits), "{} {settings} {precision}: {found:?}", golden.name);
            worst = uma_golden::worse(worst, found);
            if precision == Precision::F64 && (&*golden.name, &*golden.task) == ("srtio3_rattled", "omat") {
                assert_eq!(embedding_goldens::Goldens::read("uma").compare("uma_real", 128, potential).0, 1);
                embeddings += 1;
            }
        }
        eprintln!("{precision}: {worst:?}");
    }
    assert_eq!(embeddings, 1);
}

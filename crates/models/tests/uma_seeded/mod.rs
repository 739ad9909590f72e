//! UMA at its real size, its weights made from their names as the recipe says.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use crate::hashinit;
use crate::torch_writer::{self, Pickle};
use serde_json::{Value as Json, json};
use std::fs;
use std::path::{Path, PathBuf};

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
pub(crate) fn write_checkpoint(folder: &Path, to: &Path) {
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
pub(crate) fn reference() -> Option<PathBuf> {
    let found = std::env::var_os("MLIP_REFERENCE_DIR").map(|folder| PathBuf::from(folder).join("uma"));
    if found.is_none() {
        eprintln!("skipped: MLIP_REFERENCE_DIR is not set");
    }
    found
}

//! Upstream's own file.

use super::config::Config;
use super::error::LoadError;
use super::scales::Scales;
use crate::pickled::json;
use crate::weights::{Weights, is_float};
use mlip_checkpoint::Checkpoint;
use serde_json::Value as Json;
use std::path::Path;
use std::sync::Arc;

/// Classes that a file may mention beside plain ones: states and measures of its training. Nothing of them is read.
const CLASSES: &[&str] = &[
    "torch.optim.*",
    "torch.device",
    "functools.*",
    "numpy.core.multiarray.*",
    "numpy._core.multiarray.*",
    "numpy.ndarray",
    "numpy.dtype",
    "builtins.getattr",
    "pathlib.*",
];

/// What inference needs.
pub(super) struct Contents {
    pub(super) config: Config,
    pub(super) scales: Scales,
    pub(super) weights: Arc<Weights>,
    /// blake3 over hyperparameters, scales and tensors.
    pub(super) digest: String,
}

/// From a checkpoint of upstream's trainer: `config`, `state_dict`, `normalizers`, `elementrefs`. Moving averages of the
/// weights, where there are some, are not read: upstream's calculator does not take them either.
pub(super) fn read(path: &Path) -> Result<Contents, LoadError> {
    let checkpoint = Arc::new(Checkpoint::open(path, CLASSES)?);
    let named = |problem| LoadError::Torch(checkpoint.error(problem));
    let root = checkpoint.root();
    let settings = json(root.field("config").map_err(named)?);
    let config = Config::from_json(&settings)?;
    let scales = Scales::read(&checkpoint)?;
    let mut tensors = Vec::new();
    for (name, value) in root.field("state_dict").map_err(named)?.entries() {
        let Some(mut name) = name.as_str() else { continue };
        // One for each way in which the training was spread.
        while let Some(rest) = name.strip_prefix("module.") {
            name = rest;
        }
        let tensor = value.tensor().map_err(named)?;
        // Tables of rotations and of indices follow from the hyperparameters.
        if is_float(&tensor) && !name.contains(".Jd_") {
            tensors.push((name.to_owned(), tensor));
        }
    }
    let weights = Arc::new(Weights::of_checkpoint(checkpoint.clone(), tensors));
    let expected = config.backbone.num_layers;
    if weights.has_prefix(&format!("backbone.blocks.{expected}.")) {
        return Err(LoadError::Layers { expected });
    }
    let digest = digest(&settings, &scales, &weights)?;
    Ok(Contents { config, scales, weights, digest })
}

fn digest(settings: &Json, scales: &Scales, weights: &Weights) -> Result<String, LoadError> {
    // Keys are sorted: serde_json's maps are.
    let model = settings.get("model_attributes").or_else(|| settings.get("model")).map(Json::to_string);
    let mut digest = blake3::Hasher::new();
    digest.update(b"esen hyperparameters, scales and tensors\0");
    digest.update(model.unwrap_or_default().as_bytes()).update(b"\0").update(&scales.energy.to_le_bytes());
    for reference in scales.references.iter().flatten() {
        digest.update(&reference.to_le_bytes());
    }
    digest.update(weights.digest()?.as_bytes());
    Ok(digest.finalize().to_hex().to_string())
}

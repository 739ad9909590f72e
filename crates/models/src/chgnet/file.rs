//! Upstream's own file, and safetensors.

use super::Config;
use super::error::LoadError;
use crate::pickled::json;
use crate::weights::Weights;
use mlip_checkpoint::Checkpoint;
use std::path::Path;
use std::sync::Arc;

/// Hyperparameters and weights of a checkpoint.
pub(super) struct Contents {
    pub(super) config: Config,
    pub(super) weights: Arc<Weights>,
}

/// From safetensors whose metadata hold `model_args` as JSON.
pub(super) fn from_safetensors(bytes: &[u8]) -> Result<Contents, LoadError> {
    let (weights, metadata) = Weights::from_safetensors(bytes)?;
    let arguments = metadata
        .get("model_args")
        .ok_or_else(|| LoadError::Arguments("the metadata of the safetensors file have no `model_args`".into()))?;
    let config = serde_json::from_str(arguments).map_err(|error| LoadError::Arguments(error.to_string()))?;
    Ok(Contents { config, weights: Arc::new(weights) })
}

/// From upstream's `.pth.tar`: a torch archive with `model: {state_dict, model_args}`.
pub(super) fn from_torch(path: &Path) -> Result<Contents, LoadError> {
    let checkpoint = Arc::new(Checkpoint::open(path, &[]).map_err(LoadError::Torch)?);
    let named = |problem| LoadError::Torch(checkpoint.error(problem));
    let model = checkpoint.root().field("model").map_err(named)?;
    let arguments = json(model.field("model_args").map_err(named)?);
    let config = serde_json::from_value(arguments).map_err(|error| LoadError::Arguments(error.to_string()))?;
    let mut tensors = Vec::new();
    for (name, value) in model.field("state_dict").map_err(named)?.entries() {
        let Some(name) = name.as_str() else { continue };
        tensors.push((name.to_owned(), value.tensor().map_err(named)?));
    }
    let weights = Arc::new(Weights::of_checkpoint(checkpoint.clone(), tensors));
    Ok(Contents { config, weights })
}

//! Upstream's own file.

use super::config::Config;
use super::error::LoadError;
use crate::pickled::json;
use crate::weights::Weights;
use mlip_checkpoint::{Checkpoint, View};
use std::path::Path;
use std::sync::Arc;

/// Classes that a file may mention beside plain ones: states of its training. Nothing of them is read.
const CLASSES: &[&str] = &[
    "torch.optim.*",
    "torch_ema.*",
    "functools.*",
    "types.*",
    "weakref.*",
    "numpy.core.multiarray.*",
    "numpy._core.multiarray.*",
    "numpy.ndarray",
    "numpy.dtype",
    "builtins.getattr",
    "builtins.type",
];

/// Hyperparameters and weights of a checkpoint.
#[derive(Debug, Clone)]
pub(super) struct Contents {
    pub(super) config: Config,
    pub(super) weights: Arc<Weights>,
}

/// What tensors say of hyperparameters must be what those say: upstream would take some from here and some from there.
fn agree(config: &Config, weights: &Weights) -> Result<(), LoadError> {
    if weights.has("rbf.r_max") {
        let found = weights.get("rbf.r_max", &[])?[0];
        if found as f32 != config.cutoff as f32 {
            return Err(LoadError::Cutoffs { found, expected: config.cutoff });
        }
    }
    match weights.has_prefix(&format!("graph_conv.{}.", config.num_blocks)) {
        true => Err(LoadError::Blocks { expected: config.num_blocks }),
        false => Ok(()),
    }
}

/// From upstream's `.pth`: a torch archive with `model_name`, `model_args` and `model`. Nothing else of it is read.
pub(super) fn from_torch(path: &Path) -> Result<Contents, LoadError> {
    let checkpoint = Arc::new(Checkpoint::open(path, CLASSES)?);
    let named = |problem| LoadError::Torch(checkpoint.error(problem));
    let root = checkpoint.root();
    match root.field("model_name").map_err(named)?.view() {
        View::Text("m3gnet") => {}
        View::Text(other) => return Err(LoadError::Kind(format!("`{other}`"))),
        _ => return Err(LoadError::Kind("no text".into())),
    }
    let arguments = json(root.field("model_args").map_err(named)?);
    let config = serde_json::from_value(arguments).map_err(|error| LoadError::Arguments(error.to_string()))?;
    let mut tensors = Vec::new();
    for (name, value) in root.field("model").map_err(named)?.entries() {
        let Some(name) = name.as_str() else { continue };
        tensors.push((name.to_owned(), value.tensor().map_err(named)?));
    }
    let weights = Arc::new(Weights::of_checkpoint(checkpoint.clone(), tensors));
    agree(&config, &weights)?;
    Ok(Contents { config, weights })
}

//! Upstream's own file, and safetensors.

use super::config::{Config, Raw, Unsupported};
use super::error::LoadError;
use crate::pickled::json;
use crate::weights::Weights;
use mlip_checkpoint::Checkpoint;
use std::path::Path;
use std::sync::Arc;

/// Classes that a file may mention beside plain ones: arrays among the settings of its training.
const CLASSES: &[&str] = &["numpy.core.multiarray.*", "numpy._core.multiarray.*", "numpy.ndarray", "numpy.dtype"];

/// Hyperparameters and weights of a checkpoint.
pub(super) struct Contents {
    pub(super) config: Config,
    /// The hyperparameters as text, for the digest.
    pub(super) text: String,
    /// By the names of sevenn 0.10 and later.
    pub(super) weights: Arc<Weights>,
}

/// From safetensors whose metadata hold `config` as JSON.
pub(super) fn from_safetensors(bytes: &[u8]) -> Result<Contents, LoadError> {
    let (weights, metadata) = Weights::from_safetensors(bytes)?;
    let text = metadata.get("config").ok_or(LoadError::NoConfig)?;
    contents(serde_json::from_str(text).map_err(Unsupported::Config)?, weights)
}

/// From upstream's `.pth`: a torch archive with `model_state_dict` and `config`. Nothing else of it is read.
pub(super) fn from_torch(path: &Path) -> Result<Contents, LoadError> {
    let checkpoint = Arc::new(Checkpoint::open(path, CLASSES)?);
    let named = |problem| LoadError::Torch(checkpoint.error(problem));
    let root = checkpoint.root();
    let config = json(root.field("config").map_err(named)?);
    let mut tensors = Vec::new();
    for (name, value) in root.field("model_state_dict").map_err(named)?.entries() {
        let Some(name) = name.as_str() else { continue };
        let tensor = value.tensor().map_err(named)?;
        // Offsets that are not there, and masks of e3nn that are all ones.
        if tensor.n_elements() > 0 && !name.ends_with(".output_mask") {
            tensors.push((today(name), tensor));
        }
    }
    let weights = Weights::of_checkpoint(checkpoint.clone(), tensors);
    contents(serde_json::from_value(config).map_err(Unsupported::Config)?, weights)
}

fn contents(raw: Raw, weights: Weights) -> Result<Contents, LoadError> {
    let config = Config::read(&raw)?;
    let text = serde_json::to_string(&raw).map_err(Unsupported::Config)?;
    Ok(Contents { config, text, weights: Arc::new(weights) })
}

/// The name that a tensor has since sevenn 0.10.
fn today(name: &str) -> String {
    let (module, rest) = name.split_once('.').unwrap_or((name, ""));
    let module = match module {
        "EdgeEmbedding" => "edge_embedding".to_owned(),
        "reducing nn input to hidden" => "reduce_input_to_hidden".to_owned(),
        "reducing nn hidden to energy" => "reduce_hidden_to_energy".to_owned(),
        other => other.replace(' ', "_"),
    };
    format!("{module}.{}", rest.replace("denumerator", "denominator"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_names_become_those_of_today() {
        for (old, expected) in [
            ("EdgeEmbedding.basis_function.coeffs", "edge_embedding.basis_function.coeffs"),
            ("2 convolution.denumerator", "2_convolution.denominator"),
            ("0 self connection intro.linear.weight", "0_self_connection_intro.linear.weight"),
            ("reducing nn hidden to energy.linear.weight", "reduce_hidden_to_energy.linear.weight"),
            ("rescale atomic energy.shift", "rescale_atomic_energy.shift"),
            ("1_self_interaction_1.linear.weight", "1_self_interaction_1.linear.weight"),
        ] {
            assert_eq!(today(old), expected);
        }
    }
}

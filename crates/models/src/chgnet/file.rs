//! Upstream's own file, safetensors, and the weights in the program.

use super::Config;
use super::error::LoadError;
use crate::pickled::json;
use crate::weights::Weights;
use mlip_atoms::{PotentialId, Precision};
use mlip_checkpoint::Checkpoint;
use std::path::Path;
use std::sync::Arc;

/// The weights in the program: `chgnet` 0.4.2 from PyPI, `chgnet_0.3.0_e29f68s314m37.pth.tar` as safetensors.
static BUILT_IN: &[u8] = include_bytes!("../../weights/chgnet_0.3.0.safetensors");

/// The same of `chgnet_r2scan_transfer_learning_e15f36s161m23.pth.tar`.
static BUILT_IN_R2SCAN: &[u8] = include_bytes!("../../weights/chgnet_r2scan.safetensors");

/// Name of the potential, whatever its weights.
const CHGNET: &str = "chgnet";
/// Name of the potential with r2SCAN weights.
pub(super) const R2SCAN: &str = "chgnet-r2scan";

/// A checkpoint as a potential.
pub(super) struct Named {
    /// Of the potential.
    pub(super) name: &'static str,
    /// Which weights it has, in words.
    pub(super) checkpoint: String,
    pub(super) contents: Contents,
}

impl Named {
    /// Under the name that all files have.
    pub(super) fn chgnet(checkpoint: &str, mut contents: Contents) -> Self {
        // Files of 0.2.0 have it and do not say so; upstream goes by their name.
        let bias = "atom_conv_layers.0.mlp_out.layers.1.bias";
        contents.config.mlp_out_bias |= contents.weights.shapes().any(|(name, _)| name == bias);
        Self { name: CHGNET, checkpoint: checkpoint.into(), contents }
    }

    /// The 0.3.0 weights in the program.
    pub(super) fn built_in() -> Result<Self, LoadError> {
        Ok(Self::chgnet("chgnet-0.3.0 (built in)", from_safetensors(BUILT_IN)?))
    }

    /// The r2SCAN weights in the program.
    pub(super) fn built_in_r2scan() -> Result<Self, LoadError> {
        let checkpoint = "chgnet-r2scan (built in)".into();
        Ok(Self { name: R2SCAN, checkpoint, contents: from_safetensors(BUILT_IN_R2SCAN)? })
    }

    /// From upstream's `.pth.tar`, or from safetensors.
    pub(super) fn from_file(path: &Path) -> Result<Self, LoadError> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let contents = if path.extension().is_some_and(|extension| extension == "safetensors") {
            from_safetensors(&std::fs::read(path)?)?
        } else {
            from_torch(path)?
        };
        Ok(Self::chgnet(&name, contents))
    }

    /// What results are known by, and the digest of the tensors alone.
    pub(super) fn id(&self, precision: Precision) -> Result<(PotentialId, String), LoadError> {
        let Contents { config, weights } = &self.contents;
        config.validate()?;
        let text = serde_json::to_string(config).map_err(|error| LoadError::Arguments(error.to_string()))?;
        let tensors = weights.digest()?;
        let id = PotentialId {
            name: self.name.into(),
            checkpoint: self.checkpoint.clone(),
            digest: digest(&text, &tensors),
            precision,
            settings: String::new(),
        };
        Ok((id, tensors))
    }
}

/// Of hyperparameters, defaults filled in, and tensors: both change numbers.
fn digest(config: &str, tensors: &str) -> String {
    let mut digest = blake3::Hasher::new();
    digest.update(b"chgnet hyperparameters and tensors\0");
    digest.update(config.as_bytes()).update(b"\0").update(tensors.as_bytes());
    digest.finalize().to_hex().to_string()
}

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

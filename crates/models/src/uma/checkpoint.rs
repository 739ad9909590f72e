//! Upstream's own file.

use super::config::Config;
use super::error::LoadError;
use super::plain::plain;
use crate::mapped::{Mapped, Part};
use crate::weights::Weights;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use mlip_checkpoint::{Checkpoint, DType as Numbers, Problem};
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

/// Classes that a checkpoint of UMA mentions; none of them is executed.
const CLASSES: &[&str] =
    &["fairchem.core.units.mlip_unit.api.inference.MLIPInferenceCheckpoint", "omegaconf.*", "typing.Any"];

/// Where the experts of one linear map lie in the mapped file: `[experts, out, in]`, `f32`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ExpertTensor {
    pub(super) shape: [usize; 3],
    pub(super) part: Part,
}

/// All that inference needs.
pub(super) struct Contents {
    pub(super) config: Config,
    pub(super) tasks: Json,
    /// All weights but the experts', without the prefix `module.`.
    pub(super) weights: Weights,
    pub(super) experts: BTreeMap<String, ExpertTensor>,
    pub(super) file: Arc<Mapped>,
    /// blake3 over the hyperparameters, the tasks with their reference energies, and all names, shapes and numbers.
    pub(super) digest: String,
    /// blake3 over names, shapes and numbers alone: what earlier versions called this file.
    pub(super) former_digest: String,
}

impl Contents {
    /// All weights by upstream's names, copied into memory, as candle wants them.
    ///
    /// # Errors
    /// When the file is not what it was, or the device has no room.
    pub(super) fn var_builder(&self, dtype: DType, device: &Device) -> Result<VarBuilder<'static>, LoadError> {
        let mut tensors = HashMap::new();
        for (name, shape) in self.weights.shapes() {
            let values = self.weights.get(name, shape)?;
            let tensor = Tensor::from_slice(&values, shape, &Device::Cpu).map_err(LoadError::Device)?;
            tensors.insert(name.to_owned(), tensor);
        }
        let experts = self.file.read(|reading| {
            let numbers = |bytes: &[u8]| bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect::<Vec<_>>();
            let expert = |(name, tensor): (&String, &ExpertTensor)| {
                let values = reading.with(&tensor.part, numbers)?;
                let tensor = Tensor::from_vec(values, tensor.shape.to_vec(), &Device::Cpu);
                Ok((name.clone(), tensor.map_err(LoadError::Device)?))
            };
            self.experts.iter().map(expert).collect::<Result<Vec<_>, LoadError>>()
        })?;
        tensors.extend(experts);
        Ok(VarBuilder::from_tensors(tensors, dtype, device))
    }
}

/// Text that is the same for the same values, in whatever order a file has its keys.
fn canonical(value: &Json, text: &mut String) {
    match value {
        Json::Array(items) => {
            text.push('[');
            for (k, item) in items.iter().enumerate() {
                text.push_str(if k > 0 { "," } else { "" });
                canonical(item, text);
            }
            text.push(']');
        }
        Json::Object(entries) => {
            let sorted = entries.iter().collect::<BTreeMap<_, _>>();
            text.push('{');
            for (k, (name, value)) in sorted.into_iter().enumerate() {
                text.push_str(if k > 0 { "," } else { "" });
                text.push_str(&Json::from(name.as_str()).to_string());
                text.push(':');
                canonical(value, text);
            }
            text.push('}');
        }
        other => text.push_str(&other.to_string()),
    }
}

/// The digest of settings and of what `former` says of the numbers.
fn whole_digest(settings: &[(&str, &Json)], former: &str) -> String {
    let mut digest = blake3::Hasher::new();
    for (name, value) in settings {
        let mut text = String::new();
        canonical(value, &mut text);
        digest.update(name.as_bytes()).update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    digest.update(former.as_bytes()).finalize().to_hex().to_string()
}

/// Reads a checkpoint: the exponential moving averages of the weights, as upstream's inference does.
pub(super) fn read(path: &Path) -> Result<Contents, LoadError> {
    let checkpoint = Checkpoint::open(path, CLASSES).map_err(LoadError::Torch)?;
    let named = |problem| LoadError::Torch(checkpoint.error(problem));
    let root = checkpoint.root();
    let section = |name| plain(&checkpoint, root.field(name).map_err(named)?).map_err(LoadError::Torch);
    let model_config = section("model_config")?;
    let config = Config::from_json(model_config.clone())?;
    let tasks = section("tasks_config")?;
    let file = Arc::new(Mapped::new(checkpoint.file(), path)?);
    let mut weights = Weights::default();
    let mut experts = BTreeMap::new();
    let mut state = BTreeMap::new();
    for (name, value) in root.field("ema_state_dict").map_err(named)?.entries() {
        // Beside the weights stands a count of what was averaged, `n_averaged`.
        let Some(name) = name.as_str().filter(|name| *name != "n_averaged") else { continue };
        state.insert(name.trim_start_matches("module.").to_owned(), value.tensor().map_err(named)?);
    }
    let mut digest = blake3::Hasher::new();
    for (name, tensor) in state {
        digest.update(name.as_bytes()).update(&[0]).update(format!("{:?}", tensor.shape).as_bytes());
        let is_expert = name.starts_with("backbone.") && name.ends_with(".weights");
        if !is_expert {
            let values = match tensor.dtype {
                Numbers::F16 | Numbers::BF16 | Numbers::F32 | Numbers::F64 => checkpoint.read_f64(&tensor),
                // Tables of indices, which older files keep, follow from the hyperparameters.
                _ => continue,
            };
            let values = values.map_err(LoadError::Torch)?;
            for value in &values {
                digest.update(&value.to_le_bytes());
            }
            weights.insert(name, tensor.shape.clone(), values);
            continue;
        }
        let shape = <[usize; 3]>::try_from(tensor.shape.as_slice());
        let (Ok(shape), Numbers::F32) = (shape, tensor.dtype) else {
            let found = format!("`{name}` of shape {:?} and type {}", tensor.shape, tensor.dtype);
            return Err(named(Problem::Unexpected { expected: "experts [experts, out, in] in f32", found }));
        };
        let (start, bytes) = checkpoint.byte_range(&tensor).map_err(LoadError::Torch)?;
        let Some((part, numbers)) = file.part(start, bytes) else {
            return Err(named(Problem::Io(std::io::ErrorKind::UnexpectedEof.into())));
        };
        if let Some(expected) = checkpoint.checksum(&tensor).map_err(LoadError::Torch)?.filter(|crc| *crc != part.crc) {
            return Err(named(Problem::Checksum { storage: tensor.storage, found: part.crc, expected }));
        }
        digest.update(numbers);
        experts.insert(name, ExpertTensor { shape, part });
    }
    let former_digest = digest.finalize().to_hex().to_string();
    let digest = whole_digest(&[("model_config", &model_config), ("tasks_config", &tasks)], &former_digest);
    file.unchanged()?;
    Ok(Contents { config, tasks, weights, experts, file, digest, former_digest })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_order_of_keys_does_not_change_a_digest_and_values_do() {
        let digest = |tasks: &str| {
            let tasks = serde_json::from_str(tasks).unwrap();
            whole_digest(&[("model_config", &json!({})), ("tasks_config", &tasks)], "numbers")
        };
        let expected = digest(r#"[{"a": 1, "b": {"c": [0.5, null], "d": "x"}}]"#);
        assert_eq!(digest(r#"[{"b": {"d": "x", "c": [0.5, null]}, "a": 1}]"#), expected);
        assert_ne!(digest(r#"[{"a": 1, "b": {"c": [0.25, null], "d": "x"}}]"#), expected);
        assert_ne!(digest(r#"[{"a": 1, "b": {"c": [0.5], "d": "x"}}]"#), expected);
    }
}

//! Upstream's own file.

use super::config::Config;
use super::error::LoadError;
use super::plain::plain;
use crate::mapped::Mapped;
use crate::weights::Weights;
use mlip_checkpoint::{Checkpoint, DType, Problem};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Classes that a checkpoint of UMA mentions; none of them is executed.
const CLASSES: &[&str] =
    &["fairchem.core.units.mlip_unit.api.inference.MLIPInferenceCheckpoint", "omegaconf.*", "typing.Any"];

/// Where the experts of one linear map lie in the mapped file: `[experts, out, in]`, `f32`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ExpertTensor {
    pub(super) shape: [usize; 3],
    pub(super) start: usize,
    pub(super) bytes: usize,
}

/// All that inference needs.
pub(super) struct Contents {
    pub(super) config: Config,
    pub(super) tasks: Json,
    /// All weights but the experts', without the prefix `module.`.
    pub(super) weights: Weights,
    pub(super) experts: BTreeMap<String, ExpertTensor>,
    pub(super) file: Arc<Mapped>,
    /// blake3 over all names, shapes and numbers.
    pub(super) digest: String,
}

/// Reads a checkpoint: the exponential moving averages of the weights, as upstream's inference does.
pub(super) fn read(path: &Path) -> Result<Contents, LoadError> {
    let checkpoint = Checkpoint::open(path, CLASSES).map_err(LoadError::Torch)?;
    let named = |problem| LoadError::Torch(checkpoint.error(problem));
    let root = checkpoint.root();
    let section = |name| plain(&checkpoint, root.field(name).map_err(named)?).map_err(LoadError::Torch);
    let config = Config::from_json(section("model_config")?)?;
    let tasks = section("tasks_config")?;
    let file = Arc::new(Mapped::open(path)?);
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
                DType::F16 | DType::BF16 | DType::F32 | DType::F64 => checkpoint.read_f64(&tensor),
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
        let (Ok(shape), DType::F32) = (shape, tensor.dtype) else {
            let found = format!("`{name}` of shape {:?} and type {}", tensor.shape, tensor.dtype);
            return Err(named(Problem::Unexpected { expected: "experts [experts, out, in] in f32", found }));
        };
        let (start, bytes) = checkpoint.byte_range(&tensor).map_err(LoadError::Torch)?;
        let range = usize::try_from(start).ok().zip(usize::try_from(bytes).ok());
        let numbers = range.and_then(|(start, bytes)| Some((start, file.bytes(start, bytes)?)));
        let Some((start, numbers)) = numbers else {
            return Err(named(Problem::Io(std::io::ErrorKind::UnexpectedEof.into())));
        };
        digest.update(numbers);
        experts.insert(name, ExpertTensor { shape, start, bytes: numbers.len() });
    }
    Ok(Contents { config, tasks, weights, experts, file, digest: digest.finalize().to_hex().to_string() })
}

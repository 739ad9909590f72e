//! Named weights of a checkpoint: the one reader of all models.

use mlip_checkpoint::{Checkpoint, CheckpointError, DType as FileType, Tensor};
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use thiserror::Error;

/// Weights by upstream's names: read from their file one tensor at a time, or held in memory.
#[derive(Debug, Clone, Default)]
pub struct Weights {
    tensors: BTreeMap<String, Entry>,
    /// Where tensors lie that are not in memory.
    file: Option<Arc<Checkpoint>>,
}

#[derive(Debug, Clone)]
struct Entry {
    shape: Vec<usize>,
    numbers: Numbers,
}

#[derive(Debug, Clone)]
enum Numbers {
    Memory(Vec<f64>),
    File(Tensor),
}

/// Why weights do not fit the model.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The bytes are no safetensors file.
    #[error("not a safetensors file: {0}")]
    Format(#[from] safetensors::SafeTensorError),
    /// The file cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A tensor of a type that no potential uses.
    #[error("tensor `{name}` holds {found}, expected F32 or F64")]
    Type {
        /// Upstream's name.
        name: String,
        /// Its type.
        found: String,
    },
    /// A tensor is not there.
    #[error("tensor `{0}` is missing: this is another model, or an incomplete file")]
    Missing(String),
    /// A tensor has another shape than the hyperparameters say.
    #[error("tensor `{name}`: expected shape {expected:?}, got {found:?}")]
    Shape {
        /// Upstream's name.
        name: String,
        /// What the hyperparameters say.
        expected: Vec<usize>,
        /// What the file has.
        found: Vec<usize>,
    },
}

impl Weights {
    /// All tensors and the metadata of a safetensors file.
    ///
    /// # Errors
    /// When it is none, or holds something else than floating-point numbers.
    pub fn from_safetensors(bytes: &[u8]) -> Result<(Self, HashMap<String, String>), WeightsError> {
        let (_, header) = SafeTensors::read_metadata(bytes)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let mut weights = Self::default();
        for (name, view) in SafeTensors::deserialize(bytes)?.tensors() {
            let values = match view.dtype() {
                Dtype::F32 => view.data().as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
                Dtype::F64 => view.data().as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
                other => return Err(WeightsError::Type { name, found: format!("{other:?}") }),
            };
            weights.insert(name, view.shape().to_vec(), values);
        }
        Ok((weights, metadata))
    }

    /// Tensors of a checkpoint. Their numbers are read when they are asked for: a file is never in memory as a whole.
    pub fn of_checkpoint(file: Arc<Checkpoint>, tensors: impl IntoIterator<Item = (String, Tensor)>) -> Self {
        let entry = |tensor: Tensor| Entry { shape: tensor.shape.clone(), numbers: Numbers::File(tensor) };
        let tensors = tensors.into_iter().map(|(name, tensor)| (name, entry(tensor))).collect();
        Self { tensors, file: Some(file) }
    }

    /// Adds a tensor, or puts it in the place of the one of this name: row-major values of this shape.
    pub fn insert(&mut self, name: String, shape: Vec<usize>, values: Vec<f64>) {
        self.tensors.insert(name, Entry { shape, numbers: Numbers::Memory(values) });
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Whether there is a tensor whose name begins so.
    pub fn has_prefix(&self, prefix: &str) -> bool {
        self.names().any(|name| name.starts_with(prefix))
    }

    /// Names and shapes, in the order of names.
    pub fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.shape.as_slice()))
    }

    /// The shape of a tensor.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn shape(&self, name: &str) -> Result<&[usize], WeightsError> {
        Ok(&self.entry(name)?.shape)
    }

    /// The values of a tensor, row-major, where it has this shape.
    ///
    /// # Errors
    /// When it is missing, has another shape or cannot be read.
    pub fn get(&self, name: &str, shape: &[usize]) -> Result<Cow<'_, [f64]>, WeightsError> {
        let found = self.shape(name)?;
        if found != shape {
            return Err(WeightsError::Shape { name: name.into(), expected: shape.to_vec(), found: found.to_vec() });
        }
        self.values(name)
    }

    /// The values of a tensor, row-major; integers and truth values as numbers.
    ///
    /// # Errors
    /// When it is missing or cannot be read.
    pub fn values(&self, name: &str) -> Result<Cow<'_, [f64]>, WeightsError> {
        match (&self.entry(name)?.numbers, &self.file) {
            (Numbers::Memory(values), _) => Ok(Cow::Borrowed(values)),
            (Numbers::File(tensor), Some(file)) if is_float(tensor) => Ok(Cow::Owned(file.read_f64(tensor)?)),
            (Numbers::File(tensor), Some(file)) => {
                Ok(Cow::Owned(file.read_i64(tensor)?.into_iter().map(|x| x as f64).collect()))
            }
            (Numbers::File(_), None) => Err(WeightsError::Missing(name.into())),
        }
    }

    /// blake3 over names, shapes and values: the same weights have the same digest, whatever file they came from.
    ///
    /// # Errors
    /// When a tensor cannot be read.
    pub fn digest(&self) -> Result<String, WeightsError> {
        let mut digest = blake3::Hasher::new();
        for (name, tensor) in &self.tensors {
            digest.update(name.as_bytes());
            digest.update(&[0]);
            digest.update(&(tensor.shape.len() as u64).to_le_bytes());
            for n in &tensor.shape {
                digest.update(&(*n as u64).to_le_bytes());
            }
            let bytes = self.values(name)?.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>();
            digest.update(&bytes);
        }
        Ok(digest.finalize().to_hex().to_string())
    }

    fn entry(&self, name: &str) -> Result<&Entry, WeightsError> {
        self.tensors.get(name).ok_or_else(|| WeightsError::Missing(name.into()))
    }
}

/// Whether a tensor of a file holds floating-point numbers.
pub(crate) fn is_float(tensor: &Tensor) -> bool {
    matches!(tensor.dtype, FileType::F16 | FileType::BF16 | FileType::F32 | FileType::F64)
}

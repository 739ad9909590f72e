//! Named weights of a checkpoint.

use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use std::collections::{BTreeMap, HashMap};
use thiserror::Error;

/// Weights by upstream's names.
#[derive(Debug, Clone, Default)]
pub struct Weights {
    tensors: BTreeMap<String, Tensor>,
}

#[derive(Debug, Clone)]
struct Tensor {
    shape: Vec<usize>,
    values: Vec<f64>,
}

/// Why weights do not fit the model.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The bytes are no safetensors file.
    #[error("not a safetensors file: {0}")]
    Format(#[from] safetensors::SafeTensorError),
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

    /// Adds a tensor: row-major values of this shape.
    pub fn insert(&mut self, name: String, shape: Vec<usize>, values: Vec<f64>) {
        self.tensors.insert(name, Tensor { shape, values });
    }

    /// The values of a tensor, row-major.
    ///
    /// # Errors
    /// When it is missing or has another shape.
    pub fn get(&self, name: &str, shape: &[usize]) -> Result<&[f64], WeightsError> {
        let tensor = self.tensors.get(name).ok_or_else(|| WeightsError::Missing(name.into()))?;
        if tensor.shape != shape {
            return Err(WeightsError::Shape {
                name: name.into(),
                expected: shape.to_vec(),
                found: tensor.shape.clone(),
            });
        }
        Ok(&tensor.values)
    }

    /// Names and shapes, in the order of names.
    pub fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.shape.as_slice()))
    }

    /// Name, shape and values of all tensors, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[usize], &[f64])> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.shape.as_slice(), tensor.values.as_slice()))
    }

    /// blake3 over names, shapes and values: the same weights have the same digest, whatever file they came from.
    pub fn digest(&self) -> String {
        let mut digest = Digest::default();
        for (name, tensor) in &self.tensors {
            digest.add(name, &tensor.shape, &tensor.values);
        }
        digest.finish()
    }
}

/// The digest of weights that are read one after the other, in the order of names.
#[derive(Default)]
pub(crate) struct Digest(blake3::Hasher);

impl Digest {
    pub(crate) fn add(&mut self, name: &str, shape: &[usize], values: &[f64]) {
        self.0.update(name.as_bytes());
        self.0.update(&[0]);
        self.0.update(&(shape.len() as u64).to_le_bytes());
        for n in shape {
            self.0.update(&(*n as u64).to_le_bytes());
        }
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>();
        self.0.update(&bytes);
    }

    pub(crate) fn finish(&self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}

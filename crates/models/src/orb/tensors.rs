//! The tensors of a checkpoint, read one at a time.

use super::error::LoadError;
use crate::weights::{Weights, WeightsError};
use mlip_checkpoint::{Checkpoint, DType, Tensor};
use std::collections::BTreeMap;
use std::path::Path;

/// Where the numbers are.
enum Source<'a> {
    File { checkpoint: Checkpoint, tensors: BTreeMap<String, Tensor> },
    Memory(&'a Weights),
}

/// Names, shapes and numbers of a checkpoint's floating-point tensors. Numbers are read when they are asked for: a
/// file is never in memory as a whole.
pub struct Tensors<'a> {
    shapes: BTreeMap<String, Vec<usize>>,
    source: Source<'a>,
}

impl Tensors<'static> {
    /// From upstream's `.ckpt`: a torch archive of a state dictionary.
    ///
    /// # Errors
    /// When the file cannot be read, or holds something else.
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        let checkpoint = Checkpoint::open(path, &[])?;
        let mut tensors = BTreeMap::new();
        for (name, value) in checkpoint.root().entries() {
            let Some(name) = name.as_str() else { continue };
            let tensor = value.tensor().map_err(|problem| checkpoint.error(problem))?;
            // Counters of batches are of no use here.
            if matches!(tensor.dtype, DType::F16 | DType::BF16 | DType::F32 | DType::F64) {
                tensors.insert(name.to_owned(), tensor);
            }
        }
        let shapes = tensors.iter().map(|(name, tensor)| (name.clone(), tensor.shape.clone())).collect();
        Ok(Self { shapes, source: Source::File { checkpoint, tensors } })
    }
}

impl<'a> Tensors<'a> {
    /// Of weights in memory.
    pub fn of(weights: &'a Weights) -> Self {
        let shapes = weights.shapes().map(|(name, shape)| (name.to_owned(), shape.to_vec())).collect();
        Self { shapes, source: Source::Memory(weights) }
    }

    /// All names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.shapes.keys().map(String::as_str)
    }

    /// Whether there is a tensor whose name begins so.
    pub(crate) fn has(&self, prefix: &str) -> bool {
        self.names().any(|name| name.starts_with(prefix))
    }

    /// The shape of a tensor.
    pub(crate) fn shape(&self, name: &str) -> Result<&[usize], LoadError> {
        let shape = self.shapes.get(name).ok_or_else(|| WeightsError::Missing(name.into()))?;
        Ok(shape)
    }

    /// The numbers of a tensor, row-major.
    ///
    /// # Errors
    /// When it is missing, has another shape or cannot be read.
    pub(crate) fn get(&self, name: &str, shape: &[usize]) -> Result<Vec<f64>, LoadError> {
        let found = self.shape(name)?;
        if found != shape {
            let (expected, found) = (shape.to_vec(), found.to_vec());
            return Err(WeightsError::Shape { name: name.into(), expected, found }.into());
        }
        self.read(name)
    }

    fn read(&self, name: &str) -> Result<Vec<f64>, LoadError> {
        match &self.source {
            Source::Memory(weights) => Ok(weights.get(name, self.shape(name)?)?.to_vec()),
            Source::File { checkpoint, tensors } => {
                let tensor = tensors.get(name).ok_or_else(|| WeightsError::Missing(name.into()))?;
                Ok(checkpoint.read_f64(tensor)?)
            }
        }
    }

    /// blake3 over names, shapes and numbers, as of [`Weights::digest`].
    pub(crate) fn digest(&self) -> Result<String, LoadError> {
        let mut digest = crate::weights::Digest::default();
        for (name, shape) in &self.shapes {
            digest.add(name, shape, &self.read(name)?);
        }
        Ok(digest.finish())
    }
}

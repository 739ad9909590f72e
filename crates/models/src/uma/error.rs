//! Why UMA cannot be loaded.

use super::config::UnsupportedConfig;
use super::tasks::TaskError;
use crate::engine::PrecisionError;
use crate::weights::WeightsError;
use mlip_checkpoint::CheckpointError;
use thiserror::Error;

/// Why UMA cannot be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Upstream's file cannot be used.
    #[error(transparent)]
    Torch(CheckpointError),
    /// The file cannot be mapped into memory.
    #[error("the file cannot be mapped into memory")]
    Io(#[from] std::io::Error),
    /// Somebody wrote to the file while it was read.
    #[error("{0}")]
    Changed(String),
    /// The experts of a convolution are not as many numbers as their shape says.
    #[error("tensor `{name}` of shape {shape:?} has {found} bytes, {expected} were expected")]
    Experts {
        /// Upstream's name.
        name: String,
        /// `[experts, out, in]`
        shape: [usize; 3],
        /// Bytes that such a tensor has.
        expected: usize,
        /// Bytes that are there.
        found: usize,
    },
    /// Another architecture.
    #[error(transparent)]
    Config(#[from] UnsupportedConfig),
    /// The task cannot be used.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The weights do not fit.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The model, the engine or this processor does not have the precision.
    #[error(transparent)]
    Precision(#[from] PrecisionError),
    /// The device has no room for the weights, or is not there.
    #[error("the weights cannot be put onto the device: {0}")]
    Device(#[source] candle_core::Error),
    /// No checkpoint was named.
    #[error(
        "it needs a checkpoint: name upstream's file, as in `--model uma=uma-s-1p1.pt` (huggingface.co/facebook/UMA, after agreeing to its licence)"
    )]
    NoFile,
    /// The file holds another generation than was asked for.
    #[error("the file holds {found}, not {expected}; ask for it by its own name, or as `uma`, which takes any")]
    OtherGeneration {
        /// What the file says.
        found: String,
        /// What was asked for.
        expected: &'static str,
    },
}

impl From<crate::mapped::Changed> for LoadError {
    fn from(changed: crate::mapped::Changed) -> Self {
        Self::Changed(changed.to_string())
    }
}

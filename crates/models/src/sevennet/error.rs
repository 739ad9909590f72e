//! Why SevenNet cannot be loaded.

use super::config::Unsupported;
use crate::engine::PrecisionError;
use crate::weights::WeightsError;
use mlip_checkpoint::CheckpointError;
use thiserror::Error;

/// Why SevenNet cannot be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read.
    #[error("the file cannot be read")]
    Io(#[from] std::io::Error),
    /// It is damaged, or no checkpoint.
    #[error(transparent)]
    Torch(#[from] CheckpointError),
    /// A tensor is missing or has another shape.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The model has something that this program does not compute.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// A safetensors file without hyperparameters.
    #[error("the metadata of the safetensors file have no `config`")]
    NoConfig,
    /// The modality is not there, was not chosen, or there are none.
    #[error("{problem}")]
    Modal {
        /// What is wrong, and what can be chosen.
        problem: String,
    },
    /// The model, the engine or this processor does not have the precision.
    #[error(transparent)]
    Precision(#[from] PrecisionError),
    /// Candle cannot take the weights.
    #[error("candle cannot take the weights: {0}")]
    Candle(#[source] candle_core::Error),
}

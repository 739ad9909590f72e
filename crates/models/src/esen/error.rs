//! Why eSEN cannot be loaded.

use super::config::UnsupportedConfig;
use super::scales::{ScaleError, Unreadable};
use crate::engine::PrecisionError;
use crate::weights::WeightsError;
use mlip_checkpoint::CheckpointError;
use thiserror::Error;

/// Why eSEN cannot be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// It is damaged, or no checkpoint.
    #[error(transparent)]
    Torch(#[from] CheckpointError),
    /// A tensor is missing or has another shape.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The hyperparameters are not those of an eSEN that this port covers.
    #[error(transparent)]
    Config(#[from] UnsupportedConfig),
    /// Its normalizers cannot be used.
    #[error(transparent)]
    Scale(#[from] ScaleError),
    /// More layers than the hyperparameters say.
    #[error("it has a tensor of layer {expected}, counted from 0, but the hyperparameter `num_layers` is {expected}")]
    Layers {
        /// What the hyperparameters say.
        expected: usize,
    },
    /// Kernels were asked for.
    #[error("eSEN is computed by layers of candle alone: say engine=candle, as in --model esen=FILE,engine=candle")]
    Engine,
    /// The model, the engine or this processor does not have the precision.
    #[error(transparent)]
    Precision(#[from] PrecisionError),
    /// Candle cannot take the weights.
    #[error("candle cannot take the weights: {0}")]
    Candle(#[source] candle_core::Error),
}

impl From<Unreadable> for LoadError {
    fn from(error: Unreadable) -> Self {
        match error {
            Unreadable::Torch(error) => Self::Torch(error),
            Unreadable::Scale(error) => Self::Scale(error),
        }
    }
}

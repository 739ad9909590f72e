//! Why CHGNet cannot be loaded.

#[cfg(feature = "cuda")]
use super::config::NotForCards;
use super::config::UnsupportedConfig;
use crate::engine::PrecisionError;
use crate::weights::WeightsError;
use mlip_checkpoint::CheckpointError;
use thiserror::Error;

/// Why CHGNet cannot be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The weights do not fit.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// Another architecture.
    #[error("hyperparameter {0}")]
    Config(#[from] UnsupportedConfig),
    /// Another architecture than cards compute.
    #[cfg(feature = "cuda")]
    #[error("hyperparameter {0}")]
    NotForCards(#[from] NotForCards),
    /// The file cannot be read.
    #[error("the file cannot be read")]
    Io(#[from] std::io::Error),
    /// Upstream's file cannot be used.
    #[error(transparent)]
    Torch(CheckpointError),
    /// The hyperparameters cannot be read.
    #[error("the hyperparameters (`model_args`) cannot be read: {0}")]
    Arguments(String),
    /// The model, the engine or this processor does not have the precision.
    #[error(transparent)]
    Precision(#[from] PrecisionError),
    /// Candle cannot take the weights: one is missing, or there is no room.
    #[error("candle cannot take the weights: {0}")]
    Candle(#[source] candle_core::Error),
}

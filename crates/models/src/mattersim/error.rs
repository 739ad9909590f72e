//! Why MatterSim cannot be loaded.

use super::config::Unsupported;
use crate::weights::WeightsError;
use mlip_checkpoint::CheckpointError;
use thiserror::Error;

/// Why MatterSim cannot be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// It is damaged, or no checkpoint.
    #[error(transparent)]
    Torch(#[from] CheckpointError),
    /// A tensor is missing or has another shape.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The hyperparameters are not MatterSim's.
    #[error(transparent)]
    Config(#[from] Unsupported),
    /// The hyperparameters cannot be read.
    #[error("the hyperparameters (`model_args`) cannot be read: {0}")]
    Arguments(String),
    /// A model of another kind.
    #[error("`model_name` is {0}, but MatterSim v1 is an `m3gnet`")]
    Kind(String),
    /// Candle cannot take the weights.
    #[error("candle cannot take the weights: {0}")]
    Candle(#[source] candle_core::Error),
}

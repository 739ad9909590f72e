//! Why MatterSim cannot be loaded.

use super::config::Unsupported;
use crate::engine::PrecisionError;
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
    /// Lengths of edges end at one cutoff in the tensors, at another in the hyperparameters.
    #[error("`rbf.r_max` is {found}, but the hyperparameter `cutoff` is {expected}")]
    Cutoffs {
        /// Å.
        found: f64,
        /// Å.
        expected: f64,
    },
    /// More blocks than the hyperparameters say.
    #[error("it has a tensor of block {expected}, counted from 0, but the hyperparameter `num_blocks` is {expected}")]
    Blocks {
        /// What the hyperparameters say.
        expected: usize,
    },
    /// A model of another kind.
    #[error("`model_name` is {0}, but MatterSim v1 is an `m3gnet`")]
    Kind(String),
    /// The model, the engine or this processor does not have the precision.
    #[error(transparent)]
    Precision(#[from] PrecisionError),
    /// Candle cannot take the weights.
    #[error("candle cannot take the weights: {0}")]
    Candle(#[source] candle_core::Error),
}

//! The network in plain candle operations, differentiated by candle: the oracle of the fast route, and what runs on
//! other devices.
//!
//! It follows the papers layer by layer and shares with the fast route only the frames and the mixture of experts.
//! Directions enter through the tilt: around the direction n₀ at hand, rotations are `D₀ (1 - ω · L)` to first order,
//! with `ω = n₀ × n` and the generators L. At n₀ itself that is the rotation, and its derivative is exact.
//!
//! Module order: `edges` ← `network`.

mod edges;
mod network;

pub(super) use network::Composite;

use mlip_atoms::PredictError;

/// Why an evaluation ended early.
#[derive(Debug)]
pub(super) enum Stopped {
    Tensor(candle_core::Error),
    Predict(PredictError),
}

impl From<candle_core::Error> for Stopped {
    fn from(error: candle_core::Error) -> Self {
        Self::Tensor(error)
    }
}

impl From<PredictError> for Stopped {
    fn from(error: PredictError) -> Self {
        Self::Predict(error)
    }
}

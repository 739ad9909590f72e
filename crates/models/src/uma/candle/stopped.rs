//! Why an evaluation ended early.

use mlip_atoms::PredictError;

/// Why an evaluation ended early.
#[derive(Debug)]
pub(in crate::uma) enum Stopped {
    /// Candle failed.
    Tensor(candle_core::Error),
    /// The structure, its time or the device.
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

//! What every answer is looked at for.

use mlip_atoms::{PredictError, Prediction};

/// The prediction, if all its numbers are finite.
///
/// # Errors
/// [`PredictError::NotFinite`] otherwise.
pub(crate) fn finite(prediction: Prediction) -> Result<Prediction, PredictError> {
    if prediction.is_finite() {
        Ok(prediction)
    } else {
        Err(PredictError::NotFinite { what: "energy, forces, stress or magnetic moments" })
    }
}

//! candle's [`VarBuilder`] over the weights of a checkpoint: tensors by upstream's names, in one precision on one device.

use crate::engine::{WITH_MATRIX_UNIT, arithmetic};
use crate::weights::{Weights, WeightsError};
use candle_core::{DType, Device, Error, Result, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use mlip_atoms::{EngineKind, Precision};
use std::sync::Arc;

/// What layers of candle take their weights from.
///
/// # Errors
/// When candle does not compute in this precision: [`PrecisionError`](crate::registry::PrecisionError), wrapped.
pub fn var_builder(weights: Arc<Weights>, precision: Precision, device: &Device) -> Result<VarBuilder<'static>> {
    Ok(VarBuilder::from_backend(Box::new(Backend(weights)), dtype(precision)?, device.clone()))
}

/// Candle's name of a precision.
///
/// # Errors
/// When candle does not compute in this precision: [`PrecisionError`](crate::registry::PrecisionError), wrapped.
pub fn dtype(precision: Precision) -> Result<DType> {
    arithmetic(precision, EngineKind::Candle, WITH_MATRIX_UNIT).map_err(Error::wrap)?;
    Ok(if precision == Precision::F64 { DType::F64 } else { DType::F32 })
}

struct Backend(Arc<Weights>);

/// Candle's errors hold text; this keeps ours as the cause.
fn wrap(error: WeightsError) -> Error {
    Error::wrap(error)
}

impl SimpleBackend for Backend {
    /// Hints of initialization are for training: a tensor that is not in the checkpoint is an error.
    fn get(&self, shape: Shape, name: &str, _hint: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        let values = self.0.get(name, shape.dims()).map_err(wrap)?;
        Tensor::from_slice(&values, shape, &Device::Cpu)?.to_dtype(dtype)?.to_device(device)
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        let shape = self.0.shape(name).map_err(wrap)?.to_vec();
        self.get(shape.into(), name, Init::Const(0.0), dtype, device)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.has(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights() -> Arc<Weights> {
        let mut weights = Weights::default();
        weights.insert("layer.weight".into(), vec![2, 3], (0..6).map(f64::from).collect());
        weights.insert("layer.bias".into(), vec![2], vec![0.1, 0.2]);
        Arc::new(weights)
    }

    #[test]
    fn layers_of_candle_find_their_weights_by_upstreams_names() {
        use candle_nn::Module;
        let vars = var_builder(weights(), Precision::F64, &Device::Cpu).unwrap();
        let layer = candle_nn::linear(3, 2, vars.pp("layer")).unwrap();
        let x = Tensor::new(&[[1.0, 1.0, 1.0]], &Device::Cpu).unwrap();
        assert_eq!(layer.forward(&x).unwrap().to_vec2::<f64>().unwrap(), [[3.1, 12.2]]);
    }

    #[test]
    fn missing_tensors_and_other_shapes_are_errors_with_names() {
        let vars = var_builder(weights(), Precision::F32, &Device::Cpu).unwrap();
        let error = vars.get(4, "layer.scale").unwrap_err().to_string();
        assert!(error.contains("tensor `layer.scale` is missing"), "{error}");
        let error = vars.get((3, 2), "layer.weight").unwrap_err().to_string();
        assert!(error.contains("tensor `layer.weight`: expected shape [3, 2], got [2, 3]"), "{error}");
    }

    #[test]
    fn digits_for_matrix_units_are_not_taken_for_single_precision() {
        let error = var_builder(weights(), Precision::Int8x6, &Device::Cpu).err().unwrap().to_string();
        assert!(
            error.contains("precision=int8x6 cannot be computed: engine=candle computes in f32 and f64"),
            "{error}"
        );
    }
}

//! The routes to a model's numbers, which precisions they have, and what the choice of one does to their identity.

use mlip_atoms::{EngineKind, PotentialId, Precision};
use mlip_kernels::simd::InstructionSet;
use mlip_kernels::tiles::{Arithmetic, NoTiles, TileUnit};
use thiserror::Error;

/// Precisions of every model.
pub const PLAIN: &[Precision] = &[Precision::F32, Precision::F64];

/// Those of models whose products a matrix unit can compute.
pub const WITH_MATRIX_UNIT: &[Precision] = &[Precision::F32, Precision::F64, Precision::Int8x6];

/// A precision that cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("precision={precision} cannot be computed: {why}")]
pub struct PrecisionError {
    /// What was asked for.
    pub precision: Precision,
    /// What is in its way.
    pub why: PrecisionObstacle,
}

/// Why a precision cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PrecisionObstacle {
    /// The model has it on no engine; what it has instead.
    #[error("this model is computed in {}", names(.0))]
    Model(&'static [Precision]),
    /// Candle has no products in digits.
    #[error("engine=candle computes in {}; it needs engine=native", names(PLAIN))]
    Engine,
    /// It needs a matrix unit.
    #[error(
        "{0} (Intel's Xeons have one from Sapphire Rapids on); say precision=f32, or run where all processors have one"
    )]
    Processor(NoTiles),
}

/// `f32 and f64`
fn names(precisions: &[Precision]) -> String {
    precisions.iter().map(Precision::to_string).collect::<Vec<_>>().join(" and ")
}

/// A network of one engine in one precision: the native one in single or double precision, or that of candle, which
/// knows its precision itself.
#[derive(Debug)]
pub(crate) enum Route<S, D, C> {
    Single(S),
    Double(D),
    Candle(C),
}

/// The same expression for whichever network there is.
macro_rules! on_route {
    ($route:expr, $network:ident => $body:expr) => {
        match $route {
            $crate::engine::Route::Single($network) => $body,
            $crate::engine::Route::Double($network) => $body,
            $crate::engine::Route::Candle($network) => $body,
        }
    };
}
pub(crate) use on_route;

impl<S, D, C> Route<S, D, C> {
    /// Loads the network that is asked for, and none of the others. `able`: the precisions of the model.
    ///
    /// # Errors
    /// When the precision cannot be had; those of the network.
    pub(crate) fn load<E: From<PrecisionError>>(
        engine: EngineKind,
        (precision, able): (Precision, &'static [Precision]),
        single: impl FnOnce(Arithmetic) -> Result<S, E>,
        double: impl FnOnce(Arithmetic) -> Result<D, E>,
        candle: impl FnOnce() -> Result<C, E>,
    ) -> Result<Self, E> {
        let arithmetic = arithmetic(precision, engine, able)?;
        Ok(match (engine, precision) {
            (EngineKind::Native, Precision::F32 | Precision::Int8x6) => Self::Single(single(arithmetic)?),
            (EngineKind::Native, Precision::F64) => Self::Double(double(arithmetic)?),
            (EngineKind::Candle, _) => Self::Candle(candle()?),
        })
    }
}

/// Says in the settings of an id which engine computes. The native one adds nothing, so that keys of older results
/// hold.
pub(crate) fn note(id: &mut PotentialId, engine: EngineKind) {
    if engine == EngineKind::Native {
        return;
    }
    if !id.settings.is_empty() {
        id.settings.push(' ');
    }
    id.settings.push_str(&format!("engine={engine}"));
}

/// What a network of this precision computes with on this processor. `able`: the precisions of the model. All that loads a
/// network asks here.
///
/// # Errors
/// When the model, the engine or the processor has no such precision.
pub(crate) fn arithmetic(
    precision: Precision,
    engine: EngineKind,
    able: &'static [Precision],
) -> Result<Arithmetic, PrecisionError> {
    let refuse = |why| PrecisionError { precision, why };
    if !able.contains(&precision) {
        return Err(refuse(PrecisionObstacle::Model(able)));
    }
    let tiles = match (precision, engine) {
        (Precision::F32 | Precision::F64, _) => None,
        (Precision::Int8x6, EngineKind::Candle) => return Err(refuse(PrecisionObstacle::Engine)),
        (Precision::Int8x6, EngineKind::Native) => {
            Some(TileUnit::find().map_err(|none| refuse(PrecisionObstacle::Processor(none)))?)
        }
    };
    Ok(Arithmetic { set: InstructionSet::detect(), tiles })
}

/// Bytes of a number.
pub(crate) fn scalar_bytes(precision: Precision) -> u64 {
    match precision {
        Precision::F32 | Precision::Int8x6 => 4,
        Precision::F64 => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_computed_in_digits_says_so_in_a_sentence() {
        let said = |engine, able| arithmetic(Precision::Int8x6, engine, able).unwrap_err().to_string();
        for engine in [EngineKind::Native, EngineKind::Candle] {
            let expected = "precision=int8x6 cannot be computed: this model is computed in f32 and f64";
            assert_eq!(said(engine, PLAIN), expected);
        }
        let expected =
            "precision=int8x6 cannot be computed: engine=candle computes in f32 and f64; it needs engine=native";
        assert_eq!(said(EngineKind::Candle, WITH_MATRIX_UNIT), expected);
    }

    #[test]
    fn a_network_of_a_precision_that_its_model_has_not_is_not_loaded() {
        let load = |engine| -> Result<Route<(), (), ()>, PrecisionError> {
            let never = || panic!("a network was loaded");
            Route::load(engine, (Precision::Int8x6, PLAIN), |_| never(), |_| never(), never)
        };
        for engine in [EngineKind::Native, EngineKind::Candle] {
            assert!(load(engine).is_err());
        }
    }

    #[test]
    fn plain_precisions_need_no_matrix_unit() {
        for precision in PLAIN {
            for engine in [EngineKind::Native, EngineKind::Candle] {
                assert_eq!(arithmetic(*precision, engine, WITH_MATRIX_UNIT).unwrap().tiles, None);
            }
        }
    }
}

//! The routes to a model's numbers, and what the choice of one does to their identity.

use mlip_atoms::{EngineKind, PotentialId, Precision};
use mlip_kernels::simd::InstructionSet;
use mlip_kernels::tiles::{Arithmetic, NoTiles, TileUnit};

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
    /// Loads the network that is asked for, and none of the others.
    pub(crate) fn load<E>(
        engine: EngineKind,
        precision: Precision,
        single: impl FnOnce() -> Result<S, E>,
        double: impl FnOnce() -> Result<D, E>,
        candle: impl FnOnce() -> Result<C, E>,
    ) -> Result<Self, E> {
        Ok(match (engine, precision) {
            (EngineKind::Native, Precision::F32 | Precision::Int8x6) => Self::Single(single()?),
            (EngineKind::Native, Precision::F64) => Self::Double(double()?),
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

/// What a network of this precision computes with on this processor.
///
/// # Errors
/// When it needs a matrix unit that is not there.
pub(crate) fn arithmetic(precision: Precision) -> Result<Arithmetic, NoTiles> {
    let tiles = match precision {
        Precision::F32 | Precision::F64 => None,
        Precision::Int8x6 => Some(TileUnit::find()?),
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

//! The potentials, ported to candle.
//!
//! Module order: `weights`, `tensor` ← `chgnet`, `mace` ← `registry`.

pub mod chgnet;
pub mod mace;
pub mod registry;
mod tensor;
pub mod weights;

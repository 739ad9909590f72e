//! The potentials, ported to candle.
//!
//! Module order: `weights`, `tensor` ← `chgnet` ← `registry`.

pub mod chgnet;
pub mod registry;
mod tensor;
pub mod weights;

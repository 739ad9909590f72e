//! The potentials, ported to candle.
//!
//! Module order: `weights`, `tensor`, `mapped` ← `chgnet`, `uma` ← `registry`.

pub mod chgnet;
mod mapped;
pub mod registry;
mod tensor;
pub mod uma;
pub mod weights;

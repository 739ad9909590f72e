//! The potentials, ported to candle.
//!
//! Module order: `weights`, `tensor` ← `chgnet`, `mace`, `orb` ← `registry`.

pub mod chgnet;
pub mod mace;
pub mod orb;
pub mod registry;
mod tensor;
pub mod weights;

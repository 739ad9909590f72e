//! The potentials, ported to candle.
//!
//! Module order: `weights`, `tensor`, `mapped` ← `chgnet`, `mace`, `orb`, `uma` ← `registry`.

pub mod chgnet;
pub mod mace;
mod mapped;
pub mod orb;
pub mod registry;
mod tensor;
pub mod uma;
pub mod weights;

//! The potentials, ported to candle.
//!
//! Module order: `weights`, `tensor`, `mapped`; `engine`; `options` ← `entry` ← `chgnet`, `mace`, `orb`, `uma`, `lennard_jones` ←
//! `registry`.

pub mod chgnet;
mod engine;
mod entry;
mod lennard_jones;
pub mod mace;
mod mapped;
mod options;
pub mod orb;
pub mod registry;
mod tensor;
pub mod uma;
pub mod weights;

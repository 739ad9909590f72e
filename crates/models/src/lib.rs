//! The potentials, ported to candle.
//!
//! Module order: `tensor`, `mapped`; `weights` ← `var_builder`; `engine`; `graph_potential`; `options` ← `entry` ←
//! `chgnet`, `mace`, `orb`, `uma`, `lennard_jones` ← `registry` ← `verify`.

pub mod chgnet;
mod engine;
mod entry;
pub mod graph_potential;
mod lennard_jones;
pub mod mace;
mod mapped;
mod options;
pub mod orb;
pub mod registry;
mod tensor;
pub mod uma;
pub mod var_builder;
pub mod verify;
pub mod weights;

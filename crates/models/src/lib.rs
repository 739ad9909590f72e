//! The potentials, ported to candle.
//!
//! Module order: `tensor`, `pair_vectors`, `mapped`, `pickled`; `engine`, `weights` ← `var_builder`; `graph_potential`, `card`; `e3nn`, `escn`, `pair_evaluation`; `options`, `energies` ← `entry` ← `dispersion`; `released` ←
//! `device` ← `chgnet`, `esen`, `mace`, `mattersim`, `orb`, `sevennet`, `uma`, `lennard_jones` ← `registry` ← `verify`, `citations`.

#[cfg(feature = "cuda")]
pub mod card;
pub mod chgnet;
pub mod citations;
mod device;
pub mod dispersion;
mod e3nn;
mod energies;
mod engine;
mod entry;
mod escn;
pub mod esen;
pub mod graph_potential;
mod lennard_jones;
pub mod mace;
mod mapped;
pub mod mattersim;
mod options;
pub mod orb;
mod pair_evaluation;
mod pair_vectors;
mod pickled;
pub mod registry;
pub mod released;
pub mod sevennet;
mod tensor;
pub mod uma;
pub mod var_builder;
pub mod verify;
pub mod weights;

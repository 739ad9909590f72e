//! eSEN, smooth potentials of equivariant spherical channels (X. Fu et al., arXiv:2502.12147), as trained on OMat24 (L.
//! Barroso-Luque et al., arXiv:2410.12771), sAlex and MPtrj. Upstream: PyPI `fairchem-core` 1.10.0, `fairchem/core/models/esen`.
//!
//! Features of atoms have all orders of their degrees; messages are made in a frame along their edge, order by order
//! (`escn` of the crate). It is computed by layers of candle alone, differentiated by candle.
//!
//! Module order: `config` ← `scales` ← `error` ← `file`; `network` (of `config`) ← `potential` ← `entry`.

mod config;
mod entry;
mod error;
mod file;
mod network;
mod potential;
mod scales;
#[cfg(test)]
mod tests;

pub use crate::escn::config::NotCovered;
pub use config::UnsupportedConfig;
pub(crate) use entry::ENTRIES;
pub use error::LoadError;
pub use potential::{Esen, EsenGraph, EsenModel};
pub use scales::ScaleError;

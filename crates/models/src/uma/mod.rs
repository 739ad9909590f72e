//! UMA: one model for molecules, materials, catalysts and frameworks, a mixture of linear experts.
//!
//! Paper: B. M. Wood et al., "UMA: A Family of Universal Models for Atoms" (2025), arXiv:2506.23971; the backbone is eSEN,
//! X. Fu et al., arXiv:2502.12147. Upstream: PyPI `fairchem-core` 2.24.0, `fairchem/core/models/uma/`.
//!
//! An edge's features are turned into a frame along the edge, where a convolution is linear maps order by order
//! (eSCN). These maps are sums of experts, weighted by what the crystal is made of, its charge, spin and task. The
//! weights do not depend on the geometry, so the sum is made once a composition ([`merge`](self)): from then on UMA is
//! a plain network of a tenth of its weights. The experts stay in the mapped file.
//!
//! Module order: `config`, `tasks` ← `error` ← `plain` ← `checkpoint` ← `routing`, `options` ← `choice`; `routing` ← `packed` ←
//! `convolution` ← `experts`, `merged` ← `cache`; `radial` ← `edgewise`, `degree`, `atomwise`, `readout`; these and `answer` ←
//! `network` ← `potential`, `cuda` ← `entry`.
//! `candle` (of `config`) is the same network once more, as layers of candle.

mod answer;
mod atomwise;
mod cache;
mod candle;
mod checkpoint;
mod choice;
mod config;
mod convolution;
#[cfg(feature = "cuda")]
mod cuda;
mod degree;
mod edgewise;
mod entry;
mod error;
mod experts;
mod merged;
mod network;
mod options;
mod packed;
mod plain;
mod potential;
mod radial;
mod readout;
mod routing;
mod tasks;
#[cfg(test)]
mod tests;

pub use crate::escn::config::NotCovered;
pub use config::{Generation, UnsupportedConfig};
#[cfg(feature = "cuda")]
pub use cuda::{CudaUma, CudaUmaEngine};
pub(crate) use entry::ENTRIES;
pub use error::LoadError;
pub use options::Options;
pub use potential::{Uma, UmaModel};
pub use tasks::TaskError;

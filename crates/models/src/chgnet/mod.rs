//! CHGNet 0.3.0: a crystal Hamiltonian graph network with charge-informed atoms.
//!
//! Paper: B. Deng et al., "CHGNet as a pretrained universal neural network potential for
//! charge-informed atomistic modelling", Nat. Mach. Intell. 5, 1031 (2023), doi:10.1038/s42256-023-00716-3.
//! Upstream: PyPI `chgnet` 0.4.2, `chgnet/model/{model,layers,encoders,functions,basis}.py`, `chgnet/graph/`.
//!
//! Module order: `config` ← `error` ← `file`; `config` ← `parameters`, `graph`, `readings` ← `packed` ← `basis`,
//! `convolution`, `readout` ← `network` ← `model` ← `native`; `candle` (of `config`, `graph`, `readings`); both engines ←
//! `potential`; `cuda` (of `graph`, `parameters`, `file`) ← `entry`.

mod basis;
mod candle;
mod config;
mod convolution;
#[cfg(feature = "cuda")]
mod cuda;
mod entry;
mod error;
mod file;
mod graph;
mod model;
mod native;
mod network;
mod packed;
mod parameters;
mod potential;
mod readings;
mod readout;
#[cfg(test)]
mod tests;

#[cfg(feature = "cuda")]
pub use config::NotForCards;
pub use config::{Config, UnsupportedConfig};
#[cfg(feature = "cuda")]
pub use cuda::{ChgnetCard, CudaChgnet, CudaChgnetEngine};
pub(crate) use entry::ENTRIES;
pub use entry::Options;
pub use error::LoadError;
pub use parameters::Parameters;
pub use potential::{Chgnet, ChgnetModel};

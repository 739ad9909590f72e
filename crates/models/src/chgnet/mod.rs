//! CHGNet 0.3.0: a crystal Hamiltonian graph network with charge-informed atoms.
//!
//! Paper: B. Deng et al., "CHGNet as a pretrained universal neural network potential for
//! charge-informed atomistic modelling", Nat. Mach. Intell. 5, 1031 (2023), doi:10.1038/s42256-023-00716-3.
//! Upstream: PyPI `chgnet` 0.4.2, `chgnet/model/{model,layers,encoders,functions,basis}.py`, `chgnet/graph/`.
//!
//! Module order: `config` ← `parameters`, `checkpoint`, `graph` ← `packed` ← `basis`, `convolution`, `readout` ← `network` ← `model` ← `potential` ← `entry`.
//! `composite` (of `parameters`, `graph`) is the same network in plain candle operations: the oracle in tests, and
//! what runs on other devices.

mod basis;
mod checkpoint;
mod composite;
mod config;
mod convolution;
mod entry;
mod graph;
mod model;
mod network;
mod packed;
mod parameters;
mod potential;
mod readout;
#[cfg(test)]
mod tests;

pub use config::{Config, UnsupportedConfig};
pub(crate) use entry::ENTRIES;
pub use entry::Options;
pub use parameters::Parameters;
pub use potential::{Chgnet, LoadError};

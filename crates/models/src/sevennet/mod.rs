//! SevenNet: NequIP's equivariant message passing, trained on the Materials Project and more (Y. Park et al.,
//! J. Chem. Theory Comput. 20, 4857 (2024), doi:10.1021/acs.jctc.4c00190; NequIP: S. Batzner et al., Nat. Commun. 13, 2453
//! (2022)). Upstream: PyPI `sevenn` 0.13.0, `sevenn/model_build.py` and `sevenn/nn`.
//!
//! A structure becomes a graph of directed edges (`graph`). Hyperparameters (`config`) say which irreps each layer works on
//! and which products of features and harmonics it sums (`layers`). The network gives energies of atoms (`pair_evaluation` of the crate): on
//! kernels (`native`), or in layers of candle (`candle`).
//!
//! Module order: `irreps` ← `config` ← `error` ← `file`; `config` ← `layers`; `graph`; `candle`,
//! `native` (of `config`, `graph`, `layers`); `options` ← `potential`, `released` ← `entry`.

mod candle;
mod config;
mod entry;
mod error;
mod file;
mod graph;
mod irreps;
mod layers;
mod native;
mod options;
mod potential;
mod released;
#[cfg(test)]
mod tests;

pub(crate) use entry::ENTRIES;
pub use error::LoadError;
pub use options::Options;
pub use potential::{SevenNet, SevenNetModel};

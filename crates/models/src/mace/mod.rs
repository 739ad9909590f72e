//! MACE: message passing with products of neighbors' densities (I. Batatia et al., NeurIPS 2022, arXiv:2206.07697),
//! and the foundation models made with it (arXiv:2401.00096).
//!
//! A structure becomes a graph of directed edges (`graph`). Each layer sends features along edges
//! (`edges`, with weights from `radial`), mixes and normalises the sums over neighbors (`interaction`), raises them
//! to products of up to three (`product`), and reads energies of atoms from the scalars (`readout`). The gradient
//! by pair vectors goes the same way back (`network`). Weights are frozen, so none of them has a gradient.
//!
//! Channels lie side by side and are padded to whole vectors; components (l, m) follow each other in rows.
//!
//! Module order: `irreps` ← `config` ← `file`; `graph`; `linear` ← `parameters`; `radial` ← `zbl`,
//! `pair_tables` ← `context` ← `element_radial` ← `edges` ← `interaction`; `gate`, `product`, `readout` ← `network`; `candle` (of `file`,
//! `graph`); `cuda` (of `file`, `parameters`, `edges`, `product`, `radial`, `readout`, `zbl`, `potential`); both engines, `options` ← `potential`, `released` ← `entry`.

mod candle;
mod config;
mod context;
#[cfg(feature = "cuda")]
mod cuda;
mod edges;
mod element_radial;
mod entry;
mod file;
mod gate;
mod graph;
mod interaction;
mod irreps;
mod linear;
mod network;
mod options;
mod pair_tables;
mod parameters;
mod potential;
mod product;
mod radial;
mod readout;
mod released;
mod shares;
mod zbl;

#[cfg(feature = "cuda")]
pub use cuda::{CudaMace, CudaMaceEngine, MaceCard};
pub(crate) use entry::ENTRIES;
pub use file::{FileError, ModelFile};
pub use irreps::Irreps;
pub use network::Descriptors;
pub use options::Options;
pub use potential::{LoadError, Mace, MaceModel};

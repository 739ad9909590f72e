//! MatterSim v1: M3GNet trained on materials at high temperatures and pressures (H. Yang et al., arXiv:2405.04967; M3GNet:
//! C. Chen and S. P. Ong, Nat. Comput. Sci. 2, 718 (2022)). Upstream: PyPI `mattersim` 1.2.3, `mattersim/forcefield/m3gnet`.
//!
//! A structure becomes directed edges and the angles between those that leave an atom (`graph`). Functions of lengths and
//! angles (`bases`) feed blocks that update edges and atoms, of which energies of atoms are read (`pair_evaluation` of the crate): on kernels
//! (`native`), or in layers of candle (`candle`).
//!
//! Module order: `config` ← `error` ← `file`; `config` ← `bases`, `graph`; `candle`, `native` (of `bases`,
//! `config`, `graph`) ← `potential` ← `entry`.

mod bases;
mod candle;
mod config;
mod entry;
mod error;
mod file;
mod graph;
mod native;
mod potential;

pub use config::Config;
pub(crate) use entry::ENTRIES;
pub use error::LoadError;
pub use potential::{MatterSim, MatterSimModel};

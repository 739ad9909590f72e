//! SevenNet on kernels, with hand-written gradients: those of MACE's messages, tables and matrices.
//!
//! Numbers of atoms lie block by block, each `[atoms, 2l + 1, channels]` with channels padded to whole vectors. Messages
//! that go from one block to one irrep form a bundle: it has one number of channels, as the kernels want it.
//!
//! Module order: `blocks` ← `linear`, `gate`; `radial`; all ← `bundle` ← `layer` ← `network`.

mod blocks;
mod bundle;
mod gate;
mod layer;
mod linear;
mod network;
mod radial;

pub(super) use network::Network;

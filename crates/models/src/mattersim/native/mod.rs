//! MatterSim on kernels, with hand-written gradients.
//!
//! Geometry is in double precision: functions of lengths and angles, summed over the second edges of angles once for all
//! blocks (`geometry`). Blocks work on the edges of some atoms at a time (`chunks`), with packed weights (`weights`); linear
//! maps of joined rows are split into maps of atoms and of edges (`update`, `block`).
//!
//! Module order: `chunks` ← `geometry`; `weights` ← `update` ← `block` (of `chunks`) ← `network`.

mod block;
mod chunks;
mod geometry;
mod network;
mod update;
mod weights;

pub(super) use network::Network;

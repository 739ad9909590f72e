//! Features in real spherical harmonics, turned into the frames of edges and back.
//!
//! A feature of an atom is `[(lmax + 1)², channels]`: degree by degree, in each the orders -l to l. Degree 1 is
//! (x, y, z), so y is the polar axis. In the frame of an edge, whose polar axis lies along the edge, orders of
//! different |m| do not mix under what is invariant to turns about the edge; there rows go order by order
//! ([`Layout`]).
//!
//! Source: S. Passaro, C. L. Zitnick, "Reducing SO(3) convolutions to SO(2) for efficient equivariant GNNs", ICML
//! 2023 (arXiv:2302.03655).
//!
//! Module order: `layout` ← `wigner` ← `rotate`, `torque`, `scale`, `gate`, `norm`.

mod gate;
mod layout;
mod norm;
mod rotate;
mod scale;
mod torque;
mod wigner;

#[cfg(test)]
mod tests;

pub use gate::{GateBackward, GateForward};
pub use layout::{Layout, MAX_DEGREE, Order};
pub use norm::{NormBackward, NormForward, SphericalNorm};
pub use rotate::{RotateBack, RotateInto};
pub use scale::{ScaleRows, ScaleRowsBackward, WeighRows};
pub use torque::{Generators, Torques, generators};
pub use wigner::{Frame, Wigner, frame};

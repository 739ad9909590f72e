//! The sum over neighbors: paths, couplings, radial weights, and the kernel that streams over edges.
//!
//! Module order: `forward` ← `backward`.

mod backward;
mod forward;

pub(super) use forward::{Edges, PairDerivatives, Radial};

//! The sum over neighbors: paths, couplings, radial weights, and the kernel that streams over edges.
//!
//! Module order: `paths` ← `forward` ← `backward`.

mod backward;
mod forward;
mod paths;

pub(super) use forward::{Edges, PairDerivatives, Radial};
#[cfg(feature = "cuda")]
pub(super) use paths::{paths, terms};

//! Messages of equivariant networks: products of a neighbor's features with spherical harmonics, channel by channel.
//!
//! For an edge with radial weights `w`, the message of path p = (l1, l2 → l3) in channel c is
//!
//! ```text
//! m[p, m3, c] = w[p, c] · Σ_m1 K_p[m1, m3] x[l1, m1, c],     K_p[m1, m3] = Σ_m2 C[m1, m2, m3] Y[l2, m2]
//! ```
//!
//! The couplings K are numbers of the edge, so that all channels share them. Messages are added to their
//! receiver at once; nothing as large as edges × channels × components is ever stored.
//!
//! Source: MACE (I. Batatia et al., NeurIPS 2022), eq. 8, where paths are called η.

mod backward;
mod forward;
mod paths;
#[cfg(test)]
mod tests;

pub use paths::{DirectedEdge, EdgeProducts, Given, Gradients, Path};

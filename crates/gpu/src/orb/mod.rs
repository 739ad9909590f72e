//! ORB v3, conservative: energies, their gradients by the vectors of edges, and features of atoms, for batches of graphs.
//!
//! The network is that of `mlip-models`' native engine (R. Rhodes et al., arXiv:2504.06231; upstream `orb-models` 0.5.5), with the
//! same split of the first layer over edges and atoms:
//!
//! ```text
//! z1 = W_e e + (W_s h + b)[sender] + (W_r h)[receiver]     y = W3 silu(W2 silu(z1) + b2) + b3     m = norm(y)
//! sent, received = sums of m over edges, gated             e += m
//! h += norm(perceptron(h, received, sent))
//! ```
//!
//! Terms of atoms, activations and slopes are applied where a product's sums are still in registers. z1, z2 and y are kept
//! for the backward pass.
//!
//! Module order: `weights`, `graph` ← `room` ← `pass` ← `network`.

mod graph;
mod network;
mod pass;
mod room;
mod weights;

pub use graph::OrbGraph;
pub use network::{OrbNetwork, Outputs, kernels_digest};
pub use weights::{Head, Layer, Linear, OrbWeights, Perceptron, Shape};

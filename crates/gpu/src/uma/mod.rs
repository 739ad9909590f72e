//! UMA: energies of atoms, gradients by the vectors of edges, and features of atoms, for batches of graphs.
//!
//! The network is that of `mlip-models`' native engine (B. M. Wood et al., arXiv:2506.23971), for degrees and orders up to 2.
//! A batch's compositions have mixtures of experts of their own: before a layer is computed, its matrices are mixed for all of
//! them (kernels/uma_mix.cuh), and again, transposed, on the way back. Rows of a composition are multiplied with its own
//! matrix (kernels/products.cu, grouped). The two rows of an order above 0 are real and imaginary part of a complex number:
//! the matrix acts on both, side by side. Edges lie by target, so that messages are sums over neighboring rows.
//!
//! Features of atoms lie degree by degree, those of an edge order by order.
//!
//! Module order: `shape` ← `graph`, `weights` ← `experts` ← `stored` ← `room` ← `pass` ← `backward` ← `network`.

mod backward;
mod experts;
mod graph;
mod network;
mod pass;
mod room;
mod shape;
mod stored;
mod weights;

pub use graph::{Mixture, UmaGraph};
pub use network::{Outputs, UmaNetwork, kernels_digest};
pub use shape::Shape;
pub use weights::{Atomwise, Experts, Head, Layer, Linear, Norm, Radial, SphereNorm, UmaWeights};

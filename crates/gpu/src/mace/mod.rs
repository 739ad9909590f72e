//! MACE: energies of atoms, their gradients by the vectors of pairs, and features of atoms, for batches of graphs.
//!
//! The network is that of `mlip-models`' native engine (I. Batatia et al., arXiv:2206.07697), without its tables of radial
//! functions: those are computed for each pair, once for both of its edges. What is done with rows of pairs or atoms and a
//! constant matrix is a product; all else are kernels of its own (kernels/mace*.cuh): a half block sums the edges that an atom
//! receives by, a warp finds the gradients by all that both edges of a pair are made of, so nothing is added atomically.
//!
//! Rows of atoms lie l by l, `[atoms, 2l + 1, channels]`, so that each l is one matrix.
//!
//! Module order: `weights` ← `stored` ← `room` ← `pass` ← `backward` ← `network`.

mod backward;
mod network;
mod pass;
mod room;
mod stored;
mod weights;

pub use network::{MaceNetwork, Outputs, kernels_digest};
pub use stored::Shape;
pub use weights::{Contraction, Dense, Layer, MaceWeights, Radial, Readout, Term, Transform};

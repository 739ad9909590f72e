//! CHGNet: energies and magnetic moments of atoms, gradients by the vectors of pairs, and features of atoms, for batches of
//! graphs.
//!
//! The network is that of `mlip-models`' native engine (B. Deng et al., doi:10.1038/s42256-023-00716-3). A block of threads has
//! 64 edges or angles: it gathers what their atoms and bonds add to the first layers, multiplies with the second ones in shared
//! memory, and goes through norms and gates in registers (kernels/chgnet_edges.cuh, chgnet_angles.cuh). Messages are summed by
//! 16 threads for an atom or a bond, in their order. Maps of atoms, pairs and bonds are products.
//!
//! Rows have 64 columns, zeros beyond the width of the model.
//!
//! Module order: `graph`, `weights` ← `stored` ← `room` ← `pass` ← `backward` ← `network`.

mod backward;
mod graph;
mod network;
mod pass;
mod room;
mod stored;
mod weights;

pub use graph::{Angle, ChgnetGraph};
pub use network::{COLUMNS, ChgnetNetwork, Outputs, kernels_digest};
pub use stored::Shape;
pub use weights::{ChgnetWeights, Gated, Linear, Norm, Radial};

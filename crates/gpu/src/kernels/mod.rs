//! Kernels, compiled by nvcc from `kernels/*.cu`, and what their arguments must be.
//!
//! Module order: `packing` ← `queue` ← `products`, `rows`.

mod packing;
mod products;
mod queue;
mod rows;

pub use packing::{Matrix, PackedMatrix, pack_matrix, pack_rows, unpack_rows};
pub use products::Finish;
pub(crate) use queue::BINARIES;
pub use queue::Queue;
pub(crate) use rows::{Basis, Embed, Head, MAX_ROW, Messages, Norm, Sums, SumsOf};

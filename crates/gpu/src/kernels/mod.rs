//! Kernels, compiled by nvcc from `kernels/*.cu`, and what their arguments must be.
//!
//! Module order: `binaries`, `packing` ← `queue` (with the kernels that `mace`, `chgnet` and `uma` name) ← `products` ← `grouped`, `arguments` ← `norms`, `messages`, `sums`, `basis`, `head`, `mace`, `chgnet`, `uma`.

mod arguments;
mod basis;
mod binaries;
pub(crate) mod chgnet;
mod grouped;
mod head;
pub(crate) mod mace;
mod messages;
mod norms;
mod packing;
mod products;
mod queue;
mod sums;
pub(crate) mod uma;

pub(crate) use arguments::MAX_ROW;
pub(crate) use basis::Basis;
pub(crate) use binaries::{CHGNET, MACE, PRODUCTS, ROWS, UMA, digest};
pub(crate) use grouped::{Columns, Grouped, Matrices, TILE_ROWS};
pub(crate) use head::Head;
pub(crate) use messages::Messages;
pub(crate) use norms::{Embed, Norm};
pub use packing::{Matrix, PackedMatrix, pack_matrix, pack_rows, unpack_rows};
pub use products::Finish;
pub use queue::Queue;
pub(crate) use sums::{Sums, SumsOf};

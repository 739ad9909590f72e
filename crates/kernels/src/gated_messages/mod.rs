//! Messages of a gated MLP over gathered rows, summed into their targets.
//!
//! Row r of a layer is
//!
//! ```text
//! z_r = Σ_s table_s[index_s[r]] + own[r] · W_own           [2 w]: core and gate
//! y_r = z_r, or silu(z_r) · W_hidden + b_hidden            [2 w]
//! m_r = silu(norm_core(y_core)) · sigmoid(norm_gate(y_gate)) · Π_t weight_t[index_t[r]]      [w]
//! out[target[r]] += m_r
//! ```
//!
//! where `norm(y) = y / √(mean(y²) + ε) · scale + offset`, or y itself where the layer has no norm. The mean of y is zero
//! already, taken from the weights of the layer before (see [`Gate`]). Weights act behind the gate, at most two a row;
//! tables and weights are read from a column of their tables on.
//!
//! The first layer of such an MLP acts on a concatenation of features of atoms, bonds and angles.
//! A linear map of a concatenation is the sum of the maps of its parts, so the parts that belong to
//! atoms and bonds are mapped once an atom and bond (the tables), not once a row. Core and gate lie
//! side by side, and rows stream through in blocks that stay in the cache: nothing of size
//! `rows × 2 w` is written unless the caller keeps it for the backward pass.

mod backward;
mod block;
mod forward;
mod gate;
mod layer;
mod spread;
mod sums;
#[cfg(test)]
mod tests;

pub use backward::Backward;
pub use forward::Forward;
pub use gate::{Gate, centered};
pub use layer::{Both, GatedMessages, Gather, Hidden, Rows, Saved, Table};

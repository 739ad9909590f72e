//! Messages of directed edges, weighted with two scalar gates: one for the atom that sends, one for the atom that
//! receives.
//!
//! ```text
//! m = norm(y)      σ_s = sigmoid(e · w_s + b_s)      σ_r = sigmoid(e · w_r + b_r)
//! sent[sender] += c σ_s m      received[receiver] += c σ_r m      e' = e + m
//! ```
//!
//! e are features of an edge, c its cutoff factor, y what a perceptron made of it. Source: the attention gates of
//! ORB (Neumann et al., arXiv:2410.22570; Rhodes et al., arXiv:2504.06231). Sums run over edges in their order, so they
//! do not depend on how edges are cut into blocks.

mod attention;
mod pairs;
#[cfg(test)]
mod tests;

pub use attention::{Attention, Block, Deliver, DeliverBackward};
pub use pairs::{GatherPair, ScatterPair};

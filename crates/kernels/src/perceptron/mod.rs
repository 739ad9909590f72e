//! Perceptrons of three linear layers with SiLU between them, and the root-mean-square norm behind them.
//!
//! ```text
//! z1 = (terms of the caller) + x W1      y = silu(silu(z1) W2 + b2) W3 + b3      norm(y) = y / √(mean(y²) + ε) · scale
//! ```
//!
//! The caller owns the rows and their blocks, so that it decides what is kept for the backward pass: `z1`, `z2` and
//! `y` are all that it needs. Weights are constant and get no gradient.

mod layers;
mod rms_norm;
#[cfg(test)]
mod tests;

pub use layers::{Activations, Perceptron, Transposed, repeat, silu_backward_rows, silu_rows};
pub use rms_norm::RmsNorm;

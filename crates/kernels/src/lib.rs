//! Custom tensor operations for the models: fast on the CPU, with the instruction set chosen at run time.
//!
//! Module order: `simd` ← `tiles` ← `linear`, `activations`, `row_vectors` ← `layer_norm` ← `rows`, `gated_messages`, `gated_product`, `normal_rows`, `spherical`, `perceptron` ←
//! `attended_messages`; `simd` ← `silu`, `basis`, `edge_products`, `spline`, `symmetric_contraction`, `weighted_sum`.
//!
//! Kernels start no threads and read no environment but the instruction set; parallelism is that of
//! the rayon pool the caller runs in. Every sum has a fixed order, so results do not depend on it.

pub mod activations;
pub mod attended_messages;
pub mod basis;
pub mod edge_products;
pub mod gated_messages;
pub mod gated_product;
pub mod layer_norm;
pub mod linear;
pub mod normal_rows;
pub mod perceptron;
pub mod row_vectors;
pub mod rows;
pub mod silu;
pub mod simd;
pub mod spherical;
pub mod spline;
pub mod symmetric_contraction;
pub mod tiles;
pub mod weighted_sum;

//! Custom tensor operations for the models: fast on the CPU, with the instruction set chosen at run time.
//!
//! Module order: `simd` ← `linear` ← `gate` ← `rows`, `gated_messages`, `normal_rows`, `spherical`; `weighted_sum`.
//!
//! Kernels start no threads and read no environment but the instruction set; parallelism is that of
//! the rayon pool the caller runs in. Every sum has a fixed order, so results do not depend on it.

pub mod basis;
pub mod gate;
pub mod gated_messages;
pub mod linear;
pub mod normal_rows;
pub mod rows;
pub mod simd;
pub mod spherical;
pub mod weighted_sum;

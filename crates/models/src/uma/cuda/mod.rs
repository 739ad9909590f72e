//! UMA on an NVIDIA GPU.
//!
//! Edges are found, mixtures chosen and results scaled by the same code as on CPUs; the network between them is `mlip-gpu`'s.
//!
//! Module order: `weights` ← `potential`.

mod potential;
mod weights;

pub use potential::{CudaUma, CudaUmaEngine};

//! MACE on an NVIDIA GPU: weights as the device wants them, pairs and repulsion from the host, results as on CPUs.
//!
//! Blocks of MACE-MH (gates, radial networks that see both elements) are not computed there.
//!
//! Module order: `weights` ← `potential`.

mod potential;
mod weights;

pub use potential::{CudaMace, CudaMaceEngine, MaceCard};

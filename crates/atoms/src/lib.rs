//! The physics vocabulary of mlip-batch: no tensors, no threads, no files.
//!
//! Module order, each using only those before it:
//! `units` ← `species` ← `lattice` ← `structure` ← `cif`, `neighbors` ← `gradient` ← `prediction` ← `potential` ← `lennard_jones`.

pub mod cif;
pub mod gradient;
pub mod lattice;
pub mod lennard_jones;
pub mod neighbors;
pub mod potential;
pub mod prediction;
pub mod species;
pub mod structure;
pub mod units;

pub use lattice::{Frame, Lattice};
pub use potential::{Deadline, LoadOptions, Potential, PotentialId, Precision, PredictError, Preparation, Request};
pub use prediction::Prediction;
pub use species::Species;
pub use structure::Structure;

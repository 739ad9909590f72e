//! The physics vocabulary of mlip-batch: no tensors, no threads, no files.
//!
//! Module order, each using only those before it:
//! `units` ← `species` ← `lattice` ← `structure` ← `neighbors` ← `gradient` ← `prediction`, `evaluation` ← `failure`, `engine` ← `potential` ← `lennard_jones`.

pub mod engine;
pub mod evaluation;
pub mod failure;
pub mod gradient;
pub mod lattice;
pub mod lennard_jones;
pub mod neighbors;
pub mod potential;
pub mod prediction;
pub mod species;
pub mod structure;
pub mod units;

pub use engine::{Engine, EngineResources};
pub use evaluation::{Deadline, DeviceError, PredictError, Request};
pub use failure::{Failure, FailureKind};
pub use lattice::{Frame, Lattice};
pub use potential::{EngineKind, Potential, PotentialId, Precision, Preparation};
pub use prediction::Prediction;
pub use species::Species;
pub use structure::Structure;

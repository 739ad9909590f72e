//! What is done with each structure, and what came of it: no tensors, no threads, no files.
//!
//! A [`Calculation`] decides what is asked. Begun with a structure it is a [`Workflow`]: a state machine that asks for
//! evaluations, receives the answers, and can be put down and taken up again.
//!
//! Module order, each using only those before it:
//! `embeddings`, `birch_murnaghan`, `matrix` ← `symmetry` ← `curve`, `trajectory` ← `relaxed` ← `outcome` ← `workflow` ← `check` ← `single_point` ← `energy_volume`,
//! `relaxation` ← `config`.

mod birch_murnaghan;
mod check;
mod config;
mod curve;
mod embeddings;
mod energy_volume;
mod matrix;
mod outcome;
mod relaxation;
mod relaxed;
mod single_point;
mod symmetry;
mod trajectory;
mod workflow;

pub use birch_murnaghan::EquationOfState;
pub use config::CalculationConfig;
pub use curve::EnergyVolumeCurve;
pub use embeddings::Embeddings;
pub use energy_volume::{EnergyVolume, EnergyVolumeCalculation, EnergyVolumeError};
pub use outcome::{Computed, Details, Outcome};
pub use relaxation::{CellMotion, Method, Relaxation, RelaxationCalculation, RelaxationError};
pub use relaxed::{Ended, Relaxed, SpaceGroups};
pub use single_point::SinglePoint;
pub use symmetry::{SYMPREC, SpaceGroup, SymmetryError, space_group};
pub use trajectory::TrajectoryFrame;
pub use workflow::{Ask, AskId, Calculation, Poll, Workflow};

//! From names to potentials.
//!
//! Module order: `catalog` ← `identify`.

mod catalog;
mod identify;

pub use crate::energies::Energies;
pub use crate::engine::{PrecisionError, PrecisionObstacle};
pub use crate::entry::{Entry, LoadCause, PLAIN, Selection, WITH_MATRIX_UNIT};
pub use crate::options::{OptionError, OptionInfo, Options, parse as parse_options};
pub use catalog::{LoadError, REGISTRY, Registry, entries, file_from, find, load};
pub use identify::{IdentifyError, identify};
pub use mlip_atoms::EngineKind;

//! Thermodynamics of total energies: formation energies, and energies above the convex hull of a table of entries.
//!
//! No potentials and no structures: a composition and a total energy go in, energies in eV/atom come out. Entries and
//! hulls are read-only once they are built and may be asked from any number of threads; answers depend neither on the
//! order of the rows of a table nor on who asks first.
//!
//! ```
//! use mlip_hull::{EntriesBuilder, Hull, ReferenceEnergies, composition::parse_composition};
//!
//! let mut entries = EntriesBuilder::default();
//! for (id, formula, energy_ev) in [("iron", "Fe2", -16.5), ("oxygen", "O8", -39.5), ("hematite", "Fe4 O6", -67.0)] {
//!     entries.add(&parse_composition(formula)?, energy_ev, id)?;
//! }
//! let hull = Hull::new(entries.finish());
//! let (composition, energy_ev) = (parse_composition("Fe1 O1")?, -14.5);
//! let above = hull.above(&composition, energy_ev)?;
//! assert!(above.energy < -0.2);
//! assert_eq!(above.to_string(), "0.166666667 Fe (iron) + 0.833333333 Fe2O3 (hematite)");
//! let formation_energy = ReferenceEnergies::genbench()?.formation_energy(&composition, energy_ev)?;
//! # assert!(formation_energy.is_finite());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Module order, each using only those before it:
//! `composition` ← `reference`, `linear_program`, `table`, `packed` ← `entries` ← `columns` ← `hull` ← `stability`.

mod columns;
pub mod composition;
mod entries;
mod hull;
mod linear_program;
mod packed;
mod reference;
mod stability;
pub mod table;

pub use composition::{Composition, CompositionError, ElementSet, EnergyError};
pub use entries::{Entries, EntriesBuilder, EntriesError, EntryCounts, ReadEntries};
pub use hull::{AboveHull, Hull, HullError, Phase};
pub use reference::{MissingReferences, ReferenceEnergies, ReferenceError};
pub use stability::{Measures, Stability, StabilityError};

//! Thermodynamics of total energies: formation energies, and energies above the convex hull of a table of entries.
//!
//! No potentials and no structures: a composition and a total energy go in, energies in eV/atom come out. Entries and
//! hulls are read-only once they are built and may be asked from any number of threads; answers depend neither on the
//! order of the rows of a table nor on who asks first.
//!
//! Module order, each using only those before it:
//! `composition` ← `reference`, `linear_program`, `table`, `packed` ← `entries` ← `columns` ← `hull`.

mod columns;
pub mod composition;
mod entries;
mod hull;
mod linear_program;
mod packed;
mod reference;
pub mod table;

pub use composition::{Composition, CompositionError, ElementSet};
pub use entries::{Entries, EntriesBuilder, EntriesError, EntryCounts, ReadEntries};
pub use hull::{AboveHull, Hull, HullError, Phase};
pub use reference::{MissingReferences, ReferenceEnergies, ReferenceError};

//! What a cell holds: how many atoms of which elements.
//!
//! Module order: `elements` ← `amounts` ← `parse`.

mod amounts;
mod elements;
mod parse;

pub use amounts::{Composition, CompositionError, EnergyError};
pub use elements::ElementSet;
pub use parse::{parse_composition, parse_element};

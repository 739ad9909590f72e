//! Symmetry of crystals: space groups, and the operations that leave a structure as it is.
//!
//! `moyo` finds them; only `group` and `search` know it. An operation takes a fractional position `x` to `R x + t`,
//! with a matrix `R` of whole numbers, and the site at `x` to a site of the same element.
//!
//! Module order, each using only those before it:
//! `error`, `group` ← `search` ← `operations` ← `refinement`.

mod error;
mod group;
mod operations;
mod refinement;
mod search;

pub use error::SymmetryError;
pub use group::SpaceGroup;
pub(crate) use operations::Symmetry;
pub use search::{SYMPREC, space_group};

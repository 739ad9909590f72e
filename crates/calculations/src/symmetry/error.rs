//! Structures whose symmetry is not found.

use thiserror::Error;

/// Why the symmetry of a structure is not known.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum SymmetryError {
    /// The search came to no end.
    #[error("no space group was found within {symprec:?} Å: {reason}")]
    Search {
        /// Å.
        symprec: f64,
        /// As `moyo` says it.
        reason: String,
    },
    /// An operation that was found does not take the sites to sites.
    #[error("a symmetry operation found within {symprec:?} Å takes two sites to one")]
    Sites {
        /// Å.
        symprec: f64,
    },
    /// The cell or the positions with exact symmetry are none.
    #[error("the structure cannot be made exactly symmetric: {0}")]
    Refinement(String),
}

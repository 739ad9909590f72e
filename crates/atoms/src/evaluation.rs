//! What is asked of an evaluation, and why one can fail.

use crate::Species;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use thiserror::Error;

/// What is wanted beside the energy. Nothing else is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Forces, and stress with them: they come from one gradient.
    pub forces: bool,
    /// One feature vector an atom.
    pub atom_features: bool,
}

impl Default for Request {
    fn default() -> Self {
        Self { forces: true, atom_features: false }
    }
}

/// The moment at which an evaluation must give up. Models ask between layers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Deadline(Option<(Instant, Duration)>);

impl Deadline {
    /// No limit.
    pub const NONE: Self = Self(None);

    /// This long from now.
    pub fn after(limit: Duration) -> Self {
        Self(Instant::now().checked_add(limit).map(|at| (at, limit)))
    }

    /// So much earlier, since that time was spent before.
    pub fn sooner_by(self, spent: Duration) -> Self {
        Self(self.0.map(|(at, limit)| (at.checked_sub(spent).unwrap_or_else(Instant::now), limit)))
    }

    /// Whichever of the two comes first.
    pub fn earliest(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some((a, _)), Some((b, _))) if b < a => other,
            (None, _) => other,
            _ => self,
        }
    }

    /// # Errors
    /// [`PredictError::Timeout`] once the time is over.
    pub fn check(&self) -> Result<(), PredictError> {
        match self.0 {
            Some((at, limit)) if Instant::now() >= at => Err(PredictError::Timeout { limit_s: limit.as_secs_f64() }),
            _ => Ok(()),
        }
    }
}

fn in_words(bytes: u64) -> String {
    if bytes < 1_000_000_000 {
        format!("{:.0} MB", bytes as f64 / 1e6)
    } else {
        format!("{:.1} GB", bytes as f64 / 1e9)
    }
}

/// Why a potential has no answer for a structure. It costs this structure only.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum PredictError {
    /// The potential was not made for this element.
    #[error("{potential} does not cover the element {species}")]
    UnsupportedSpecies {
        /// Name of the potential.
        potential: String,
        /// The element.
        species: Species,
    },
    /// An atom has no neighbor within the cutoff, which this potential cannot describe.
    #[error("atom {site} has no neighbor within {cutoff} Å, and {potential} is not defined for isolated atoms")]
    IsolatedAtom {
        /// Name of the potential.
        potential: String,
        /// Index from 0.
        site: usize,
        /// Å.
        cutoff: f64,
    },
    /// The structure has a charge or spin that the potential does not know.
    #[error("{potential} knows {what}s from {least} to {most}, and the structure has {found}")]
    OutOfRange {
        /// Name of the potential.
        potential: String,
        /// `charge` or `spin`.
        what: &'static str,
        /// Of the structure.
        found: i64,
        /// Least value.
        least: i32,
        /// Largest value.
        most: i32,
    },
    /// The evaluation was over its time.
    #[error("not finished within {limit_s} s")]
    Timeout {
        /// The limit, seconds.
        limit_s: f64,
    },
    /// The structure needs more memory than it may have.
    #[error("needs about {}, more than the {} that a rank may use", in_words(*needed_bytes), in_words(*limit_bytes))]
    TooLarge {
        /// Estimate.
        needed_bytes: u64,
        /// Limit in force.
        limit_bytes: u64,
    },
    /// The cell is so small or so sheared, or the cutoff so large, that a search for neighbors would not end.
    #[error(
        "a cutoff of {cutoff} Å reaches over too many images of the cell, whose opposite faces are {:.1e}, {:.1e} and \
         {:.1e} Å apart; give the lattice in Å, and shorter vectors for a sheared cell", heights[0], heights[1], heights[2]
    )]
    TooManyImages {
        /// Å.
        cutoff: f64,
        /// Distances between opposite faces of the cell, Å.
        heights: [f64; 3],
    },
    /// There are more neighbors than a crystal has.
    #[error(
        "{n_atoms} atoms in {volume:.1e} Å^3 have {n_pairs} pairs of neighbors and more within {cutoff} Å; give the \
         lattice in Å, or fewer atoms"
    )]
    TooManyNeighbors {
        /// Pairs, as far as they are known.
        n_pairs: usize,
        /// Å.
        cutoff: f64,
        /// Atoms of the cell.
        n_atoms: usize,
        /// Of the cell, Å^3.
        volume: f64,
    },
    /// A number came out NaN or infinite.
    #[error("the result is not finite ({what})")]
    NotFinite {
        /// Which quantity.
        what: &'static str,
    },
    /// The device failed, alone with this structure too.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The tensor library failed; a defect of this program.
    #[error("internal error in {potential}: {message}")]
    Internal {
        /// Name of the potential.
        potential: String,
        /// What it said.
        message: String,
    },
}

/// What is wrong with a device. It says nothing about structures.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// A batch took more memory than there was.
    #[error("the device ran out of memory ({0})")]
    OutOfMemory(String),
    /// It cannot be used, or not any more.
    #[error("the device cannot be used: {0}")]
    Lost(String),
}

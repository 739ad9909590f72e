//! What a relaxation comes to.

use crate::symmetry::SpaceGroup;
use crate::trajectory::TrajectoryFrame;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a relaxation ended. Journals hold the position of a reason in this list: new ones go to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Ended {
    /// The forces on all degrees of freedom are below the limit.
    Converged,
    /// The steps were used up.
    Steps,
    /// An evaluation was over its time.
    Timeout,
    /// An evaluation failed otherwise: no memory, a device, a defect.
    EvaluationFailed,
    /// An evaluation, or the next point, was not finite.
    NotFinite,
    /// The energy left the range in which it began.
    Diverged,
    /// The cell shrank to a fraction of its volume, or flat.
    Collapsed,
    /// The cell grew to a multiple of its volume.
    Exploded,
    /// Two atoms came to lie on top of each other.
    Overlapping,
    /// The optimizer found no way down.
    LineSearchFailed,
    /// The potential is not defined for what the structure became: an atom without neighbors, too many of them.
    Undefined,
    /// The symmetry that was to be kept was not found.
    NoSymmetry,
}

impl Ended {
    /// Whether limits of the run, of time or memory, ended it: another run may come further.
    pub fn by_the_run(self) -> bool {
        matches!(self, Self::Timeout | Self::EvaluationFailed)
    }

    /// As it stands in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Converged => "converged",
            Self::Steps => "steps",
            Self::Timeout => "timeout",
            Self::EvaluationFailed => "evaluation_failed",
            Self::NotFinite => "not_finite",
            Self::Diverged => "diverged",
            Self::Collapsed => "collapsed",
            Self::Exploded => "exploded",
            Self::Overlapping => "overlapping",
            Self::LineSearchFailed => "line_search_failed",
            Self::Undefined => "undefined",
            Self::NoSymmetry => "no_symmetry",
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The end of a relaxation: of the last step that was good, where it was stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Relaxed {
    /// Why it ended.
    pub ended: Ended,
    /// What was wrong, where it was stopped.
    pub message: Option<String>,
    /// Steps of the optimizer up to the state described here, as ASE counts them: the structure as it was read is step 0.
    pub steps: u32,
    /// Evaluations, the first and those of line searches included. One that failed counts.
    pub evaluations: u32,
    /// Of the structure as it was read, eV.
    pub initial_energy: f64,
    /// Of the relaxed structure, without pressure times volume, eV.
    pub final_energy: f64,
    /// Largest norm of three forces on degrees of freedom, eV/Å: of an atom, or of a row of the logarithm of the
    /// deformation gradient. This is what the limit of convergence is for.
    pub fmax: f64,
    /// Largest norm of a force on an atom, eV/Å.
    pub max_force: f64,
    /// Largest component of the stress by absolute value, eV/Å^3; `None` where the potential gives none.
    pub max_stress: Option<f64>,
    /// Of the cell as it was read, Å^3.
    pub initial_volume: f64,
    /// Of the relaxed cell, Å^3.
    pub final_volume: f64,
    /// Rows are the lattice vectors of the relaxed cell, Å.
    pub lattice: [[f64; 3]; 3],
    /// `[n_atoms]` relaxed fractional positions in [0, 1), in the order of the sites as they were read.
    pub fractional: Vec<[f64; 3]>,
    /// `sqrt(mean |r_final - r_initial|²)` of Cartesian positions, site by site, as LeMat-GenBench has it: the strain of
    /// the cell and a common drift of all sites count. Å.
    pub rmse: f64,
    /// The same of displacements within the cell as it was read, to the nearest image, without drift, Å: what is left
    /// when neither a strain of the cell nor a shift of its origin is to count.
    pub rms_displacement: f64,
    /// Of the structure as it was read, and of the relaxed one. Not part of the stored form of older journals, so it is
    /// stored beside it.
    #[serde(skip)]
    pub space_groups: SpaceGroups,
    /// The ends of all steps, step 0 first, where they were asked for. Stored beside the rest, like the space groups.
    #[serde(skip)]
    pub trajectory: Vec<TrajectoryFrame>,
}

/// Space groups before and after a relaxation, within the `symprec` of its settings; none where none is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SpaceGroups {
    /// Of the structure as it was read.
    pub initial: Option<SpaceGroup>,
    /// Of the relaxed one.
    pub relaxed: Option<SpaceGroup>,
}

impl Relaxed {
    /// Whether the forces came below the limit.
    pub fn converged(&self) -> bool {
        self.ended == Ended::Converged
    }
}

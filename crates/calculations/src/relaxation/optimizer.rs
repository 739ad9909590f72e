//! The interface of optimizers.

use thiserror::Error;

/// Furthest that an atom, or a row of the cell's degrees of freedom, moves in a step, Å. ASE's default.
pub(super) const MAX_STEP: f64 = 0.2;

/// A function of the degrees of freedom, at a point.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    /// Degrees of freedom, three by three, Å.
    pub(super) x: Vec<f64>,
    /// eV.
    pub(super) value: f64,
    /// Derivatives of the value, eV/Å.
    pub(super) gradient: Vec<f64>,
}

/// Whether a point that was evaluated is the end of a step.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// It is.
    Accepted,
    /// Another point of the same step is to be evaluated first.
    Try(Vec<f64>),
}

/// An optimizer that cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum Stuck {
    /// The direction of a search leads upwards.
    #[error(
        "the direction of the line search leads upwards: energies and forces do not belong together, or digits ran out"
    )]
    Uphill,
    /// A line search did not come to an end.
    #[error("the line search did not end after {0} evaluations")]
    Endless(u32),
    /// The matrix of second derivatives was not finite.
    #[error("the approximation of the second derivatives is not finite")]
    Singular,
}

/// Finds lower points of a function from its values and gradients: a state machine without clock, thread or file.
pub(super) trait Optimizer: Send {
    /// Looks at the point that was asked for last. Most methods accept it without asking.
    ///
    /// # Errors
    /// When the search does not come to an end.
    fn judge(&mut self, _tried: &Point) -> Result<Verdict, Stuck> {
        Ok(Verdict::Accepted)
    }

    /// The first point to be evaluated of the step that begins here.
    ///
    /// # Errors
    /// When there is no way to go.
    fn begin(&mut self, from: &Point) -> Result<Vec<f64>, Stuck>;

    /// Memory held, bytes.
    fn held_bytes(&self) -> u64;
}

//! What the process returns to its caller. Documented in `--help`: these numbers are API.

/// Exit codes of `mlip-batch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitCode {
    /// Everything was done; single failures are in `failures.csv`.
    Success,
    /// The run could not begin or go on.
    Error,
    /// The command line or the job file is wrong.
    Usage,
    /// With `--strict`: everything was done, and something failed.
    Failures,
    /// None of the entries could be read.
    NothingRead,
    /// More failed than `--max-failure-rate` allows.
    TooManyFailures,
    /// A signal came; `resume` goes on. (`EX_TEMPFAIL`: schedulers requeue on it.)
    Drained,
}

impl ExitCode {
    /// As a number.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Error => 1,
            Self::Usage => 2,
            Self::Failures => 3,
            Self::NothingRead => 4,
            Self::TooManyFailures => 5,
            Self::Drained => 75,
        }
    }
}

//! Errors as exceptions of `mlip_batch._errors`, with the text that the command line has.

use mlip_atoms::{Failure, PredictError};
use mlip_batch::CommandError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::error::Error;

/// An exception of this class.
fn exception<'py>(
    py: Python<'py>,
    class: &str,
    arguments: impl IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>, Error = PyErr>,
) -> PyErr {
    let built = || {
        let arguments = arguments.into_pyobject(py)?;
        py.import("mlip_batch._errors")?.getattr(class)?.call1(arguments)
    };
    built().map_or_else(|error| error, PyErr::from_value)
}

/// What the command line would say.
pub(crate) fn of_command(py: Python<'_>, error: &CommandError) -> PyErr {
    exception(py, if error.is_usage() { "UsageError" } else { "Error" }, (error.text(),))
}

/// An error of the crates below, with its causes.
pub(crate) fn of(py: Python<'_>, error: &(dyn Error + 'static)) -> PyErr {
    of_command(py, &CommandError::from_error(error))
}

/// A sentence.
pub(crate) fn said(py: Python<'_>, text: &str) -> PyErr {
    exception(py, "Error", (text,))
}

/// A mistake of the caller.
pub(crate) fn usage(py: Python<'_>, text: &str) -> PyErr {
    exception(py, "UsageError", (text,))
}

/// Why an evaluation has no result, with its class in `failures.csv`.
pub(crate) fn of_evaluation(py: Python<'_>, error: PredictError) -> PyErr {
    let Failure { kind, message, .. } = error.into();
    exception(py, "EvaluationError", (message, kind.to_string()))
}

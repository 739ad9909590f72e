//! Evaluations for calculators.

use crate::errors::{of, of_command, of_evaluation, usage};
use crate::structure::{bytes, structure};
use mlip_atoms::{Deadline, Potential, PotentialId, Prediction, Request};
use mlip_batch::{choose_potential, load_potential};
use mlip_run::{Calculator, ChosenPotential};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A potential and the threads that evaluate it. Other threads of Python run meanwhile; two evaluations of one object
/// come one after the other.
///
/// A copy has the same weights in memory, and threads of its own. What was pickled is loaded again.
#[pyclass(frozen, module = "mlip_batch._native")]
pub(crate) struct Evaluator {
    /// As `--model` takes it, with an absolute path.
    model: String,
    options: Vec<(String, String)>,
    threads: NonZeroUsize,
    label: String,
    potential: Arc<dyn Potential>,
    calculator: Mutex<Calculator>,
}

/// Energy (eV), forces (eV/Å), stress (eV/Å^3, Voigt order xx yy zz yz xz xy) and magnetic moments (μ_B).
type Answer<'py> = (f64, Option<Bound<'py, PyBytes>>, Option<Bound<'py, PyBytes>>, Option<Bound<'py, PyBytes>>);

impl Evaluator {
    fn id(&self) -> &PotentialId {
        self.potential.id()
    }

    fn around(
        py: Python<'_>,
        (model, label): (String, String),
        options: Vec<(String, String)>,
        threads: NonZeroUsize,
        potential: Arc<dyn Potential>,
    ) -> PyResult<Self> {
        let calculator = Calculator::new(potential.clone(), threads).map_err(|error| of(py, &error))?;
        Ok(Self { model, options, threads, label, potential, calculator: Mutex::new(calculator) })
    }

    /// With the same weights.
    fn twin(&self, py: Python<'_>) -> PyResult<Self> {
        let names = (self.model.clone(), self.label.clone());
        Self::around(py, names, self.options.clone(), self.threads, self.potential.clone())
    }
}

#[pymethods]
impl Evaluator {
    /// Loads a potential: `model` as --model takes it, options beside it.
    #[new]
    #[pyo3(signature = (model, options = Vec::new(), threads = 1))]
    fn new(py: Python<'_>, model: &str, options: Vec<(String, String)>, threads: usize) -> PyResult<Self> {
        let threads = NonZeroUsize::new(threads).ok_or_else(|| usage(py, "an evaluation needs a thread: threads=1"))?;
        let chosen = choose_potential(model, &options).map_err(|error| of_command(py, &error))?;
        let potential = py.detach(|| load_potential(&chosen)).map_err(|error| of_command(py, &error))?;
        let ChosenPotential { label, mut selection } = chosen;
        // Processes elsewhere find it. A published checkpoint stands there by its name.
        if let Some(file) = selection.file.as_mut().filter(|file| file.exists()) {
            *file = std::path::absolute(&file).map_err(|error| of(py, &error))?;
        }
        let file = selection.file.as_ref().map(|file| format!("={}", file.display())).unwrap_or_default();
        let model = format!("{label}:{}{file}", selection.name);
        let mut options: Vec<(String, String)> = selection.options.into_iter().collect();
        options.push(("precision".into(), selection.precision.to_string()));
        options.push(("engine".into(), selection.engine.to_string()));
        Self::around(py, (model, label), options, threads, potential)
    }

    /// Evaluates atoms in a periodic cell. Arrays are bytes: atomic numbers (uint8), cell and positions (float64, Å).
    #[pyo3(signature = (numbers, cell, positions, charge = None, spin = None, forces = true, timeout = None))]
    #[expect(clippy::too_many_arguments, reason = "they have names where Python calls it")]
    fn evaluate<'py>(
        &self,
        py: Python<'py>,
        numbers: &[u8],
        cell: &[u8],
        positions: &[u8],
        charge: Option<i32>,
        spin: Option<u32>,
        forces: bool,
        timeout: Option<f64>,
    ) -> PyResult<Answer<'py>> {
        let structure = Arc::new(structure(py, numbers, cell, positions, charge, spin)?);
        let limit = |seconds| {
            let limit = Duration::try_from_secs_f64(seconds);
            limit.map(Deadline::after).map_err(|_| usage(py, &format!("timeout={seconds} is no number of seconds")))
        };
        let deadline = timeout.map_or(Ok(Deadline::NONE), limit)?;
        let request = Request { forces, atom_features: false };
        let answer = py.detach(|| {
            let mut calculator = self.calculator.lock().unwrap_or_else(PoisonError::into_inner);
            calculator.evaluate(structure, request, deadline)
        });
        let Prediction { energy, forces: by_atom, stress, magmoms, .. } =
            answer.map_err(|error| of_evaluation(py, error))?;
        let array = |numbers: &[f64]| PyBytes::new(py, &bytes(numbers));
        Ok((
            energy,
            forces.then(|| array(by_atom.as_flattened())),
            stress.map(|stress| array(&stress)),
            magmoms.map(|moments| array(&moments)),
        ))
    }

    /// What the user called it.
    #[getter]
    fn label(&self) -> &str {
        &self.label
    }

    /// Name of the model.
    #[getter]
    fn name(&self) -> &str {
        &self.id().name
    }

    /// Which weights, in words.
    #[getter]
    fn checkpoint(&self) -> &str {
        &self.id().checkpoint
    }

    /// blake3 digest of the weights.
    #[getter]
    fn digest(&self) -> &str {
        &self.id().digest
    }

    /// `f32` or `f64`.
    #[getter]
    fn precision(&self) -> String {
        self.id().precision.to_string()
    }

    /// Choices that change numbers: `head=default`.
    #[getter]
    fn settings(&self) -> &str {
        &self.id().settings
    }

    /// Threads of an evaluation.
    #[getter]
    fn threads(&self) -> usize {
        self.threads.get()
    }

    /// Whether results have magnetic moments.
    #[getter]
    fn has_magmoms(&self) -> bool {
        self.potential.has_magmoms()
    }

    /// Whether charge and spin of the atoms count.
    #[getter]
    fn uses_charge(&self) -> bool {
        self.potential.uses_charge()
    }

    fn __copy__(&self, py: Python<'_>) -> PyResult<Self> {
        self.twin(py)
    }

    fn __deepcopy__(&self, py: Python<'_>, _memo: &Bound<'_, PyAny>) -> PyResult<Self> {
        self.twin(py)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let class = py.get_type::<Self>().into_any();
        let arguments = (self.model.as_str(), self.options.clone(), self.threads.get()).into_pyobject(py)?;
        Ok((class, arguments))
    }

    fn __repr__(&self) -> String {
        let PotentialId { checkpoint, precision, .. } = self.id();
        format!("Evaluator({}: {checkpoint}, {precision}, threads={})", self.label, self.threads)
    }
}

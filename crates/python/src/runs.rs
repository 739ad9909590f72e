//! Runs and reports within the interpreter.

use crate::errors::{of, of_command, said};
use mlip_batch::{BegunRun, begin_run, progress_line, write_report};
use mlip_calculations::CalculationConfig;
use mlip_models::registry;
use mlip_run::{End, Event, Remark, Signals, WrittenReport};
use pyo3::prelude::*;
use std::ffi::OsString;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Time between two looks for signals of Python, while nothing happens.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// One potential of [`models`]: name, aliases, what it is, built-in weights, options, licence.
type Model = (&'static str, Vec<&'static str>, &'static str, Option<&'static str>, Vec<&'static str>, &'static str);

/// Hands events of a run to Python, and asks the run to end when Python wants that.
struct Listener {
    listener: Py<PyAny>,
    signals: Signals,
    /// What is done with each structure.
    calculation: CalculationConfig,
    /// What Python raised first.
    raised: Option<PyErr>,
}

impl Listener {
    /// Looks for Ctrl-C, and for what other handlers of signals raise.
    fn look(&mut self, py: Python<'_>) {
        if let Err(error) = py.check_signals() {
            self.signals.ask();
            self.raised.get_or_insert(error);
        }
    }

    /// `kind` is `note`, `warning` or `progress`; `text` a sentence.
    fn tell(&mut self, kind: &str, text: &str) {
        let told = Python::attach(|py| {
            // Ctrl-C, and what other handlers of signals raise.
            py.check_signals()?;
            self.listener.call1(py, (kind, text)).map(drop)
        });
        if let Err(error) = told {
            self.signals.ask();
            self.raised.get_or_insert(error);
        }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::AttemptBegan { attempt, threads, .. } => self.tell("note", &format!("attempt {attempt}: {threads}")),
            Event::Progress(progress) => self.tell("progress", &progress_line(progress, &self.calculation)),
            Event::Remark(Remark { is_warning, text, .. }) => {
                self.tell(if *is_warning { "warning" } else { "note" }, text);
            }
            _ => {}
        }
    }
}

/// Begins a run, or goes on with one, in the words of the command line (`run --cifs …`, `resume RUN`), computes it in this
/// process and writes its tables. Gives its folder, and whether it came to its end.
#[pyfunction]
pub(crate) fn execute(py: Python<'_>, words: Vec<OsString>, listener: Py<PyAny>) -> PyResult<(OsString, bool)> {
    let begun = py.detach(|| begin_run(words));
    let BegunRun { run, notes } = begun.map_err(|error| of_command(py, &error))?;
    let run_dir = run.run_dir().as_os_str().to_owned();
    let signals = Signals::default();
    let calculation = run.config().physics.calculation;
    let mut listener = Listener { listener, signals: signals.clone(), calculation, raised: None };
    notes.iter().for_each(|note| listener.tell("note", note));
    // On a thread of its own: Python looks for signals on the calling one alone, and evaluations may take long.
    let (sender, events) = channel();
    let work = move || {
        let mut ranks = mlip_ranks::Solo::new(mlip_store::run_lock::host_name());
        // Nobody listens any more once the interpreter ends.
        run.execute(&mut ranks, signals, &mut |event: Event| drop(sender.send(event)))
    };
    let worker = std::thread::Builder::new().name("run".into()).spawn(work)?;
    let events = Mutex::new(events);
    let next = || events.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(LOOK_EVERY);
    loop {
        match py.detach(next) {
            Ok(event) => listener.event(&event),
            Err(RecvTimeoutError::Timeout) => listener.look(py),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let finish = py.detach(|| worker.join()).map_err(|_| said(py, "the thread of the run panicked"))?;
    if let Some(error) = listener.raised {
        return Err(error);
    }
    let finish = finish.map_err(|error| of(py, &error))?;
    if finish.end == End::Failed {
        return Err(said(py, "the run could not go on; what was computed is kept"));
    }
    if let Some(WrittenReport { counts, first_failure, .. }) = &finish.report
        && counts.entries > 0
        && counts.unreadable == counts.entries
    {
        let first = first_failure.as_deref().unwrap_or_default();
        return Err(said(py, &format!("none of the {} entries could be read; the first is {first}", counts.entries)));
    }
    Ok((run_dir, finish.end == End::Complete))
}

/// Writes the report of a run in the words of the command line (`report RUN --format extxyz`). Gives its files, and what
/// there is to warn of.
#[pyfunction]
pub(crate) fn report(py: Python<'_>, words: Vec<OsString>) -> PyResult<(Vec<OsString>, Vec<String>)> {
    let report = py.detach(|| write_report(words)).map_err(|error| of_command(py, &error))?;
    let files = report.written.files.into_iter().map(std::path::PathBuf::into_os_string).collect();
    Ok((files, report.warnings))
}

/// The potentials that can be loaded.
#[pyfunction]
pub(crate) fn models() -> Vec<Model> {
    let describe = |entry: &registry::Entry| {
        let options = entry.options.iter().map(|option| option.key).collect();
        (entry.name, entry.aliases.to_vec(), entry.about, entry.built_in, options, entry.licence)
    };
    registry::entries().map(describe).collect()
}

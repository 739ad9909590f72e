//! One attempt of a run, common to `run` and `resume`.

use crate::args::AttemptArgs;
use crate::error::Complaint;
use crate::exit_code::ExitCode;
use crate::potentials::ModelSpec;
use mlip_atoms::{LoadOptions, Potential};
use mlip_driver::{CifSource, End, Engine, Finish, RootPart, RunConfig, RunError, Setup, Signals, execute};
use mlip_inputs::Manifest;
use mlip_ranks::{Communicator, Launch};
use mlip_store::RunLock;
use mlip_store::report::ReportCounts;
use mlip_store::run_lock::LockOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Where the input list of a run lies in its folder.
pub(super) const MANIFEST: &str = "inputs.manifest";

/// Where compressed archives are unpacked to: beside the input list.
pub(super) const SPOOL: &str = "inputs.spool";

/// What the root has made ready.
pub(super) struct Prepared {
    pub(super) run_dir: PathBuf,
    pub(super) config: RunConfig,
    pub(super) manifest: Manifest,
    pub(super) lock: RunLock,
    pub(super) potentials: Vec<Arc<dyn Potential>>,
    pub(super) strict: bool,
}

/// How to take a run folder. The processes of a run that was killed may need a moment to end.
pub(super) fn lock_options(force: bool) -> LockOptions {
    LockOptions { force, wait: Duration::from_secs(3) }
}

/// Starts the ranks, lets the root prepare, and runs.
pub(super) fn attempt(
    args: &AttemptArgs,
    prepare: impl FnOnce() -> Result<Prepared, Complaint>,
) -> Result<ExitCode, Complaint> {
    let launch = Launch::detect(|name| std::env::var(name).ok());
    let host = mlip_store::run_lock::host_name();
    let started = mlip_ranks::start(launch, host);
    let mut ranks = started.map_err(|error| Complaint::from_error(&error).spoken_by_one())?;
    let signals = Signals::install()?;
    if ranks.is_root() {
        log(args.quiet);
    }
    let result = attempt_on(ranks.as_mut(), args, prepare, signals);
    let abandoned = result.as_ref().is_ok_and(|(_, abandoned)| *abandoned);
    // MPI must be finalized in order, by its own thread, before the process exits.
    drop(ranks);
    if abandoned {
        let code = result.as_ref().map_or(ExitCode::Error, |(code, _)| *code);
        std::process::exit(code.number().into());
    }
    result.map(|(code, _)| code)
}

/// Seconds since the start, before each message.
struct SinceStart(std::time::Instant);

impl tracing_subscriber::fmt::time::FormatTime for SinceStart {
    fn format_time(&self, w: &mut tracing_subscriber::fmt::format::Writer<'_>) -> std::fmt::Result {
        write!(w, "{:9.2} s", self.0.elapsed().as_secs_f64())
    }
}

/// Messages go to stderr, each with the time since the start; stdout is for data.
fn log(quiet: bool) {
    let level = if quiet { tracing::Level::WARN } else { tracing::Level::INFO };
    // Fails only if there is a logger already.
    let _ = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_timer(SinceStart(std::time::Instant::now()))
        .with_target(false)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_max_level(level)
        .try_init();
}

fn attempt_on(
    ranks: &mut dyn Communicator,
    args: &AttemptArgs,
    prepare: impl FnOnce() -> Result<Prepared, Complaint>,
    signals: Signals,
) -> Result<(ExitCode, bool), Complaint> {
    if !ranks.is_root() {
        let setup = Setup::share(None, ranks).map_err(complain)?;
        let potentials = load_all(&setup.config).map_err(|complaint| complaint.in_one_line());
        let finish = run_engine(ranks, &setup, None, potentials, signals)?;
        return Ok((exit_code(&finish, false), finish.abandoned_threads));
    }
    let made = prepare().and_then(|prepared| {
        let setup = Setup::new(prepared.run_dir.clone(), prepared.config.clone(), prepared.manifest.len() as u64)?;
        Ok((prepared, setup))
    });
    let (prepared, setup) = made.inspect_err(|_| Setup::call_off(ranks))?;
    let setup = Setup::share(Some(&setup), ranks).map_err(complain)?;
    let part = RootPart { entries: prepared.manifest, lock: prepared.lock, retry: args.retry(), quiet: args.quiet };
    let finish = run_engine(ranks, &setup, Some(part), Ok(prepared.potentials), signals)?;
    conclude(&finish, &setup.run_dir)?;
    Ok((exit_code(&finish, prepared.strict), finish.abandoned_threads))
}

fn run_engine(
    ranks: &mut dyn Communicator,
    setup: &Setup,
    root: Option<RootPart>,
    potentials: Result<Vec<Arc<dyn Potential>>, String>,
    signals: Signals,
) -> Result<Finish, Complaint> {
    // Paths of the input list are relative to where the run was begun.
    if std::env::set_current_dir(&setup.config.folder).is_err() && ranks.is_root() {
        tracing::warn!(
            "the folder `{}` in which the run was begun is gone; relative paths start here",
            setup.config.folder.display()
        );
    }
    let source = Arc::new(CifSource { frame: setup.config.physics.frame });
    let engine = potentials.map(|potentials| Engine { potentials, source });
    execute(ranks, setup, root, engine, signals).map_err(complain)
}

fn complain(error: RunError) -> Complaint {
    match error {
        RunError::Elsewhere => Complaint::silent(),
        error => Complaint::from_error(&error)
            .hint("what was computed is kept; `mlip-batch resume RUN` goes on once the cause is gone"),
    }
}

/// The potentials of a run, as its settings name them.
pub(super) fn load_all(config: &RunConfig) -> Result<Vec<Arc<dyn Potential>>, Complaint> {
    let specs = config.physics.potentials.iter();
    specs
        .map(|potential| {
            let spec = ModelSpec { name: potential.name.clone(), file: potential.file.clone() };
            load(&spec, &potential.options)
        })
        .collect()
}

/// Loads one potential, or says what could be loaded instead.
pub(super) fn load(spec: &ModelSpec, options: &LoadOptions) -> Result<Arc<dyn Potential>, Complaint> {
    mlip_models::registry::load(&spec.selection(options)).map_err(|error| {
        Complaint::from_error(&error).hint("`mlip-batch models` lists the potentials that this program knows").usage()
    })
}

fn exit_code(finish: &Finish, strict: bool) -> ExitCode {
    match (finish.end, &finish.report) {
        (End::Drained, _) => ExitCode::Drained,
        (End::Failed, _) => ExitCode::Error,
        (End::Complete, Some((counts, _))) if strict && counts.failed + counts.unreadable > 0 => ExitCode::Failures,
        (End::Complete, _) => ExitCode::Success,
    }
}

fn conclude(finish: &Finish, run_dir: &Path) -> Result<(), Complaint> {
    match (&finish.report, finish.end) {
        (Some((counts, files)), _) => {
            tracing::info!("{}", summary(counts));
            let list: String = files.iter().map(|file| format!("{}\n", file.display())).collect();
            super::print(&list)
        }
        (None, End::Drained) => {
            tracing::warn!("stopped by a signal; go on with `mlip-batch resume {}`", run_dir.display());
            Ok(())
        }
        (None, _) => Ok(()),
    }
}

/// What became of a run, in a line.
pub(super) fn summary(counts: &ReportCounts) -> String {
    let cached = if counts.cached > 0 { format!(" ({} from the cache)", counts.cached) } else { String::new() };
    format!(
        "{} entries: {} structures, {} unreadable; {} evaluations done{cached}, {} failed, {} pending",
        counts.entries, counts.structures, counts.unreadable, counts.ok, counts.failed, counts.pending
    )
}

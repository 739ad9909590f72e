//! One attempt of a run, common to `run` and `resume`.

use crate::args::AttemptArgs;
use crate::error::Complaint;
use crate::exit_code::ExitCode;
use crate::loading::load_all;
use crate::show::Messages;
use mlip_atoms::Potential;
use mlip_driver::{CifSource, End, Engine, Finish, RootPart, RunConfig, RunError, Setup, Signals, execute};
use mlip_inputs::Manifest;
use mlip_ranks::{Communicator, Ended, Launch, Leaving, dismiss, leave};
use mlip_store::RunLock;
use mlip_store::report::{ReportCounts, WrittenReport};
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
    prepare: impl FnOnce(&mut Messages) -> Result<Prepared, Complaint>,
) -> Result<ExitCode, Complaint> {
    let launch = Launch::detect(|name| std::env::var(name).ok());
    let host = mlip_store::run_lock::host_name();
    mlip_driver::name_fatal_signals()?;
    let signals = Signals::install()?;
    let mut ranks = match mlip_ranks::start(launch, host) {
        Err(_) if !mlip_ranks::may_speak(|name| std::env::var(name).ok()) => return Ok(ExitCode::Error),
        started => started?,
    };
    let mut messages = Messages::new(args.quiet || !ranks.is_root());
    let result = attempt_on(ranks.as_mut(), args, prepare, signals, &mut messages);
    drop(messages);
    let code = part(ranks.as_mut(), result);
    // MPI must be finalized in order, by its own thread, before the process exits. Threads may still evaluate.
    drop(ranks);
    std::process::exit(code);
}

/// Says on the root what is to be said, and ends the job on all ranks with one code: only then may a process exit, for
/// launchers kill all others as soon as one has failed.
fn part(ranks: &mut dyn Communicator, result: Result<ExitCode, Ending>) -> i32 {
    let code = |code: ExitCode| i32::from(code.number());
    if ranks.is_root() {
        let code = match result {
            Ok(done) => code(done),
            Err(Ending::Run(RunError::Ended(Ended::ByRank { rank, message, code }))) => {
                complain(RunError::Broken(format!("rank {rank}: {message}"))).tell();
                code
            }
            Err(ending) => {
                let complaint = ending.complaint();
                complaint.tell();
                code(complaint.code())
            }
        };
        dismiss(ranks, code);
        return code;
    }
    let why = match result {
        Ok(_) | Err(Ending::Run(RunError::Elsewhere)) => Leaving::Done,
        Err(Ending::Run(RunError::Ended(Ended::ByRoot { code }))) => Leaving::Told { code },
        Err(ending) => {
            let complaint = ending.complaint();
            Leaving::Unable { message: complaint.in_one_line(), code: code(complaint.code()) }
        }
    };
    leave(ranks, why)
}

/// Why a rank does not come to the end of its attempt.
enum Ending {
    Run(RunError),
    Other(Complaint),
}

impl Ending {
    fn complaint(self) -> Complaint {
        match self {
            Self::Run(error) => complain(error),
            Self::Other(complaint) => complaint,
        }
    }
}

impl From<RunError> for Ending {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

impl From<Complaint> for Ending {
    fn from(complaint: Complaint) -> Self {
        Self::Other(complaint)
    }
}

fn attempt_on(
    ranks: &mut dyn Communicator,
    args: &AttemptArgs,
    prepare: impl FnOnce(&mut Messages) -> Result<Prepared, Complaint>,
    signals: Signals,
    messages: &mut Messages,
) -> Result<ExitCode, Ending> {
    if !ranks.is_root() {
        let setup = Setup::share(None, ranks)?;
        let potentials = load_all(&setup.config).map_err(|complaint| complaint.in_one_line());
        let finish = run_engine(ranks, &setup, None, potentials, signals)?;
        return Ok(exit_code(&finish, false));
    }
    let prepared = prepare(messages)?;
    let setup = Setup::new(prepared.run_dir.clone(), prepared.config.clone(), prepared.manifest.len() as u64);
    let setup = Setup::share(Some(&setup.map_err(RunError::from)?), ranks)?;
    if !setup.config.folder.is_dir() {
        let folder = setup.config.folder.display();
        messages
            .warning(&format!("the folder `{folder}` in which the run was begun is gone; relative paths start here"));
    }
    let part = RootPart { entries: prepared.manifest, lock: prepared.lock, retry: args.retry(), events: messages };
    let finish = run_engine(ranks, &setup, Some(part), Ok(prepared.potentials), signals)?;
    conclude(&finish, &setup.run_dir, messages)?;
    Ok(exit_code(&finish, prepared.strict))
}

fn run_engine(
    ranks: &mut dyn Communicator,
    setup: &Setup,
    root: Option<RootPart<'_>>,
    potentials: Result<Vec<Arc<dyn Potential>>, String>,
    signals: Signals,
) -> Result<Finish, RunError> {
    // Paths of the input list are relative to where the run was begun, or if that is gone to the current folder.
    let folder = Some(&setup.config.folder).filter(|folder| folder.is_dir()).cloned().unwrap_or_default();
    let source = Arc::new(CifSource { frame: setup.config.physics.frame, folder });
    let engine = potentials.map(|potentials| Engine { potentials, source });
    execute(ranks, setup, root, engine, signals)
}

fn complain(error: RunError) -> Complaint {
    Complaint::from_error(&error)
        .hint("what was computed is kept; `mlip-batch resume RUN` goes on once the cause is gone")
}

fn exit_code(finish: &Finish, strict: bool) -> ExitCode {
    match (finish.end, &finish.report) {
        (End::Drained, _) => ExitCode::Drained,
        (End::Failed, _) => ExitCode::Error,
        (End::Complete, Some(WrittenReport { counts, .. })) if nothing_was_read(counts) => ExitCode::NothingRead,
        (End::Complete, Some(WrittenReport { counts, .. })) if strict && counts.failed + counts.unreadable > 0 => {
            ExitCode::Failures
        }
        (End::Complete, _) => ExitCode::Success,
    }
}

fn conclude(finish: &Finish, run_dir: &Path, messages: &Messages) -> Result<(), Complaint> {
    match (&finish.report, finish.end) {
        (Some(report @ WrittenReport { counts, files, .. }), _) => {
            messages.note(&summary(counts));
            if counts.charges_unused > 0 {
                let n = counts.charges_unused;
                messages.warning(&format!(
                    "{n} structures carry a charge or spin that not all potentials use: warnings.csv names them"
                ));
            }
            if nothing_was_read(counts) {
                let first = report.first_failure.as_deref().unwrap_or_default();
                messages
                    .warning(&format!("none of the {} entries could be read; the first is {first}", counts.entries));
            }
            if let Some(line) = failures(report) {
                messages.warning(&line);
            }
            let list: String = files.iter().map(|file| format!("{}\n", file.display())).collect();
            super::print(&list)
        }
        (None, End::Drained) => {
            messages.warning(&format!("stopped by a signal; go on with `mlip-batch resume {}`", run_dir.display()));
            Ok(())
        }
        (None, _) => Ok(()),
    }
}

/// Whether a list has entries, and none of them is a structure.
fn nothing_was_read(counts: &ReportCounts) -> bool {
    counts.entries > 0 && counts.unreadable == counts.entries
}

/// Failures by class, and where all of them are; nothing if there are none.
pub(super) fn failures(report: &WrittenReport) -> Option<String> {
    let classes = &report.counts.failures;
    let table = report.files.iter().find(|file| file.to_string_lossy().contains("failures.csv"))?;
    let each: Vec<String> = classes.iter().map(|(class, count)| format!("{count} {class}")).collect();
    (!each.is_empty()).then(|| format!("failures: {}; see {}", each.join(", "), table.display()))
}

/// What became of a run, in a line.
pub(super) fn summary(counts: &ReportCounts) -> String {
    let cached = if counts.cached > 0 { format!(" ({} from the cache)", counts.cached) } else { String::new() };
    format!(
        "{} entries: {} structures, {} unreadable; {} evaluations done{cached}, {} failed, {} pending",
        counts.entries, counts.structures, counts.unreadable, counts.ok, counts.failed, counts.pending
    )
}

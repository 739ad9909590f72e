//! One attempt of a run, common to `run` and `resume`.

use crate::allocator;
use crate::args::AttemptArgs;
use crate::error::CommandError;
use crate::exit_code::ExitCode;
use crate::show::{Messages, counted};
use mlip_atoms::Potential;
use mlip_atoms::failure::remedy;
use mlip_ranks::{Communicator, Ended, Launch, Leaving, dismiss, leave};
use mlip_run::{AttemptOptions, End, Finish, ReportCounts, Run, RunError, Signals, WrittenReport, take_part};
use std::path::Path;
use std::sync::Arc;

/// Starts the ranks, lets the root open the run, and executes it.
pub(super) fn attempt(
    args: &AttemptArgs,
    open: impl FnOnce(&mut Messages) -> Result<(Run, AttemptOptions), CommandError>,
) -> Result<ExitCode, CommandError> {
    let launch = Launch::detect(|name| std::env::var(name).ok());
    let host = mlip_store::run_lock::host_name();
    mlip_driver::name_fatal_signals()?;
    let signals = Signals::install()?;
    let mut ranks = match mlip_ranks::start(launch, host) {
        Err(_) if !mlip_ranks::may_speak(|name| std::env::var(name).ok()) => return Ok(ExitCode::Error),
        started => started?,
    };
    let mut messages = Messages::new(args.quiet || !ranks.is_root(), args.progress.unwrap_or_default());
    let result = attempt_on(ranks.as_mut(), open, signals, &mut messages);
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
                could_not_go_on(RunError::Broken(format!("rank {rank}: {message}"))).print();
                code
            }
            Err(ending) => {
                let error = ending.into_error();
                error.print();
                code(error.code())
            }
        };
        dismiss(ranks, code);
        return code;
    }
    let why = match result {
        Ok(_) | Err(Ending::Run(RunError::Elsewhere)) => Leaving::Done,
        Err(Ending::Run(RunError::Ended(Ended::ByRoot { code }))) => Leaving::Dismissed { code },
        Err(ending) => {
            let error = ending.into_error();
            Leaving::Unable { message: error.in_one_line(), code: code(error.code()) }
        }
    };
    leave(ranks, why)
}

/// Why a rank does not come to the end of its attempt.
enum Ending {
    Run(RunError),
    Other(CommandError),
}

impl Ending {
    fn into_error(self) -> CommandError {
        match self {
            Self::Run(error) => could_not_go_on(error),
            Self::Other(error) => error,
        }
    }
}

impl From<RunError> for Ending {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

impl From<CommandError> for Ending {
    fn from(error: CommandError) -> Self {
        Self::Other(error)
    }
}

fn attempt_on(
    ranks: &mut dyn Communicator,
    open: impl FnOnce(&mut Messages) -> Result<(Run, AttemptOptions), CommandError>,
    signals: Signals,
    messages: &mut Messages,
) -> Result<ExitCode, Ending> {
    if !ranks.is_root() {
        return Ok(exit_code(&take_part(ranks, signals, keep_memory, allocator::return_all_free)?, false, None));
    }
    let (run, options) = open(messages)?;
    keep_memory(run.potentials());
    let run_dir = run.run_dir().to_owned();
    let most = run.config().resources.max_failure_rate;
    let counted = counted(&run.config().physics.calculation);
    messages.note(&format!("{} entries, run folder {}", run.n_entries(), run_dir.display()));
    let finish = run.returning_free(allocator::return_all_free).execute(ranks, signals, messages)?;
    conclude(&finish, &run_dir, most, counted, messages)?;
    Ok(exit_code(&finish, options.strict, most))
}

/// Evaluations allocate the same memory over and over; those of potentials without weights need little.
fn keep_memory(potentials: &[Arc<dyn Potential>]) {
    if potentials.iter().any(|potential| potential.weight_bytes() > 0) {
        allocator::keep_freed_memory();
    }
}

fn could_not_go_on(error: RunError) -> CommandError {
    CommandError::from_error(&error)
        .hint("what was computed is kept; `mlip-batch resume RUN` goes on once the cause is gone")
}

fn exit_code(finish: &Finish, strict: bool, most: Option<f64>) -> ExitCode {
    match (finish.end, &finish.report) {
        (End::Drained, _) => ExitCode::Drained,
        (End::Failed, _) => ExitCode::Error,
        (End::Complete, Some(WrittenReport { counts, .. })) if nothing_was_read(counts) => ExitCode::NothingRead,
        (End::TooManyFailures, _) => ExitCode::TooManyFailures,
        (End::Complete, Some(WrittenReport { counts, .. })) if too_many_failed(counts, most) => {
            ExitCode::TooManyFailures
        }
        (End::Complete, Some(WrittenReport { counts, .. })) if strict && counts.failed + counts.unreadable > 0 => {
            ExitCode::Failures
        }
        (End::Complete, _) => ExitCode::Success,
    }
}

fn conclude(
    finish: &Finish,
    run_dir: &Path,
    most: Option<f64>,
    counted: &str,
    messages: &Messages,
) -> Result<(), CommandError> {
    match (&finish.report, finish.end) {
        (Some(report @ WrittenReport { counts, files, .. }), _) => {
            messages.note(&summary(counts, counted));
            of_calculations(counts).iter().for_each(|line| messages.note(line));
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
            if finish.end == End::TooManyFailures || too_many_failed(counts, most) {
                messages.warning(&format!(
                    "more failed than --max-failure-rate {} allows; once the cause is gone, `mlip-batch resume {}` goes on \
                     (with another --max-failure-rate, where the failures stay)",
                    most.unwrap_or_default(),
                    run_dir.display()
                ));
            }
            failures(report).iter().for_each(|line| messages.warning(line));
            let list: String = files.iter().map(|file| format!("{}\n", file.display())).collect();
            super::output::print(&list)
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

/// What to do about each class of failures, and at last all of them by class, the most frequent first, and where they are;
/// nothing if there are none.
pub(super) fn failures(report: &WrittenReport) -> Vec<String> {
    let mut classes: Vec<(&String, &u64)> = report.counts.failures.iter().collect();
    let table = report.files.iter().find(|file| file.to_string_lossy().contains("failures.csv"));
    let (Some(table), false) = (table, classes.is_empty()) else { return Vec::new() };
    classes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let each: Vec<String> = classes.iter().map(|(class, count)| format!("{count} {class}")).collect();
    let remedies = classes.iter().filter_map(|(class, _)| Some(format!("{class}: {}", remedy(class)?)));
    remedies.chain([format!("failures: {}; see {}", each.join(", "), table.display())]).collect()
}

/// Whether more of the entries cannot be read, or more of the evaluations failed, than may.
fn too_many_failed(counts: &ReportCounts, most: Option<f64>) -> bool {
    let over = |bad: u64, all: u64| most.is_some_and(|most| bad as f64 > most * all as f64);
    over(counts.unreadable, counts.entries) || over(counts.failed, counts.ok + counts.failed)
}

/// How relaxations ended, and results whose stability is not known; one line each.
pub(super) fn of_calculations(counts: &ReportCounts) -> Vec<String> {
    let mut lines = Vec::new();
    if !counts.relaxations.is_empty() {
        let each: Vec<String> = counts.relaxations.iter().map(|(end, count)| format!("{count} {end}")).collect();
        lines.push(format!("relaxations: {}", each.join(", ")));
    }
    if counts.unmeasured > 0 {
        let n = counts.unmeasured;
        lines.push(format!("{n} results lack a formation energy or an energy above the hull: stability.csv says why"));
    }
    if counts.without_cell > 0 {
        let n = counts.without_cell;
        lines.push(format!(
            "{n} structures were journaled by an older version without their sites, and their files are gone or say \
             something else: cells and fractional coordinates are empty for them, and forms with structures lack them"
        ));
    }
    lines
}

/// What became of a run, in a line.
pub(super) fn summary(counts: &ReportCounts, counted: &str) -> String {
    let cached = if counts.cached > 0 { format!(" ({} from the cache)", counts.cached) } else { String::new() };
    format!(
        "{} entries: {} structures, {} unreadable; {} {counted} done{cached}, {} failed, {} pending",
        counts.entries, counts.structures, counts.unreadable, counts.ok, counts.failed, counts.pending
    )
}

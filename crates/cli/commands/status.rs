//! `status`: how far a run is.

use crate::args::FolderArgs;
use crate::error::CommandError;
use crate::exit_code::ExitCode;
use mlip_run::RunState;
use mlip_store::Tail;
use std::fmt::Write;

/// Says how far a run is, from its journals.
pub(crate) fn status(args: &FolderArgs) -> Result<ExitCode, CommandError> {
    let status = mlip_run::status(&args.run).map_err(CommandError::of_run)?;
    let mut text = String::new();
    writeln!(text, "run        {}", args.run.display())?;
    writeln!(text, "state      {}", in_words(&status.state))?;
    writeln!(text, "potentials {}", status.potentials.join(", "))?;
    let (entries, surveyed, unreadable) = (status.entries, status.surveyed, status.unreadable);
    writeln!(text, "entries    {entries}, {surveyed} read, {unreadable} of them unreadable")?;
    let (done, failed, pending) = (status.done, status.failed, status.pending);
    writeln!(text, "evaluated  {done} done, {failed} failed, {pending} pending")?;
    for attempt in &status.attempts {
        writeln!(
            text,
            "attempt {:<3} {} ranks ({} ended in good order), {} records, {:.0} s, peak {:.0} MB per rank",
            attempt.attempt,
            attempt.n_ranks,
            attempt.n_closed,
            attempt.n_records,
            attempt.wall_s,
            attempt.peak_bytes as f64 / 1e6
        )?;
        for (rank, tail) in &attempt.damaged {
            let (kind, bytes) = match tail {
                Tail::Torn { bytes, .. } => ("a torn", bytes),
                Tail::Corrupt { bytes, .. } => ("a damaged", bytes),
                Tail::Clean => continue,
            };
            writeln!(text, "  rank {rank} ends in {kind} frame: {bytes} bytes skipped")?;
        }
    }
    super::output::print(&text)?;
    Ok(ExitCode::Success)
}

fn in_words(state: &RunState) -> String {
    match state {
        RunState::GoingOn { pid, host } => format!("going on (process {pid} on {host})"),
        RunState::NotStarted => "not started".into(),
        RunState::Complete => "complete".into(),
        RunState::Stopped => "stopped in good order; `resume` goes on".into(),
        RunState::Interrupted => "interrupted; `resume` goes on".into(),
    }
}

//! `status`: how far a run is.

use crate::args::StatusArgs;
use crate::error::CommandError;
use crate::exit_code::ExitCode;
use crate::show::in_words as in_words_of_time;
use crate::values::Seconds;
use mlip_run::{AttemptStatus, RunState, Status};
use mlip_store::Tail;
use serde_json::json;
use std::fmt::Write;
use std::io::IsTerminal;
use std::time::Duration;

/// Says how far a run is, from its journals; again and again if it is watched.
pub(crate) fn status(args: &StatusArgs) -> Result<ExitCode, CommandError> {
    loop {
        let status = mlip_run::status(&args.folder.run).map_err(CommandError::of_run)?;
        let text = if args.json { format!("{}\n", as_json(args, &status)) } else { as_text(args, &status)? };
        let is_going_on = matches!(status.state, RunState::GoingOn { .. });
        match args.watch {
            // A terminal shows the newest only.
            Some(_) if std::io::stdout().is_terminal() && !args.json => {
                super::output::print(&format!("\x1b[H\x1b[2J{text}"))?;
            }
            _ => super::output::print(&text)?,
        }
        match args.watch {
            Some(Seconds(every)) if is_going_on => {
                std::thread::sleep(Duration::from_secs_f64(every.clamp(0.1, 3600.0)))
            }
            _ => return Ok(ExitCode::Success),
        }
    }
}

/// What is computed from a status for people who wait.
struct Pace {
    percent: f64,
    /// Of the last attempt.
    per_s: Option<f64>,
    left_s: Option<f64>,
}

fn pace(status: &Status) -> Pace {
    let ended = status.done + status.failed;
    let all = ended + status.pending;
    let percent = if all > 0 { 100.0 * ended as f64 / all as f64 } else { 100.0 };
    let last = status.attempts.last().filter(|last| last.n_records > 0 && last.wall_s > 0.0);
    let per_s = last.map(|last| last.n_records as f64 / last.wall_s);
    let is_going_on = matches!(status.state, RunState::GoingOn { .. });
    let left_s = per_s.filter(|_| is_going_on).map(|per_s| status.pending as f64 / per_s);
    Pace { percent, per_s, left_s }
}

fn as_text(args: &StatusArgs, status: &Status) -> Result<String, CommandError> {
    let mut text = String::new();
    writeln!(text, "run        {}", args.folder.run.display())?;
    writeln!(text, "state      {}", in_words(&status.state))?;
    writeln!(text, "potentials {}", status.potentials.join(", "))?;
    let (entries, surveyed, unreadable) = (status.entries, status.surveyed, status.unreadable);
    writeln!(text, "entries    {entries}, {surveyed} read, {unreadable} of them unreadable")?;
    let (done, failed, pending) = (status.done, status.failed, status.pending);
    let Pace { percent, per_s, left_s } = pace(status);
    writeln!(text, "evaluated  {done} done, {failed} failed, {pending} pending ({percent:.1} %)")?;
    if let (Some(per_s), Some(left_s)) = (per_s, left_s) {
        writeln!(
            text,
            "pace       {per_s:.1}/s; at this pace {} left",
            in_words_of_time(Duration::from_secs_f64(left_s.min(1e10)))
        )?;
    }
    if let Some(silent_s) = status.silent_s {
        let ago = in_words_of_time(Duration::from_secs_f64(silent_s.clamp(0.0, 1e10)));
        writeln!(text, "last sign  {ago} ago")?;
    }
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
    Ok(text)
}

fn as_json(args: &StatusArgs, status: &Status) -> serde_json::Value {
    let (state, holder) = match &status.state {
        RunState::GoingOn { pid, host } => ("going_on", Some(json!({ "pid": pid, "host": host }))),
        RunState::NotStarted => ("not_started", None),
        RunState::Complete => ("complete", None),
        RunState::Stopped => ("stopped", None),
        RunState::Interrupted => ("interrupted", None),
    };
    let Pace { percent, per_s, left_s } = pace(status);
    let attempt = |attempt: &AttemptStatus| {
        json!({
            "attempt": attempt.attempt,
            "n_ranks": attempt.n_ranks,
            "n_closed": attempt.n_closed,
            "n_records": attempt.n_records,
            "wall_s": attempt.wall_s,
            "peak_bytes": attempt.peak_bytes,
            "n_damaged": attempt.damaged.len(),
        })
    };
    json!({
        "run": args.folder.run,
        "state": state,
        "holder": holder,
        "potentials": status.potentials,
        "entries": status.entries,
        "surveyed": status.surveyed,
        "unreadable": status.unreadable,
        "done": status.done,
        "failed": status.failed,
        "pending": status.pending,
        "percent": percent,
        "per_s": per_s,
        "left_s": left_s,
        "silent_s": status.silent_s,
        "attempts": status.attempts.iter().map(attempt).collect::<Vec<_>>(),
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Two attempts, of which the last has this many records in this time.
    fn going_on(n_records: u64, wall_s: f64) -> Status {
        let attempt = |attempt, n_records, wall_s| AttemptStatus {
            attempt,
            n_ranks: 2,
            n_closed: 0,
            n_records,
            wall_s,
            peak_bytes: 0,
            damaged: Vec::new(),
        };
        Status {
            state: RunState::GoingOn { pid: 1, host: "here".into() },
            potentials: vec!["lennard-jones".into()],
            entries: 100,
            surveyed: 100,
            unreadable: 0,
            done: 58,
            failed: 2,
            pending: 40,
            silent_s: None,
            attempts: vec![attempt(1, 1000, 1.0), attempt(2, n_records, wall_s)],
        }
    }

    #[test]
    fn the_pace_is_that_of_the_last_attempt() {
        let Pace { percent, per_s, left_s } = pace(&going_on(30, 15.0));
        assert_eq!((percent, per_s, left_s), (60.0, Some(2.0), Some(20.0)));
        let stopped = Status { state: RunState::Stopped, ..going_on(30, 15.0) };
        assert_eq!((pace(&stopped).per_s, pace(&stopped).left_s), (Some(2.0), None), "nobody goes on with it");
    }

    #[test]
    fn there_is_no_pace_before_the_first_record() {
        for status in [going_on(0, 15.0), going_on(30, 0.0), Status { attempts: Vec::new(), ..going_on(30, 15.0) }] {
            let Pace { percent, per_s, left_s } = pace(&status);
            assert_eq!((percent, per_s, left_s), (60.0, None, None));
        }
        let empty = Status { done: 0, failed: 0, pending: 0, ..going_on(0, 0.0) };
        assert_eq!(pace(&empty).percent, 100.0);
    }
}

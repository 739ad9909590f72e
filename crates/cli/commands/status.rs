//! `status`: how far a run is.

use super::attempt::MANIFEST;
use super::resume::read_config;
use crate::args::FolderArgs;
use crate::error::Complaint;
use crate::exit_code::ExitCode;
use mlip_driver::RunConfig;
use mlip_inputs::Manifest;
use mlip_store::report::JournalSurveys;
use mlip_store::{Attempts, EntryState, Ledger, RunId, RunLock, Tail};
use std::fmt::Write;
use std::path::Path;

/// Says how far a run is, from its journals.
pub(crate) fn status(args: &FolderArgs) -> Result<ExitCode, Complaint> {
    let config = read_config(&args.run)?;
    let run = RunId::parse(&config.run).ok_or_else(|| Complaint::new("run.toml names no run identity"))?;
    let manifest = Manifest::read(&args.run.join(MANIFEST))?;
    // Whoever asks need not be allowed to write into the run folder.
    let mut ledger = Ledger::new(Path::new(""));
    for file in &Attempts::list(&args.run)?.files {
        ledger.scan(file, run)?;
    }
    let names: Vec<&str> = config.physics.potentials.iter().map(|potential| potential.label.as_str()).collect();
    let counts = count(args, &config, manifest.len(), &ledger)?;
    let mut text = String::new();
    writeln!(text, "run        {}", args.run.display())?;
    match RunLock::holder(&args.run)? {
        Some(holder) => writeln!(text, "state      going on (process {} on {})", holder.pid, holder.host)?,
        None => writeln!(text, "state      {}", state(&ledger, &counts))?,
    }
    writeln!(text, "potentials {}", names.join(", "))?;
    let Counts { surveyed, unreadable, done, failed, pending } = counts;
    writeln!(text, "entries    {}, {surveyed} read, {unreadable} of them unreadable", manifest.len())?;
    writeln!(text, "evaluated  {done} done, {failed} failed, {pending} pending")?;
    for journals in ledger.journals().chunk_by(|a, b| a.attempt == b.attempt) {
        let records: u64 = journals.iter().map(|journal| journal.n_records).sum();
        let closed = journals.iter().filter(|journal| journal.closed).count();
        let peak = journals.iter().map(|journal| journal.peak_bytes).max().unwrap_or(0);
        let wall_s = journals.iter().map(|journal| journal.last_time_s).fold(0.0, f64::max);
        let attempt = journals.first().map_or(0, |journal| journal.attempt);
        writeln!(
            text,
            "attempt {attempt:<3} {} ranks ({closed} ended in good order), {records} records, {wall_s:.0} s, peak {:.0} MB a rank",
            journals.len(),
            peak as f64 / 1e6
        )?;
        for journal in journals {
            if let Tail::Torn { bytes, .. } | Tail::Corrupt { bytes, .. } = journal.tail {
                let kind = if matches!(journal.tail, Tail::Torn { .. }) { "a torn" } else { "a damaged" };
                writeln!(text, "  rank {} ends in {kind} frame: {bytes} bytes skipped", journal.rank)?;
            }
        }
    }
    super::print(&text)?;
    Ok(ExitCode::Success)
}

/// What became of the entries so far; equal structures count each.
struct Counts {
    surveyed: usize,
    unreadable: usize,
    done: usize,
    failed: usize,
    pending: usize,
}

fn count(args: &FolderArgs, config: &RunConfig, n_entries: usize, ledger: &Ledger) -> Result<Counts, Complaint> {
    let plan = config.report_plan();
    let mut surveys = JournalSurveys::new(&args.run, ledger);
    let mut counts = Counts { surveyed: 0, unreadable: 0, done: 0, failed: 0, pending: 0 };
    for first in (0..n_entries).step_by(WINDOW) {
        for state in surveys.survey(first as u64, WINDOW.min(n_entries - first))? {
            counts.surveyed += usize::from(state.is_some());
            counts.unreadable += usize::from(matches!(state, Some(EntryState::Failed(_))));
            if state.is_none() {
                counts.pending += plan.potentials.len();
            }
            for key in plan.keys(state.as_ref()) {
                match ledger.get(&key)? {
                    Some(entry) if entry.status().is_done() => counts.done += 1,
                    Some(_) => counts.failed += 1,
                    None => counts.pending += 1,
                }
            }
        }
    }
    Ok(counts)
}

/// Entries looked at together.
const WINDOW: usize = 4096;

fn state(ledger: &Ledger, counts: &Counts) -> &'static str {
    let last = ledger.journals().last().map_or(0, |journal| journal.attempt);
    let journals = ledger.journals();
    let mut journals = journals.iter().filter(|journal| journal.attempt == last).peekable();
    if journals.peek().is_none() {
        "not started"
    } else if counts.pending == 0 {
        "complete"
    } else if journals.all(|journal| journal.closed) {
        "stopped in good order; `resume` goes on"
    } else {
        "interrupted; `resume` goes on"
    }
}

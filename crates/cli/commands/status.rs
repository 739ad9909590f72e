//! `status`: how far a run is.

use super::attempt::MANIFEST;
use super::resume::read_config;
use crate::args::FolderArgs;
use crate::error::Complaint;
use crate::exit_code::ExitCode;
use mlip_inputs::Manifest;
use mlip_store::{Attempts, Ledger, LedgerBuilder, RunId, RunLock, Tail};
use std::fmt::Write;

/// Says how far a run is, from its journals.
pub(crate) fn status(args: &FolderArgs) -> Result<ExitCode, Complaint> {
    let config = read_config(&args.run)?;
    let run = RunId::parse(&config.run).ok_or_else(|| Complaint::new("run.toml names no run identity"))?;
    let manifest = Manifest::read(&args.run.join(MANIFEST))?;
    let mut builder = LedgerBuilder::new();
    for file in &Attempts::list(&args.run)?.files {
        builder.scan(file, run)?;
    }
    let ledger = builder.finish();
    let names: Vec<&str> = config.physics.potentials.iter().map(|potential| potential.name.as_str()).collect();
    let done = ledger.entries().iter().filter(|entry| entry.status().is_done()).count();
    let failed = ledger.entries().len() - done;
    let mut text = String::new();
    writeln!(text, "run        {}", args.run.display())?;
    match RunLock::holder(&args.run)? {
        Some(holder) => writeln!(text, "state      going on (process {} on {})", holder.pid, holder.host)?,
        None => writeln!(text, "state      {}", state(&ledger))?,
    }
    writeln!(text, "potentials {}", names.join(", "))?;
    writeln!(text, "entries    {}", manifest.len())?;
    writeln!(text, "records    {done} done, {failed} failed (equal structures share one)")?;
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

fn state(ledger: &Ledger) -> &'static str {
    let last = ledger.journals().last().map_or(0, |journal| journal.attempt);
    let mut journals = ledger.journals().iter().filter(|journal| journal.attempt == last).peekable();
    if journals.peek().is_none() {
        "not started"
    } else if journals.all(|journal| journal.closed) {
        "ended in good order"
    } else {
        "interrupted; `resume` goes on"
    }
}

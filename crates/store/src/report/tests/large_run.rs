//! Runs of many entries, ranks and attempts.

use super::parts::*;
use crate::journal::JournalWriter;
use crate::report::*;
use crate::samples::header;
use crate::{Attempts, EntryState, Frame, Ledger, StructureDigest, SurveyedEntry};
use mlip_atoms::{FailureKind, Prediction};
use mlip_calculations::{CalculationConfig, Outcome, Relaxation};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A run of 40 entries, some equal, some failing, written by `n_ranks` ranks in `n_attempts` attempts,
/// with a torn tail in every journal but the last attempt's.
fn large_run(run: &Path, plan: &ReportPlan, n_ranks: u32, n_attempts: u32) -> BTreeMap<&'static str, String> {
    let mut frames: BTreeMap<(u32, u32), Vec<Frame>> = BTreeMap::new();
    let state = |entry: u64| match entry % 9 {
        8 => EntryState::Failed(failure(FailureKind::Unreadable, None, "no such file")),
        // Entries 0 and 10, 1 and 11, … are equal structures.
        _ => structure(u8::try_from(entry % 10).unwrap(), 1 + u32::try_from(entry % 10).unwrap(), &[("w", "x")]),
    };
    for attempt in 1..=n_attempts {
        for entry in 0..40 {
            let owner = u32::try_from((entry * 7 + u64::from(attempt)) % u64::from(n_ranks)).unwrap();
            // An earlier attempt may have found another content, and died over it.
            let state = if attempt < n_attempts && entry == 5 {
                EntryState::Failed(failure(FailureKind::Unreadable, None, "stale"))
            } else {
                state(entry)
            };
            frames.entry((attempt, owner)).or_default().push(survey(entry, state));
        }
    }
    for number in 0..10u64 {
        let entry = (0..40).find(|entry| entry % 10 == number && entry % 9 != 8).unwrap();
        let state = state(entry);
        for position in 0..plan.potentials.len() {
            let turn = u32::try_from(number).unwrap() * 2 + u32::try_from(position).unwrap();
            let n_atoms = 1 + usize::try_from(number).unwrap();
            let outcome = if turn % 5 == 3 {
                Outcome::Failed(failure(FailureKind::NotFinite, None, "the result is not finite (energy)"))
            } else {
                let numbers: Vec<[f64; 3]> = (0..n_atoms).map(|site| [site as f64 / 3.0, 0.1, -0.7]).collect();
                Outcome::Done(
                    Prediction { energy: -f64::from(turn) / 3.0, forces: numbers, ..Prediction::default() }.into(),
                )
            };
            let species = vec![26; n_atoms];
            let done = Frame::Finished(record(plan, &state, position, &species, outcome));
            let place = (1 + turn % n_attempts, (turn * 5) % n_ranks);
            frames.entry(place).or_default().push(done.clone());
            // The same result once more, in the last attempt, by another rank.
            frames.entry((n_attempts, (turn + 1) % n_ranks)).or_default().push(done);
        }
    }
    for ((attempt, rank), frames) in &frames {
        let mut writer = JournalWriter::create(run, &header(*attempt, *rank)).unwrap();
        frames.iter().for_each(|frame| {
            writer.append(frame).unwrap();
        });
        if *attempt == n_attempts {
            writer.close().unwrap();
        } else {
            use std::io::Write as _;
            let mut file = fs::OpenOptions::new().append(true).open(writer.path()).unwrap();
            file.write_all(&[20, 0, 0, 0, 1, 2]).unwrap();
        }
    }
    let rows: Vec<(String, String)> = (0..40).map(|entry| (format!("s{entry}"), format!("{entry}.cif"))).collect();
    let rows = rows.into_iter().map(Ok::<_, Infallible>);
    report_from_journals(run, plan, &provenance(), rows, 3, None).unwrap();
    TABLES[..7].iter().map(|name| (*name, table(run, name))).collect()
}

#[test]
fn tables_do_not_depend_on_ranks_and_attempts() {
    let plan = plan(&["chgnet", "lj"]);
    let reference = large_run(tempfile::tempdir().unwrap().path(), &plan, 1, 1);
    assert_eq!(reference["energies"].lines().count(), 81);
    assert!(!reference["energies"].contains("pending"));
    for (n_ranks, n_attempts) in [(2, 1), (3, 2), (8, 5), (1, 4)] {
        let tables = large_run(tempfile::tempdir().unwrap().path(), &plan, n_ranks, n_attempts);
        assert_eq!(tables, reference, "{n_ranks} ranks, {n_attempts} attempts");
    }
}

#[test]
fn compressed_tables_hold_the_same_and_replace_the_plain_ones() {
    let run = tempfile::tempdir().unwrap();
    let mut plan = plan(&["chgnet", "lj"]);
    let plain = large_run(run.path(), &plan, 2, 1);
    plan.options.compress = true;
    let rows = || (0..40).map(|entry| Ok::<_, Infallible>((format!("s{entry}"), format!("{entry}.cif"))));
    let compressed = || {
        report_from_journals(run.path(), &plan, &provenance(), rows(), 3, None).unwrap();
        fs::read(run.path().join("report/forces.csv.zst")).unwrap()
    };
    let bytes = compressed();
    assert_eq!(zstd::decode_all(bytes.as_slice()).unwrap(), plain["forces"].as_bytes());
    assert!(!run.path().join("report/forces.csv").exists());
    assert_eq!(compressed(), bytes, "same bytes every time");
    plan.options.compress = false;
    report_from_journals(run.path(), &plan, &provenance(), rows(), 3, None).unwrap();
    assert!(!run.path().join("report/forces.csv.zst").exists());
    assert_eq!(table(run.path(), "forces"), plain["forces"]);
}

#[test]
fn a_long_list_passes_through_in_windows_without_a_gap() {
    let run = tempfile::tempdir().unwrap();
    let plan = plan(&["lj"]);
    let state = |entry: u64| {
        let mut digest = [0; 16];
        digest[..8].copy_from_slice(&entry.to_le_bytes());
        // Large structures: a window holds few of them.
        EntryState::Structure { digest: StructureDigest(digest), n_atoms: 1000, warnings: Vec::new() }
    };
    let energy = |entry: u64| entry as f64 / 8.0;
    let mut frames = Vec::new();
    for first in (0..5000).step_by(700) {
        let range = first..(first + 700).min(5000);
        frames.push(Frame::Surveyed(range.map(|entry| SurveyedEntry { entry, state: state(entry) }).collect()));
    }
    for entry in (0..5000).rev() {
        let outcome = Outcome::Done(Prediction { energy: energy(entry), ..Prediction::default() }.into());
        frames.push(Frame::Finished(record(&plan, &state(entry), 0, &[18], outcome)));
    }
    journal(run.path(), 1, 0, &frames);
    let rows = (0..5001).map(|entry| Ok::<_, Infallible>((entry.to_string(), String::new())));
    let counts = report_from_journals(run.path(), &plan, &provenance(), rows, 3, None).unwrap().counts;
    assert_eq!((counts.ok, counts.pending), (5000, 1));
    let text = table(run.path(), "energies");
    for (entry, line) in text.lines().skip(1).take(5000).enumerate() {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields[0], entry.to_string());
        assert_eq!(fields[8].parse::<f64>().unwrap(), energy(entry as u64));
    }
}

#[test]
fn rows_are_appended_in_the_order_of_the_input_whoever_made_them_when() {
    let run = tempfile::tempdir().unwrap();
    let mut plan = plan(&["chgnet", "lj"]);
    // Whose jobs have eight entries.
    plan.calculation = CalculationConfig::Relaxation(Relaxation { trajectory: true, ..Relaxation::default() });
    let expected = large_run(run.path(), &plan, 3, 2);
    let mut ledger = Ledger::new(run.path());
    for file in &Attempts::list(run.path()).unwrap().files {
        ledger.scan(file, provenance().run).unwrap();
    }
    let rows = || (0..40).map(|entry| Ok::<_, Infallible>((format!("s{entry}"), format!("{entry}.cif"))));
    for n_threads in [0, 1, 7] {
        let mut makers = RowMakers::start(Arc::new(Tabulator::new(run.path(), &plan, None)), n_threads);
        let mut files = RowsInOrder::start(|| ReportWriter::create(run.path(), &plan)).unwrap();
        let mut made = Vec::new();
        for (job, number) in TableJobs::new(run.path(), &plan, &ledger, rows(), 1).zip(0..) {
            makers.make(number, job.unwrap());
        }
        while makers.is_busy() {
            made.extend(makers.made(Duration::from_secs(60)));
        }
        made.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        let n_jobs = made.len();
        for (number, rows) in made {
            assert_eq!(files.n_written().unwrap(), 0, "the first comes last");
            files.take(number, rows.unwrap()).unwrap();
        }
        let written = files.finish().unwrap().finish(&provenance(), &ledger).unwrap();
        assert_eq!((written.counts.entries, n_jobs), (40, 6));
        for (name, text) in &expected {
            assert_eq!(&table(run.path(), name), text, "{name} with {n_threads} threads");
        }
    }
}

#[test]
fn rows_of_a_journal_that_was_changed_are_an_error_and_end_the_threads() {
    let run = tempfile::tempdir().unwrap();
    let plan = plan(&["chgnet", "lj"]);
    large_run(run.path(), &plan, 1, 1);
    let mut ledger = Ledger::new(run.path());
    let files = Attempts::list(run.path()).unwrap().files;
    ledger.scan(&files[0], provenance().run).unwrap();
    fs::write(&files[0].path, b"changed").unwrap();
    let rows = (0..40).map(|entry| Ok::<_, Infallible>((format!("s{entry}"), format!("{entry}.cif"))));
    let mut makers = RowMakers::start(Arc::new(Tabulator::new(run.path(), &plan, None)), 2);
    // What the root knows of it was read before.
    let mut jobs = TableJobs::new(run.path(), &plan, &ledger, rows, 1);
    let Some(Ok(job)) = jobs.next() else { return assert!(jobs.next().is_none()) };
    makers.make(0, job);
    let (_, rows) = makers.made(Duration::from_secs(60)).unwrap();
    assert!(rows.unwrap_err().to_string().contains("journal"));
}

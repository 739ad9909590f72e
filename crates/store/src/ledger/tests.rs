use super::*;
use crate::journal::{JournalFile, JournalWriter};
use crate::samples::{RUN, done, failed, header, key};
use crate::{Answers, Attempts, Frame, Location, MemoryKills, MemorySample, TaskKey};
use mlip_atoms::{FailureKind, Prediction};
use proptest::collection::vec;
use proptest::prelude::*;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

const NO_RETRY: RetryFailed = RetryFailed::No;

fn journal(run: &Path, attempt: u32, rank: u32, frames: &[Frame]) {
    let mut writer = JournalWriter::create(run, &header(attempt, rank)).unwrap();
    frames.iter().for_each(|frame| {
        writer.append(frame).unwrap();
    });
}

fn started(number: u8) -> Frame {
    Frame::Started { key: key(number), alone: false }
}

fn alone(number: u8) -> Frame {
    Frame::Started { key: key(number), alone: true }
}

fn timeout(number: u8, attempts: u32) -> Frame {
    Frame::Finished(failed(key(number), FailureKind::Timeout, attempts))
}

fn files(run: &Path) -> Vec<JournalFile> {
    Attempts::list(run).unwrap().files
}

fn ledger(run: &Path) -> Ledger {
    let mut ledger = Ledger::new(run);
    files(run).iter().for_each(|file| ledger.scan(file, RUN).unwrap());
    ledger
}

/// All that a ledger says.
fn contents(ledger: &Ledger) -> (Vec<Option<Recorded>>, [String; 3], Vec<Deaths>) {
    let records = (0..6).map(|number| ledger.get(&key(number)).unwrap()).collect();
    let surveys: Vec<_> = ledger.surveys().collect();
    let samples: Vec<_> = ledger.samples().collect();
    let lists = [format!("{surveys:?}"), format!("{samples:?}"), format!("{:?}", ledger.journals())];
    (records, lists, (0..6).map(|number| ledger.deaths(&key(number))).collect())
}

fn state(ledger: &Ledger, number: u8, retry: RetryFailed) -> TaskState {
    ledger.state(&key(number), retry, CrashPolicy::default()).unwrap()
}

fn runnable(company: Option<u32>, ended_before: u32) -> TaskState {
    TaskState::Runnable { company, ended_before, silent: 0 }
}

fn kills(kills: u64) -> Frame {
    Frame::MemoryKills(MemoryKills { place: "boot group 7".into(), kills })
}

/// As [`state`], without the deaths that show nothing.
fn treatment(ledger: &Ledger, number: u8) -> TaskState {
    match state(ledger, number, NO_RETRY) {
        TaskState::Runnable { company, ended_before, .. } => runnable(company, ended_before),
        other => other,
    }
}

#[test]
fn the_first_result_wins_and_beats_every_failure() {
    let run = tempfile::tempdir().unwrap();
    journal(run.path(), 1, 1, &[timeout(1, 1), Frame::Closed]);
    journal(run.path(), 2, 3, &[Frame::Finished(done(key(1), 2.0)), Frame::Closed]);
    journal(run.path(), 2, 2, &[Frame::Finished(done(key(1), 2.0)), Frame::Finished(done(key(1), 2.0)), Frame::Closed]);
    journal(run.path(), 3, 0, &[timeout(1, 2), Frame::Closed]);
    let ledger = ledger(run.path());
    let entry = ledger.get(&key(1)).unwrap().unwrap();
    assert!(entry.status().is_done());
    assert_eq!((entry.location().attempt, entry.location().rank), (2, 2));
    assert_eq!(state(&ledger, 1, RetryFailed::All), TaskState::Recorded);
}

#[test]
fn a_repeated_failure_replaces_the_one_before() {
    let run = tempfile::tempdir().unwrap();
    journal(run.path(), 1, 0, &[timeout(1, 1), Frame::Closed]);
    journal(run.path(), 2, 0, &[Frame::Finished(failed(key(1), FailureKind::NotFinite, 2)), Frame::Closed]);
    let ledger = ledger(run.path());
    let entry = ledger.get(&key(1)).unwrap().unwrap();
    assert_eq!(entry.status().failure(), Some(FailureKind::NotFinite));
    assert_eq!(entry.attempts(), 2);
    assert_eq!(state(&ledger, 1, RetryFailed::WorthRetrying), TaskState::Recorded, "NaN comes out again");
    assert_eq!(state(&ledger, 1, RetryFailed::All), runnable(None, 2));
}

#[test]
fn failures_stand_unless_they_are_to_be_repeated() {
    let run = tempfile::tempdir().unwrap();
    journal(run.path(), 1, 0, &[timeout(1, 1), Frame::Closed]);
    let ledger = ledger(run.path());
    assert_eq!(state(&ledger, 1, NO_RETRY), TaskState::Recorded);
    assert_eq!(state(&ledger, 1, RetryFailed::WorthRetrying), runnable(None, 1));
    assert_eq!(state(&ledger, 2, NO_RETRY), runnable(None, 0));
}

fn fatal(number: u8) -> Frame {
    Frame::Fatal { key: Some(key(number)), signal: 11 }
}

fn deaths(run: &Path, number: u8) -> Deaths {
    ledger(run).deaths(&key(number))
}

#[test]
fn only_what_was_in_flight_in_a_journal_without_an_end_counts_as_dead() {
    let run = tempfile::tempdir().unwrap();
    journal(run.path(), 1, 0, &[started(1), Frame::Finished(done(key(1), 0.0)), started(2), started(3)]);
    journal(run.path(), 1, 1, &[started(4), Frame::Closed]);
    journal(run.path(), 2, 0, &[alone(3), alone(3)]);
    assert_eq!(deaths(run.path(), 1), Deaths::default());
    assert_eq!(deaths(run.path(), 2), Deaths { shared: 1, company: 2, ..Deaths::default() });
    assert_eq!(deaths(run.path(), 3), Deaths { shared: 1, company: 2, silent: 1, ..Deaths::default() });
    assert_eq!(deaths(run.path(), 4), Deaths::default());
}

#[test]
fn a_fatal_signal_names_its_task_and_clears_all_others_of_the_attempt() {
    let run = tempfile::tempdir().unwrap();
    for attempt in 1..=3 {
        journal(run.path(), attempt, 0, &[started(1), started(2), started(3), fatal(2), started(5)]);
        journal(run.path(), attempt, 1, &[alone(4)]);
        journal(run.path(), attempt, 2, &[started(6), Frame::Draining]);
        let named = Deaths { named: attempt, ..Deaths::default() };
        assert_eq!(deaths(run.path(), 2), named);
        assert!([1, 3, 4, 5, 6].iter().all(|number| deaths(run.path(), *number) == Deaths::default()));
        if attempt == 1 {
            assert_eq!(state(&ledger(run.path()), 2, NO_RETRY), runnable(Some(1), 0), "it goes last");
            // As if nothing had happened before.
            let _ = std::fs::remove_dir_all(run.path().join("journal/0001"));
            journal(run.path(), 1, 0, &[started(2), Frame::Fatal { key: None, signal: 6 }]);
            assert_eq!(deaths(run.path(), 2), named, "the only one in flight");
            let _ = std::fs::remove_dir_all(run.path().join("journal/0001"));
            journal(run.path(), 1, 0, &[started(1), started(2), Frame::Fatal { key: None, signal: 6 }]);
            assert_eq!(deaths(run.path(), 2), Deaths { shared: 1, company: 2, ..Deaths::default() });
            let _ = std::fs::remove_dir_all(run.path().join("journal/0001"));
            journal(run.path(), 1, 0, &[fatal(2), started(2), fatal(2), Frame::Closed]);
            assert_eq!(deaths(run.path(), 2), Deaths::default(), "one that was abandoned, behind the end");
            let _ = std::fs::remove_dir_all(run.path().join("journal/0001"));
            journal(run.path(), 1, 0, &[started(2), fatal(2)]);
        }
        if attempt == 2 {
            assert_eq!(state(&ledger(run.path()), 2, NO_RETRY), runnable(Some(1), 0));
        }
    }
    assert_eq!(state(&ledger(run.path()), 2, NO_RETRY), TaskState::Quarantined { deaths: 3, is_guilty: true });
}

#[test]
fn a_rank_that_was_asked_to_end_accuses_nobody() {
    let run = tempfile::tempdir().unwrap();
    for attempt in 1..=9 {
        journal(run.path(), attempt, 0, &[alone(1), Frame::Draining]);
        journal(run.path(), attempt, 1, &[Frame::Draining, Frame::Closed]);
    }
    assert_eq!(state(&ledger(run.path()), 1, NO_RETRY), runnable(None, 0));
}

#[test]
fn a_rank_that_the_system_killed_for_memory_died_of_what_it_did() {
    let run = tempfile::tempdir().unwrap();
    for attempt in 1..=3 {
        let before = u64::from(attempt);
        // The launcher ends the others; those on the host see that a process was killed.
        journal(run.path(), attempt, 0, &[kills(before - 1), started(2), Frame::Draining, kills(before)]);
        journal(run.path(), attempt, 1, &[kills(before - 1), alone(1)]);
        let guilty = TaskState::Quarantined { deaths: 3, is_guilty: true };
        let expected = if attempt < 3 { runnable(Some(1), 0) } else { guilty };
        assert_eq!(state(&ledger(run.path()), 1, NO_RETRY), expected);
        assert_eq!(state(&ledger(run.path()), 2, NO_RETRY), runnable(None, 0));
    }
}

#[test]
fn the_next_attempt_sees_what_a_lone_process_was_killed_for() {
    let run = tempfile::tempdir().unwrap();
    for attempt in 1..=3 {
        journal(run.path(), attempt, 0, &[kills(u64::from(attempt) + 4), alone(1)]);
        assert_eq!(deaths(run.path(), 1).out_of_memory, attempt - 1);
    }
    // Elsewhere, and after a new start of the machine, counters say nothing of each other.
    let elsewhere = Frame::MemoryKills(MemoryKills { place: "other boot".into(), kills: 99 });
    journal(run.path(), 4, 0, &[elsewhere, started(2), Frame::Closed]);
    assert_eq!(deaths(run.path(), 1), Deaths { out_of_memory: 2, silent: 1, ..Deaths::default() });
    journal(run.path(), 5, 0, &[kills(7), started(2), Frame::Closed]);
    assert_eq!(deaths(run.path(), 1), Deaths { out_of_memory: 2, silent: 1, ..Deaths::default() });
    journal(run.path(), 6, 0, &[kills(8), started(2), Frame::Closed]);
    assert_eq!(deaths(run.path(), 1).out_of_memory, 2, "the fifth attempt came before that kill");
}

#[test]
fn memory_that_runs_out_while_a_task_is_in_flight_speaks_against_it() {
    let run = tempfile::tempdir().unwrap();
    let pressed = || Frame::Pressed { resident_bytes: 95, limit_bytes: 100 };
    let early = [pressed(), alone(1)];
    let late = [alone(1), pressed()];
    let over = [started(2), pressed(), timeout(2, 1), alone(1)];
    for (attempt, frames) in (1..).zip([early.as_slice(), &late, &over, &late, &late]) {
        journal(run.path(), attempt, 0, frames);
    }
    assert_eq!(deaths(run.path(), 1), Deaths { out_of_memory: 3, silent: 2, ..Deaths::default() });
}

#[test]
fn a_rank_that_dies_alone_without_a_sign_accuses_nothing() {
    let run = tempfile::tempdir().unwrap();
    for attempt in 1..=9 {
        // As when somebody ends one process, or its node fails, while others live on.
        journal(run.path(), attempt, 0, &[kills(3), started(2), Frame::Draining, kills(3)]);
        journal(run.path(), attempt, 1, &[kills(3), alone(1)]);
        assert_eq!(treatment(&ledger(run.path()), 1), runnable(Some(1), 0));
    }
    assert_eq!(deaths(run.path(), 1), Deaths { silent: 9, ..Deaths::default() });
}

#[test]
fn a_node_that_fails_accuses_nobody_alone() {
    let run = tempfile::tempdir().unwrap();
    for attempt in 1..=4 {
        journal(run.path(), attempt, 0, &[started(3), Frame::Draining]);
        journal(run.path(), attempt, 1, &[alone(1)]);
        journal(run.path(), attempt, 2, &[alone(2)]);
    }
    assert_eq!(deaths(run.path(), 1), Deaths { shared: 4, company: 2, ..Deaths::default() });
    assert_eq!(state(&ledger(run.path()), 1, NO_RETRY), runnable(Some(1), 0));
    assert_eq!(state(&ledger(run.path()), 3, NO_RETRY), runnable(None, 0));
}

#[test]
fn each_death_together_halves_the_company() {
    let run = tempfile::tempdir().unwrap();
    let mut company = 64u8;
    let mut attempt = 1;
    journal(run.path(), attempt, 0, &(0..64).map(started).collect::<Vec<_>>());
    while company > 1 {
        attempt += 1;
        journal(run.path(), attempt, 0, &(0..company).map(started).collect::<Vec<_>>());
        company /= 2;
        assert_eq!(state(&ledger(run.path()), 0, NO_RETRY), runnable(Some(company.into()), 0));
    }
    assert_eq!(attempt, 7, "the guilty one of 64 is found in so many attempts");
}

#[test]
fn a_torn_journal_counts_deaths_and_a_corrupt_one_does_not() {
    let run = tempfile::tempdir().unwrap();
    journal(run.path(), 1, 0, &[started(1)]);
    journal(run.path(), 1, 1, &[started(2)]);
    for (file, garbage) in files(run.path()).iter().zip([vec![9; 3], vec![0xff; 40]]) {
        OpenOptions::new().append(true).open(&file.path).unwrap().write_all(&garbage).unwrap();
    }
    assert_eq!(deaths(run.path(), 1).shared, 1);
    assert_eq!(deaths(run.path(), 2), Deaths::default());
}

#[test]
fn kills_of_everything_during_one_long_evaluation_condemn_nothing() {
    let run = tempfile::tempdir().unwrap();
    for attempt in 1..=21 {
        let start = if attempt < 3 { started(1) } else { alone(1) };
        journal(run.path(), attempt, 0, &[kills(3), start]);
        journal(run.path(), attempt, 1, &[kills(3)]);
        let expected = if attempt < 2 { None } else { Some(1) };
        assert_eq!(treatment(&ledger(run.path()), 1), runnable(expected, 0), "after attempt {attempt}");
    }
    assert_eq!(deaths(run.path(), 1).silent, 19);
    // One that never comes to its end must be given up at last.
    journal(run.path(), 22, 0, &[alone(1)]);
    let given_up = TaskState::Quarantined { deaths: 20, is_guilty: false };
    assert_eq!(state(&ledger(run.path()), 1, NO_RETRY), given_up);
    let never = CrashPolicy { max_crashes: 0 };
    let state = ledger(run.path()).state(&key(1), NO_RETRY, never).unwrap();
    assert_eq!(state, TaskState::Runnable { company: Some(1), ended_before: 0, silent: 20 });
}

#[test]
fn of_deaths_of_both_kinds_those_with_a_sign_are_told() {
    let run = tempfile::tempdir().unwrap();
    for attempt in 1..=23 {
        journal(run.path(), attempt, 0, &[alone(1)]);
    }
    for attempt in 24..=26 {
        journal(run.path(), attempt, 0, &[alone(1), fatal(1)]);
    }
    let deaths = deaths(run.path(), 1);
    assert_eq!((deaths.silent, deaths.named), (23, 3));
    assert_eq!(state(&ledger(run.path()), 1, NO_RETRY), TaskState::Quarantined { deaths: 3, is_guilty: true });
}

#[test]
fn a_strict_policy_condemns_after_one_death_that_a_signal_names() {
    let run = tempfile::tempdir().unwrap();
    journal(run.path(), 1, 0, &[started(1), started(2)]);
    let strict = |run: &Path| ledger(run).state(&key(1), NO_RETRY, CrashPolicy { max_crashes: 1 }).unwrap();
    assert_eq!(strict(run.path()), runnable(Some(1), 0));
    journal(run.path(), 2, 0, &[alone(1), fatal(1)]);
    assert_eq!(strict(run.path()), TaskState::Quarantined { deaths: 1, is_guilty: true });
}

#[test]
fn repeating_a_crashed_task_forgives_its_earlier_deaths() {
    let run = tempfile::tempdir().unwrap();
    for attempt in 1..=3 {
        journal(run.path(), attempt, 0, &[alone(1), fatal(1)]);
    }
    journal(run.path(), 4, 0, &[Frame::Finished(failed(key(1), FailureKind::Crashed, 3)), Frame::Closed]);
    let before = ledger(run.path());
    assert_eq!(state(&before, 1, NO_RETRY), TaskState::Recorded);
    assert_eq!(state(&before, 1, RetryFailed::WorthRetrying), runnable(None, 3));
    journal(run.path(), 5, 0, &[alone(1), fatal(1)]);
    assert_eq!(state(&ledger(run.path()), 1, RetryFailed::WorthRetrying), runnable(Some(1), 3));
}

#[test]
fn a_journal_of_another_run_is_refused() {
    let run = tempfile::tempdir().unwrap();
    journal(run.path(), 1, 0, &[]);
    let error = Ledger::new(run.path()).scan(&files(run.path())[0], crate::RunId([1; 16])).unwrap_err();
    assert!(error.to_string().contains("0707"), "{error}");
}

#[test]
fn the_account_of_an_own_journal_equals_its_scan() {
    let run = tempfile::tempdir().unwrap();
    let sample = MemorySample {
        time_s: 2.5,
        resident_bytes: 3,
        peak_bytes: 4,
        weight_bytes: 1,
        sharing: None,
        held_bytes: 0,
        promised_bytes: 0,
        in_flight: 1,
        finished: 1,
        busy_s: 0.5,
    };
    let frames = [started(1), Frame::Finished(done(key(1), 1.0)), Frame::Memory(sample), Frame::Closed];
    let mut writer = JournalWriter::create(run.path(), &header(1, 0)).unwrap();
    let mut account = JournalAccount::new(&header(1, 0));
    let mut parts = Vec::new();
    for frame in &frames {
        account.note(frame, writer.append(frame).unwrap());
        // Whatever was taken out before.
        parts.push(account.take());
    }
    let mut own = Ledger::new(run.path());
    for part in parts.into_iter().chain([account.into_part()]) {
        own.absorb(part).unwrap();
    }
    assert_eq!(contents(&own), contents(&ledger(run.path())));
}

fn any_frames() -> impl Strategy<Value = Vec<Frame>> {
    let frame = prop_oneof![
        (0u8..6, any::<bool>()).prop_map(|(number, alone)| Frame::Started { key: key(number), alone }),
        (0u8..6).prop_map(|number| Frame::Finished(done(key(number), 1.0))),
        (0u8..6, 1u32..4).prop_map(|(number, attempts)| timeout(number, attempts)),
        (0u8..6, any::<bool>()).prop_map(|(number, known)| Frame::Fatal { key: known.then(|| key(number)), signal: 6 }),
        (0u64..4).prop_map(kills),
        Just(Frame::Pressed { resident_bytes: 9, limit_bytes: 10 }),
        Just(Frame::Draining),
        Just(Frame::Closed),
    ];
    vec(frame, 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_split_among_ranks_merged_in_any_order_gives_the_same(
        journals in vec(any_frames(), 1..7), owners in vec(0usize..3, 7), twice in any::<bool>(),
    ) {
        let run = tempfile::tempdir().unwrap();
        for (number, frames) in (0u32..).zip(&journals) {
            journal(run.path(), number / 2 + 1, number % 2, frames);
        }
        let mut parts: Vec<Vec<LedgerPart>> = vec![Vec::new(); 3];
        for (file, owner) in files(run.path()).iter().zip(&owners) {
            scan_journal(file, RUN, |part| -> Result<(), crate::StoreError> {
                // As it travels between ranks.
                parts[*owner].push(postcard::from_bytes(&postcard::to_stdvec(&part).unwrap()).unwrap());
                Ok(())
            }).unwrap();
        }
        let whole = contents(&ledger(run.path()));
        for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
            let mut merged = Ledger::new(run.path());
            for part in order.iter().flat_map(|owner| &parts[*owner]) {
                for _ in 0..if twice { 2 } else { 1 } {
                    merged.absorb(part.clone()).unwrap();
                }
            }
            prop_assert_eq!(&contents(&merged), &whole);
        }
    }
}

#[test]
fn a_task_takes_forty_bytes() {
    assert_eq!(std::mem::size_of::<LedgerEntry>(), 40);
    assert_eq!(std::mem::size_of::<TaskKey>(), 16);
}

proptest! {
    #[test]
    fn a_record_is_the_same_from_disk(
        offset in any::<u64>(), numbers in any::<[u32; 4]>(), kind in proptest::option::of(Just(FailureKind::Timeout)),
    ) {
        let [attempt, rank, len, attempts] = numbers;
        let head = crate::RecordHead { key: key(1), potential: 0, failure: kind, attempts, wall_s: 0.0 };
        let location = Location { attempt, rank, place: crate::FrameRef { offset, len } };
        let recorded = LedgerEntry::new(&head, location).recorded;
        let mut bytes = [0; <Recorded as mlip_spill::Value>::BYTES];
        mlip_spill::Value::write(&recorded, &mut bytes);
        prop_assert_eq!(<Recorded as mlip_spill::Value>::read(&bytes), recorded);
    }
}

#[test]
fn answers_are_kept_until_there_is_a_record_and_clear_the_task_of_suspicion() {
    let folder = tempfile::tempdir().unwrap();
    let answered = |energies: &[f64]| {
        let answers = (0..).zip(energies.iter().map(|energy| Prediction { energy: *energy, ..Prediction::default() }));
        Frame::Answered(Answers { key: key(1), spent_s: 0.5, answers: answers.collect() })
    };
    let write = |attempt: u32, frames: &[Frame]| {
        let mut writer = JournalWriter::create(folder.path(), &header(attempt, 0)).unwrap();
        frames.iter().for_each(|frame| {
            writer.append(frame).unwrap();
        });
    };
    let ledger = || {
        let mut ledger = Ledger::new(folder.path());
        // Whatever the order in which journals are read.
        for file in Attempts::list(folder.path()).unwrap().files.iter().rev() {
            ledger.scan(file, RUN).unwrap();
        }
        ledger
    };
    let started = || Frame::Started { key: key(1), alone: false };
    // Killed after an answer: nothing is held against the task. Killed before the next: that is.
    write(1, &[started(), answered(&[1.0, 2.0])]);
    assert_eq!(ledger().deaths(&key(1)), Deaths::default());
    write(2, &[started()]);
    assert_eq!(ledger().deaths(&key(1)).own() + ledger().deaths(&key(1)).shared, 1);
    write(3, &[started(), answered(&[3.0]), started()]);
    assert_eq!(ledger().deaths(&key(1)).own() + ledger().deaths(&key(1)).shared, 2);
    let places = ledger().answers(&key(1));
    let answers = crate::journal::read_answers(folder.path(), &places).unwrap();
    let energies: Vec<f64> = answers.iter().flat_map(|frame| &frame.answers).map(|(_, answer)| answer.energy).collect();
    assert_eq!(energies, [1.0, 2.0, 3.0]);
    // A failure makes them useless; a repetition has its own.
    write(4, &[started(), Frame::Finished(failed(key(1), FailureKind::Timeout, 1))]);
    assert_eq!(ledger().answers(&key(1)), []);
    write(5, &[started(), answered(&[4.0])]);
    assert_eq!(ledger().answers(&key(1)).len(), 1);
    write(6, &[Frame::Finished(done(key(1), 1.0))]);
    assert_eq!(ledger().answers(&key(1)), []);
}

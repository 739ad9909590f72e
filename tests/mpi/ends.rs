//! Errors of any rank in any phase: the job ends, with one message and one code.
//!
//! `MLIP_TEST_ROUNDS` repeats each trial, `MLIP_TEST_RANKS` (`2,3,8`) says with how many ranks.

use crate::job::{end, machine, start_wrapped};
use crate::support::{crystals, run, said};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// No end is waited for as long as this: mpirun needs some seconds for many ranks on a busy machine.
const ENDS_WITHIN: Duration = Duration::from_secs(60);

fn rounds() -> usize {
    std::env::var("MLIP_TEST_ROUNDS").map_or(2, |text| text.parse().unwrap())
}

fn numbers_of_ranks() -> Vec<usize> {
    let text = std::env::var("MLIP_TEST_RANKS").unwrap_or_else(|_| "2,3,8".into());
    text.split(',').map(|number| number.trim().parse().unwrap()).collect()
}

/// Starts the program on one rank with files limited to this many blocks of 512 bytes, as if its disk were full.
fn full_disk(rank: usize, blocks: u64) -> Vec<String> {
    // What ranks of a host share in memory are files too: they take the way between hosts, over the
    // only network that every machine has.
    let script = format!(
        "export OMPI_MCA_btl=self,tcp OMPI_MCA_btl_tcp_if_include=127.0.0.0/8; trap '' XFSZ; if [ \"$OMPI_COMM_WORLD_RANK\" = {rank} ]; then ulimit -f {blocks}; fi; exec \"$0\" \"$@\""
    );
    ["sh", "-c", &script].map(str::to_owned).to_vec()
}

/// All ends of a job, by number of ranks and round: one message that holds `expected`, and this code.
fn check(wrapper: &[String], arguments: &[&str], folder: &Path, code: i32, expected: &str) {
    let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    for ranks in numbers_of_ranks() {
        for round in 0..rounds() {
            let _ = fs::remove_dir_all(folder.join("RUN"));
            let begin = Instant::now();
            let mut job = start_wrapped(ranks, &wrapper, arguments, folder);
            // The launcher itself now and then hangs after its ranks have ended.
            let found = end(&mut job, folder);
            let said = fs::read_to_string(folder.join("said.txt")).unwrap();
            let what = format!("{ranks} ranks, round {round}, code {found:?} after {:?}: {said}", begin.elapsed());
            assert!(found.is_none_or(|found| found == code), "{what}");
            assert_eq!(said.matches("error: ").count(), 1, "{what}");
            assert!(said.contains(expected), "{what}");
            assert!(begin.elapsed() < ENDS_WITHIN, "{what}");
        }
    }
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    (folder, path)
}

const RUN: [&str; 7] = ["run", "--cifs", "cifs", "--model", "lennard-jones", "--out", "RUN"];

#[test]
fn an_error_on_the_root_ends_all_ranks_with_one_message() {
    let _machine = machine();
    let (_guard, folder) = folder();
    check(&[], &["run", "--cifs", "nowhere", "--model", "lennard-jones"], &folder, 1, "`nowhere`");
}

#[test]
fn a_wrong_argument_is_said_once() {
    let _machine = machine();
    let (_guard, folder) = folder();
    check(&[], &["run", "--no-such-flag"], &folder, 2, "--no-such-flag");
}

#[test]
fn an_error_of_another_rank_before_work_ends_all_with_one_message() {
    let _machine = machine();
    let (_guard, folder) = folder();
    crystals(&folder, 8, 1);
    // Its journal cannot be begun.
    check(&full_disk(1, 0), &RUN, &folder, 1, "rank 1: ");
}

#[test]
fn an_error_of_another_rank_during_work_ends_all_with_one_message() {
    let _machine = machine();
    let (_guard, folder) = folder();
    crystals(&folder, 400, 4);
    check(&full_disk(1, 1), &RUN, &folder, 1, "rank 1: ");
}

#[test]
fn an_error_on_the_root_while_rows_are_gathered_ends_all_with_one_message() {
    let _machine = machine();
    let (_guard, folder) = folder();
    crystals(&folder, 600, 4);
    let whole = run(&RUN, &folder);
    assert_eq!(whole.status.code(), Some(0), "{}", said(&whole));
    // The journal of a single rank would fit, half of the largest table does not.
    let bytes = |path: &str| fs::metadata(folder.join("RUN").join(path)).unwrap().len();
    let (journal, table) = (bytes("journal/0001/rank-00000.journal"), bytes("report/forces.csv"));
    let limit = (journal + table) / 2;
    assert!(journal < limit, "{journal} {table}");
    check(&full_disk(0, limit / 512), &RUN, &folder, 1, "forces.csv");
}

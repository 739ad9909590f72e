//! Ranks that agree, that are killed, and that go on in another number.

use crate::support::{PROGRAM, crystals, history, program, run, said, tables};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One job at a time: these tests watch the clock.
static MACHINE: Mutex<()> = Mutex::new(());

/// The machine, if it has an mpirun.
fn machine() -> Option<MutexGuard<'static, ()>> {
    match Command::new("mpirun").arg("--version").output() {
        Ok(_) => Some(MACHINE.lock().unwrap_or_else(PoisonError::into_inner)),
        Err(error) => {
            eprintln!("skipped: mpirun cannot be started ({error})");
            None
        }
    }
}

fn mpirun(ranks: usize, arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new("mpirun");
    // Nothing of this test's own surroundings may reach the ranks.
    for (name, value) in program().get_envs() {
        if value.is_none() {
            command.env_remove(name);
        }
    }
    command.args(["--oversubscribe", "-n", &ranks.to_string(), PROGRAM]).args(arguments);
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1").current_dir(folder);
    command
}

/// Starts a job; what it says goes to `said.txt`.
fn start(ranks: usize, arguments: &[&str], folder: &Path) -> Child {
    let said = fs::File::create(folder.join("said.txt")).unwrap();
    mpirun(ranks, arguments, folder).stdout(Stdio::null()).stderr(said).spawn().unwrap()
}

/// Exit code of a job; `None` if its ranks are gone but its launcher hangs: that of Open MPI 4.1 with
/// PMIx 4.2 now and then waits for itself in `PMIx_server_finalize`, whatever it launched.
fn end(job: &mut Child, folder: &Path) -> Option<i32> {
    let mut gone = None;
    loop {
        if let Some(status) = job.try_wait().unwrap() {
            return status.code();
        }
        if processes(folder).iter().any(|(_, launcher)| !launcher) {
            gone = None;
        } else if gone.get_or_insert_with(Instant::now).elapsed() > LAUNCHER_ENDS_WITHIN {
            eprintln!("mpirun hangs without ranks; it is killed");
            job.kill().unwrap();
            job.wait().unwrap();
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Longer than mpirun needs to start ranks, or to end after them, on a busy machine.
const LAUNCHER_ENDS_WITHIN: Duration = Duration::from_secs(15);

/// Brings a run to its end.
fn finish(ranks: usize, folder: &Path) {
    for _ in 0..3 {
        let begun = folder.join("RUN/run.toml").is_file();
        let arguments: &[&str] = if begun { &["resume", "RUN"] } else { &BEGIN };
        if let Some(code) = end(&mut start(ranks, arguments, folder), folder) {
            assert_eq!(code, 0, "{ranks} ranks: {}", fs::read_to_string(folder.join("said.txt")).unwrap());
            return;
        }
    }
    panic!("mpirun hung three times");
}

fn reference(folder: &Path, n: usize, side: usize) -> Vec<(&'static str, String)> {
    crystals(folder, n, side);
    let output = run(&["run", "--cifs", "cifs", "--model", "lennard-jones", "--out", "REFERENCE"], folder);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    tables(&folder.join("REFERENCE"))
}

const BEGIN: [&str; 7] = ["run", "--cifs", "cifs", "--model", "lennard-jones", "--out", "RUN"];

#[test]
fn any_number_of_ranks_writes_the_same_tables() {
    let Some(_machine) = machine() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let expected = reference(&folder, 60, 3);
    for ranks in [1, 2, 3, 64] {
        let _ = fs::remove_dir_all(folder.join("RUN"));
        finish(ranks, &folder);
        assert_eq!(tables(&folder.join("RUN")), expected, "{ranks} ranks");
        let history = history(&folder.join("RUN"));
        history.check();
        assert_eq!(history.journals, history.closed);
        assert_eq!(history.journals % ranks, 0);
    }
}

/// Processes of this job, by the run folder among their arguments; mpirun itself first.
fn processes(folder: &Path) -> Vec<(u32, bool)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(id) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let here = fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == folder);
        let program = fs::read_link(entry.path().join("exe")).unwrap_or_default();
        if here && program == Path::new(PROGRAM) {
            found.push((id, false));
        } else if here && program.file_name().is_some_and(|name| name == "orterun" || name == "prterun") {
            found.insert(0, (id, true));
        }
    }
    found
}

fn kill(id: u32, signal: &str) {
    // It may be gone already.
    let _ = Command::new("kill").args([signal, &id.to_string()]).stderr(Stdio::null()).status();
}

/// Starts the job and, so long after its ranks are there, kills one of them or all.
fn disturbed(ranks: usize, folder: &Path, after: Duration, all: bool) -> bool {
    let begun = folder.join("RUN/run.toml").is_file();
    let arguments: &[&str] = if begun { &["resume", "RUN"] } else { &BEGIN };
    let mut job = start(ranks, arguments, folder);
    wait_until(&mut job, || processes(folder).iter().filter(|(_, launcher)| !launcher).count() >= ranks);
    std::thread::sleep(after);
    let alive = job.try_wait().unwrap().is_none();
    let mut victims = processes(folder);
    victims.retain(|(_, launcher)| all || !launcher);
    let count = if all { victims.len() } else { 1 };
    let skip = if all { 0 } else { after.as_micros() as usize % victims.len().max(1) };
    victims.iter().skip(skip).take(count).for_each(|(id, _)| kill(*id, "-KILL"));
    end(&mut job, folder);
    wait_until_gone(folder);
    alive
}

fn wait_until(job: &mut Child, ready: impl Fn() -> bool) {
    let begin = Instant::now();
    while !ready() && job.try_wait().unwrap().is_none() && begin.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(3));
    }
}

fn wait_until_gone(folder: &Path) {
    let begin = Instant::now();
    while !processes(folder).is_empty() && begin.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn killed_at_any_moment_a_run_goes_on_with_another_number_of_ranks() {
    let Some(_machine) = machine() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let expected = reference(&folder, 90, 6);
    let mut alive = 0;
    for round in 0..8u64 {
        if round % 4 == 0 {
            let _ = fs::remove_dir_all(folder.join("RUN"));
        }
        let ranks = [3, 2, 1, 4][round as usize % 4];
        let after = Duration::from_micros(40_000 + 61_357 * (round * 5 % 8));
        alive += usize::from(disturbed(ranks, &folder, after, round % 2 == 1));
        if round % 4 == 3 {
            finish(2, &folder);
            assert_eq!(tables(&folder.join("RUN")), expected);
            history(&folder.join("RUN")).check();
        }
    }
    assert!(alive > 0, "every job ended before it could be killed");
}

#[test]
fn a_signal_to_the_launcher_drains_all_ranks() {
    let Some(_machine) = machine() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let expected = reference(&folder, 90, 6);
    let mut job = start(2, &BEGIN, &folder);
    wait_until(&mut job, || {
        folder.join("RUN/journal").is_dir() && history(&folder.join("RUN")).tasks.values().any(|(_, ended)| *ended > 0)
    });
    kill(job.id(), "-USR1");
    assert!(matches!(end(&mut job, &folder), Some(75) | None));
    let drained = history(&folder.join("RUN"));
    assert_eq!((drained.journals, drained.closed), (2, 2));
    assert!(drained.tasks.values().all(|(started, ended)| started == ended));
    finish(3, &folder);
    assert_eq!(tables(&folder.join("RUN")), expected);
    history(&folder.join("RUN")).check();
}

#[test]
fn an_error_on_the_root_ends_all_ranks_with_one_message() {
    let Some(_machine) = machine() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let mut job = start(3, &["run", "--cifs", "nowhere", "--model", "lennard-jones"], &folder);
    assert!(matches!(end(&mut job, &folder), Some(1) | None));
    let said = fs::read_to_string(folder.join("said.txt")).unwrap();
    assert_eq!(said.matches("error: ").count(), 1, "{said}");
}

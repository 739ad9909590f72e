//! Jobs of several processes.

use crate::support::{PROGRAM, program};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One job at a time: these tests watch the clock.
static MACHINE: Mutex<()> = Mutex::new(());

/// The machine. A build with MPI is tested with it or not at all.
pub(crate) fn machine() -> MutexGuard<'static, ()> {
    if let Err(error) = Command::new("mpirun").arg("--version").output() {
        panic!("mpirun cannot be started ({error}); install it (openmpi-bin), or test without `--features mpi`");
    }
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `mpirun` of the program; `wrapper` is what each rank starts it with.
pub(crate) fn mpirun(ranks: usize, wrapper: &[&str], arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new("mpirun");
    // Nothing of this test's own surroundings may reach the ranks.
    for (name, value) in program().get_envs() {
        if value.is_none() {
            command.env_remove(name);
        }
    }
    command.args(["--oversubscribe", "--bind-to", "none", "-n", &ranks.to_string()]);
    command.args(wrapper).arg(PROGRAM).args(arguments);
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1").current_dir(folder);
    command
}

/// Starts a job; what it says goes to `said.txt`.
pub(crate) fn start(ranks: usize, arguments: &[&str], folder: &Path) -> Child {
    start_wrapped(ranks, &[], arguments, folder)
}

/// The same, each rank started by `wrapper`.
pub(crate) fn start_wrapped(ranks: usize, wrapper: &[&str], arguments: &[&str], folder: &Path) -> Child {
    let said = fs::File::create(folder.join("said.txt")).unwrap();
    mpirun(ranks, wrapper, arguments, folder).stdout(Stdio::null()).stderr(said).spawn().unwrap()
}

/// Exit code of a job; `None` if its ranks are gone but its launcher hangs: that of Open MPI 4.1 with
/// PMIx 4.2 now and then waits for itself in `PMIx_server_finalize`, whatever it launched.
pub(crate) fn end(job: &mut Child, folder: &Path) -> Option<i32> {
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

/// Processes of this job, by the run folder among their arguments; mpirun itself first.
pub(crate) fn processes(folder: &Path) -> Vec<(u32, bool)> {
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

pub(crate) fn kill(id: u32, signal: &str) {
    // It may be gone already.
    let _ = Command::new("kill").args([signal, &id.to_string()]).stderr(Stdio::null()).status();
}

/// Whether mpirun, asked by a signal, asks what it started, whatever that is: that of some hosts does not.
pub(crate) fn launcher_passes_signals_on(folder: &Path) -> bool {
    let script = "trap 'touch passed; exit' USR1; touch ready; for i in $(seq 300); do sleep 0.1; done";
    let mut command = Command::new("mpirun");
    command.args(["--oversubscribe", "-n", "1", "sh", "-c", script]).current_dir(folder);
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    let mut job = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let is_there = |name: &str| folder.join(name).is_file();
    wait_until(&mut job, || is_there("ready"));
    assert!(is_there("ready"), "mpirun cannot start a shell");
    kill(job.id(), "-USR1");
    wait_until(&mut job, || is_there("passed"));
    // At the latest when the shell has slept enough.
    job.wait().unwrap();
    is_there("passed")
}

/// Whether a signal waits for this process, which is stopped.
pub(crate) fn is_pending(id: u32, number: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:"));
    let pending = pending.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or_default();
    pending >> (number - 1) & 1 == 1
}

pub(crate) fn wait_until(job: &mut Child, ready: impl Fn() -> bool) {
    let begin = Instant::now();
    while !ready() && job.try_wait().unwrap().is_none() && begin.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(3));
    }
}

pub(crate) fn wait_until_gone(folder: &Path) {
    let begin = Instant::now();
    while !processes(folder).is_empty() && begin.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(10));
    }
}

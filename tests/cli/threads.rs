//! The program runs as many threads as it says.

use crate::support::{program, rock_salt, run};
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Names of the threads of a process.
fn threads(id: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    tasks
        .filter_map(|task| fs::read_to_string(task.path().join("comm")).ok())
        .map(|name| name.trim().to_owned())
        .collect()
}

#[test]
fn no_potential_starts_threads_beyond_the_budget() {
    let folder = tempfile::tempdir().unwrap();
    let cifs = folder.path().join("cifs");
    fs::create_dir(&cifs).unwrap();
    for number in 0..30 {
        fs::write(cifs.join(format!("{number}.cif")), rock_salt(number, 5)).unwrap();
    }
    let models = String::from_utf8(run(&["models"], folder.path()).stdout).unwrap();
    let built_in = ["lennard-jones", "chgnet"].into_iter().filter(|name| models.contains(name));
    for (model, workers) in built_in.flat_map(|model| [(model, 1), (model, 3)]) {
        let out = format!("{model}-{workers}");
        let mut command = program();
        command.args(["run", "--cifs", "cifs", "--model", model, "--out", &out]);
        command.args(["--structure-workers", &workers.to_string(), "--oversubscribe"]);
        let mut child = command.current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begin = Instant::now();
        let mut most = Vec::new();
        while child.try_wait().unwrap().is_none() && begin.elapsed() < Duration::from_secs(4) {
            let now = threads(child.id());
            if now.len() > most.len() {
                most = now;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = child.kill();
        child.wait().unwrap();
        // The main thread, the workers, the one that syncs the journal.
        assert_eq!(most.len(), 1 + workers + 1, "{model}: {most:?}");
    }
}

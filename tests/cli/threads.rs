//! The program runs as many threads as it says.

use crate::support::{program, rock_salt, run};
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// `PF_EXITING` among the flags of a thread (`sched.h` of Linux): it has ended, and is joined, but is listed still.
const EXITING: u64 = 4;

/// Longer than a thread needs to end, shorter than the evaluations here.
const MOMENT: Duration = Duration::from_millis(300);

/// Names of the threads of a process, once they are the same before and after a look: a list that is read while one ends and
/// another begins has both.
fn threads(id: u32) -> Vec<String> {
    let mut seen = listed_threads(id);
    loop {
        let again = listed_threads(id);
        if again.len() == seen.len() && again.iter().zip(&seen).all(|(now, before)| now.0 == before.0) {
            return again.into_iter().map(|(_, name)| name).collect();
        }
        seen = again;
    }
}

/// Number and name of each.
fn listed_threads(id: u32) -> Vec<(String, String)> {
    let tasks = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let name = |stat: String| {
        let (before, after) = stat.rsplit_once(") ")?;
        // The name stands in parentheses; of what follows the flags are the seventh.
        let flags: u64 = after.split(' ').nth(6)?.parse().ok()?;
        let (number, name) = before.split_once(" (")?;
        (flags & EXITING == 0).then(|| (number.to_owned(), name.to_owned()))
    };
    tasks.filter_map(|task| fs::read_to_string(task.path().join("stat")).ok()).filter_map(name).collect()
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
        // The main thread, the workers, the one that syncs the journal, the one that waits for signals.
        let expected = 1 + workers + 2;
        let (mut most, mut above) = (Vec::new(), None::<Instant>);
        while child.try_wait().unwrap().is_none() && begin.elapsed() < Duration::from_secs(4) {
            let now = threads(child.id());
            // On a busy machine a thread that has done its work is listed while others begin, for a moment.
            let is_more = now.len() > expected;
            above = is_more.then(|| above.unwrap_or_else(Instant::now));
            let lasts = above.is_none_or(|since| since.elapsed() > MOMENT);
            if lasts && now.len() > most.len() {
                most = now;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = child.kill();
        child.wait().unwrap();
        assert_eq!(most.len(), expected, "{model}: {most:?}");
    }
}

/// `… structure workers x … on … cores` in a text.
fn budget(text: &str) -> &str {
    let line = text.lines().find(|line| line.contains(" structure workers x ")).unwrap_or(text);
    line.split_once("each ").map_or(line, |(_, budget)| budget)
}

#[test]
fn a_plan_has_the_threads_of_its_run() {
    let folder = tempfile::tempdir().unwrap();
    let cifs = folder.path().join("cifs");
    fs::create_dir(&cifs).unwrap();
    for number in 0..9 {
        fs::write(cifs.join(format!("{number}.cif")), rock_salt(number, 1)).unwrap();
    }
    let settings: [(&[&str], Option<&str>); 5] = [
        (&[], None),
        (&[], Some("1")),
        // Room for one evaluation of 64 atoms beside the program, which takes some megabytes more or less each time; for
        // two from some 112 MB on.
        (&["--memory-limit", "95M"], None),
        (&["--structure-workers", "2", "--threads-per-mlip", "2", "--oversubscribe"], None),
        (&["--max-mlip-workers", "2"], None),
    ];
    for (number, (flags, cpus_per_task)) in settings.into_iter().enumerate() {
        let with = |begin: &[&str]| {
            let mut command = program();
            command.args([begin, &["--cifs", "cifs", "--model", "lennard-jones", "--model", "chgnet"], flags].concat());
            if let Some(cpus) = cpus_per_task {
                command.env("SLURM_CPUS_PER_TASK", cpus);
            }
            command.current_dir(folder.path()).output().unwrap()
        };
        let planned = with(&["plan"]);
        let ran = with(&["run", "--out", &number.to_string()]);
        let (planned, ran) = (String::from_utf8_lossy(&planned.stdout), String::from_utf8_lossy(&ran.stderr));
        assert_eq!(budget(&planned), budget(&ran), "{flags:?} {cpus_per_task:?}\n{planned}\n{ran}");
        assert!(budget(&ran).contains("MLIP workers"), "{ran}");
    }
}

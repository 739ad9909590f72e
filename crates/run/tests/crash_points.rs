//! Every call that a small run makes to the file system goes wrong once, and the run goes on to the same tables.
//!
//! The program starts itself: as a child it begins a run, or goes on with it, with a fault at one call; as the parent it
//! counts the calls, gives each of them its faults, and goes on without. All points with `MLIP_CRASH_POINTS=all`, else a
//! part of those where calls fail (`=3` takes every third of all).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "says what was tried")]

use mlip_disk::{Action, Faults, Operation, Verdict, inject};
use mlip_ranks::Solo;
use mlip_run::{AttemptOptions, Changes, ChosenPotential, End, NewRun, NoEvents, Run, Signals, Source};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What happens at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The process is gone before it.
    Kill,
    /// The machine is gone; a write has written half, and what was not synced is lost.
    PowerFailure,
    /// The disk is full.
    Full,
    /// The disk fails.
    Broken,
    /// As many files are open as may be.
    TooManyFiles,
}

const FAULTS: [(&str, Fault); 5] = [
    ("kill", Fault::Kill),
    ("power", Fault::PowerFailure),
    ("full", Fault::Full),
    ("broken", Fault::Broken),
    ("files", Fault::TooManyFiles),
];

/// Counts calls within a folder, and does something at one of them; or at each.
struct Plan {
    folder: PathBuf,
    what: String,
    at: usize,
    count: &'static AtomicUsize,
}

impl Faults for Plan {
    fn verdict(&self, operation: &Operation<'_>) -> Verdict {
        if !operation.path.starts_with(&self.folder) {
            return Verdict::Go;
        }
        let number = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        if self.what == "interrupt" {
            // Every other write is interrupted, the others write a byte.
            return match operation.action {
                Action::Write(_) if number.is_multiple_of(2) => Verdict::Fail(libc_numbers::EINTR),
                Action::Write(_) => Verdict::Short(1),
                _ => Verdict::Go,
            };
        }
        let Some((_, fault)) = FAULTS.iter().find(|(name, _)| *name == self.what).filter(|_| number == self.at) else {
            return Verdict::Go;
        };
        match (fault, operation.action) {
            (Fault::Kill, _) => Verdict::Crash { written: 0, loses_unsynced: false },
            (Fault::PowerFailure, Action::Write(n)) => Verdict::Crash { written: n / 2, loses_unsynced: true },
            (Fault::PowerFailure, _) => Verdict::Crash { written: 0, loses_unsynced: true },
            (Fault::Full, _) => Verdict::Fail(libc_numbers::ENOSPC),
            (Fault::Broken, _) => Verdict::Fail(libc_numbers::EIO),
            (Fault::TooManyFiles, _) => Verdict::Fail(libc_numbers::EMFILE),
        }
    }
}

/// Numbers of errors on Linux.
mod libc_numbers {
    pub(super) const EINTR: i32 = 4;
    pub(super) const EIO: i32 = 5;
    pub(super) const EMFILE: i32 = 24;
    pub(super) const ENOSPC: i32 = 28;
}

/// Begins the run of a folder, or goes on with it.
fn attempt(folder: &Path) -> Result<End, Box<dyn std::error::Error>> {
    let run_dir = folder.join("RUN");
    let options = AttemptOptions::default();
    let run = if run_dir.join("run.toml").is_file() {
        Run::open(&run_dir, Changes::default(), &options)?
    } else {
        let mut new = NewRun::new(&run_dir, vec![ChosenPotential::named("lennard-jones")]);
        new.folder = folder.into();
        new.inputs.sources =
            ["t.xyz.gz", "bad.cif"].iter().map(|name| Source::from_path_in(folder, name).unwrap()).collect();
        new.resources.structure_workers = Some(1);
        Run::create(new, &options)?
    };
    Ok(run.execute(&mut Solo::new("here".into()), Signals::default(), &mut NoEvents)?.end)
}

fn child(folder: &Path, what: &str, at: usize) -> ! {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    inject(Box::new(Plan { folder: folder.into(), what: what.into(), at, count: &COUNT }));
    let code = match attempt(folder) {
        Ok(End::Complete) => 0,
        Ok(end) => {
            eprintln!("ended: {end:?}");
            3
        }
        Err(error) => {
            let mut causes = vec![error.to_string()];
            let mut next = error.source();
            while let Some(cause) = next {
                causes.push(cause.to_string());
                next = cause.source();
            }
            eprintln!("error: {}", causes.join(": "));
            1
        }
    };
    if matches!(what, "count" | "interrupt") {
        eprintln!("calls: {}", COUNT.load(Ordering::SeqCst));
    }
    std::process::exit(code)
}

fn start(folder: &Path, what: &str, at: usize) -> Output {
    let program = std::env::current_exe().unwrap();
    Command::new(program).arg(folder).arg(what).arg(at.to_string()).output().unwrap()
}

/// A folder with a compressed file of some frames and a CIF that is none.
fn fill(folder: &Path) {
    let frame =
        |k: usize| format!("2\nLattice=\"{a} 0 0 0 4 0 0 0 4\"\nH 0 0 0\nHe 1.9 0 {k}e-2\n", a = 3.8 + 0.1 * k as f64);
    let text: String = (0..4).map(frame).collect();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    std::fs::write(folder.join("t.xyz.gz"), packed.finish().unwrap()).unwrap();
    std::fs::write(folder.join("bad.cif"), "data_x\n_cell_length_a 1,5\n").unwrap();
}

const TABLES: [&str; 5] = ["energies.csv", "forces.csv", "ensemble.csv", "failures.csv", "warnings.csv"];

fn tables(folder: &Path) -> Vec<String> {
    TABLES.iter().map(|name| std::fs::read_to_string(folder.join("RUN/report").join(name)).unwrap()).collect()
}

fn text_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What is wrong with a run that was disturbed once and then went on, and whether the disturbance had no effect.
fn disturbed(what: &str, at: usize, expected: &[String]) -> Result<bool, String> {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let first = start(folder.path(), what, at);
    let then = start(folder.path(), "none", 0);
    let (said, whole) = (text_of(&first), first.status.success());
    if !then.status.success() {
        return Err(format!("{said}then: {}", text_of(&then)));
    }
    if tables(folder.path()) != expected {
        return Err(format!("{said}other tables"));
    }
    // Of what an error says there must be a sentence.
    let is_error = !matches!(what, "kill" | "power" | "interrupt");
    let is_told = said.contains("error: ") || said.contains("ended: ");
    if said.contains("panicked") || (is_error && !whole && (first.status.code().is_none() || !is_told)) {
        return Err(format!("{}: {said}", first.status));
    }
    Ok(whole)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [folder, what, at] = arguments.as_slice()
        && folder.starts_with('/')
    {
        child(Path::new(folder), what, at.parse().unwrap());
    }
    let every = match std::env::var("MLIP_CRASH_POINTS").as_deref() {
        Ok("all") => [1; FAULTS.len()],
        Ok(number) => [number.parse().expect("MLIP_CRASH_POINTS is a number or `all`"); FAULTS.len()],
        Err(_) => [1, 1, 3, 5, 7],
    };
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let whole = start(folder.path(), "count", 0);
    assert!(whole.status.success(), "{}", text_of(&whole));
    let expected = tables(folder.path());
    assert_eq!(expected[0].lines().count(), 1 + 5, "{}", expected[0]);
    assert!(expected[3].contains("no_atoms"), "{}", expected[3]);
    let said = text_of(&whole);
    let calls: usize = said.lines().find_map(|line| line.strip_prefix("calls: ")).unwrap().parse().unwrap();
    assert!(calls > 100, "{calls} calls went through the layer: the others are not disturbed");

    // What is written byte by byte takes many more calls.
    let patient = tempfile::tempdir().unwrap();
    fill(patient.path());
    let interrupted = start(patient.path(), "interrupt", 0);
    assert!(interrupted.status.success(), "{}", text_of(&interrupted));
    assert_eq!(tables(patient.path()), expected, "interrupted and short writes");
    let said = text_of(&interrupted);
    let bytes: usize = said.lines().find_map(|line| line.strip_prefix("calls: ")).unwrap().parse().unwrap();
    assert!(bytes > 10 * calls, "{bytes} calls with interrupted and short writes, {calls} without");

    let (mut tried, mut wrong) = (BTreeMap::new(), Vec::new());
    for ((name, _), every) in FAULTS.into_iter().zip(every) {
        let (mut n, mut n_without) = (0, 0);
        // Some more: how many calls there are depends a little on who comes first.
        for at in (1..=calls + 3).step_by(every) {
            n += 1;
            match disturbed(name, at, &expected) {
                Ok(whole) => n_without += usize::from(whole),
                Err(what) => wrong.push(format!("{name} at call {at}: {what}")),
            }
        }
        tried.insert(name, (n, n_without));
    }
    eprintln!("crash points: {calls} calls; tried, and of these without effect: {tried:?}");
    // Every call ends the process where that is asked for, but for the few beyond the last.
    for name in ["kill", "power"] {
        let (n, n_without) = tried[name];
        assert!(n_without <= 6, "{name}: {n_without} of {n} trials had no effect");
    }
    assert!(wrong.is_empty(), "{} points:\n{}", wrong.len(), wrong.join("\n"));
}

//! One measured run: this program once more, in a process of its own, so that peaks of memory are its own too.

use super::split::Split;
use crate::error::CommandError;
use crate::program::words;
use mlip_store::report::RunJson;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// What a run took.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Taken {
    /// From the start of the process to its end, tables included, seconds.
    pub(super) wall_s: f64,
    /// Until the last evaluation, seconds.
    pub(super) computing_s: f64,
    /// Largest resident set of a rank, bytes.
    pub(super) peak_bytes: u64,
    /// Sum of the peaks of all ranks, bytes.
    pub(super) peak_sum_bytes: u64,
    /// Entries that are structures, and evaluations with a result.
    pub(super) structures: u64,
    pub(super) evaluations: u64,
}

/// Tables that must not depend on how a run was divided.
pub(super) const TABLES: [&str; 6] =
    ["energies.csv", "forces.csv", "ensemble.csv", "forces_ensemble.csv", "failures.csv", "warnings.csv"];

/// Runs with these settings into `run_dir`, which is removed before.
pub(super) fn measure(settings: &[OsString], split: Split, run_dir: &Path) -> Result<Taken, CommandError> {
    if run_dir.exists() {
        std::fs::remove_dir_all(run_dir)?;
    }
    let program = words()?;
    let mut command = if split.ranks > 1 {
        let launcher = std::env::var("MPIRUN").unwrap_or_else(|_| "mpirun".into());
        let mut words = launcher.split_whitespace();
        let mut command = Command::new(words.next().unwrap_or("mpirun"));
        command.args(words).arg("-n").arg(split.ranks.to_string()).args(program);
        command
    } else {
        let mut command = Command::new(program.first().map_or(OsStr::new(""), OsString::as_os_str));
        command.args(program.iter().skip(1));
        command
    };
    command.arg("run").args(settings).arg("--out").arg(run_dir).args(["--quiet", "--no-cache", "--oversubscribe"]);
    for (flag, number) in [
        ("--structure-workers", split.structures),
        ("--max-mlip-workers", split.mlips),
        ("--threads-per-mlip", split.threads),
    ] {
        command.arg(flag).arg(number.to_string());
    }
    if split.mlips == 1 {
        command.arg("--no-parallel-mlips");
    }
    let begin = Instant::now();
    let output =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output().map_err(|error| {
            CommandError::from_error(&error).while_doing(format!("cannot start {:?}", command.get_program()))
        })?;
    let wall_s = begin.elapsed().as_secs_f64();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(CommandError::new(format!("the run with {split} ended with {}: {}", output.status, said.trim())));
    }
    let about: RunJson = serde_json::from_str(&std::fs::read_to_string(run_dir.join("report/run.json"))?)?;
    let (peak_bytes, peak_sum_bytes) = peaks(&run_dir.join("report/memory.csv"))?;
    Ok(Taken {
        wall_s,
        computing_s: about.wall_s,
        peak_bytes,
        peak_sum_bytes,
        structures: about.counts.structures,
        evaluations: about.counts.ok,
    })
}

/// Largest peak of a rank, and the sum over ranks.
fn peaks(table: &Path) -> Result<(u64, u64), CommandError> {
    let text = std::fs::read_to_string(table)?;
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let column = |name| columns.iter().position(|column| *column == name);
    let (Some(rank), Some(peak)) = (column("rank"), column("peak_bytes")) else { return Ok((0, 0)) };
    let mut of_ranks: HashMap<&str, u64> = HashMap::new();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        if let (Some(rank), Some(Ok(bytes))) = (cells.get(rank), cells.get(peak).map(|cell| cell.parse::<u64>())) {
            let largest = of_ranks.entry(rank).or_default();
            *largest = bytes.max(*largest);
        }
    }
    Ok((of_ranks.values().copied().max().unwrap_or(0), of_ranks.values().sum()))
}

/// The first table in which two runs differ.
pub(super) fn difference(one: &Path, other: &Path) -> Result<Option<&'static str>, CommandError> {
    for name in TABLES {
        let paths: [PathBuf; 2] = [one, other].map(|run| run.join("report").join(name));
        if paths.iter().any(|path| path.exists()) && std::fs::read(&paths[0])? != std::fs::read(&paths[1])? {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

//! Round after round of runs, and what comes out.

use super::measure::{difference, measure};
use super::split::Split;
use super::table::Row;
use super::{plot, table};
use crate::args::BenchArgs;
use crate::commands::output::print;
use crate::error::CommandError;
use crate::exit_code::ExitCode;
use crate::settings::Settings;
use crate::show::say;
use mlip_driver::Machine;
use mlip_ranks::Launch;
use mlip_store::AtomicFile;
use std::ffi::OsString;
use std::path::Path;

/// Runs the list again and again, divided in different ways, and compares times, memory and results.
pub(crate) fn bench(args: &BenchArgs) -> Result<ExitCode, CommandError> {
    if let Launch::Parallel { launcher, .. } = Launch::detect(|name| std::env::var(name).ok()) {
        return Err(CommandError::new(format!("bench was started by {launcher} as one of several processes"))
            .hint("start it once; it starts ranks by itself: --splits 1 2:1 4:1")
            .usage());
    }
    let settings = Settings::of_bench(args)?;
    if settings.sources.iter().any(|path| path.as_os_str() == "-") {
        return Err(CommandError::new("a list from standard input can be read only once")
            .hint("name a list file")
            .usage());
    }
    settings.notes.iter().for_each(|note| say!("note: {note}"));
    let cores = Machine::of_this_process("").available;
    let splits = splits(&args.splits, cores, settings.potentials.len())?;
    std::fs::create_dir_all(&args.out)?;
    let n_entries = read_once(&settings, &args.out)?;
    let flags = flags(args);
    let repeat = args.repeat.map_or(3, |repeat| repeat.0.get());
    let mut rows: Vec<Row> =
        splits.iter().map(|split| Row { split: *split, taken: Vec::new(), difference: None }).collect();
    // Round after round, so that whatever else the machine does hits all alike.
    for repetition in 0..repeat {
        for number in 0..rows.len() {
            let run = args.out.join("runs").join(number.to_string());
            let Some(row) = rows.get_mut(number) else { continue };
            say!("round {} of {}: {} over {n_entries} entries", repetition + 1, repeat, row.split);
            row.taken.push(measure(&flags, row.split, &run)?);
            if number > 0 && row.difference.is_none() {
                row.difference = difference(&args.out.join("runs/0"), &run)?;
            }
        }
    }
    if !args.keep {
        std::fs::remove_dir_all(args.out.join("runs"))?;
    }
    conclude(&rows, &settings, &args.out)
}

fn splits(asked: &[String], cores: usize, n_potentials: usize) -> Result<Vec<Split>, CommandError> {
    if asked.is_empty() {
        return Ok(Split::usual(cores, n_potentials));
    }
    let mut splits = vec![Split::SEQUENTIAL];
    for text in asked {
        let split = Split::parse(text)?;
        if split.ranks > 1 && !cfg!(feature = "mpi") {
            return Err(CommandError::new(format!(
                "`{text}` asks for {} ranks, but this build has no MPI",
                split.ranks
            ))
            .hint("build with `cargo build --release --features mpi`")
            .usage());
        }
        if split.total() > cores {
            say!("note: {split} has more threads than the {cores} cores of this machine");
        }
        if !splits.contains(&split) {
            splits.push(split);
        }
    }
    Ok(splits)
}

/// Reads all entries, so that the first run finds files in memory as all others do.
fn read_once(settings: &Settings, out: &Path) -> Result<usize, CommandError> {
    let spool = out.join("bench.spool");
    let listed = settings.inputs()?.list(Path::new(""), spool.clone()).map_err(CommandError::of_run)?;
    let manifest = listed.manifest;
    for entry in manifest.iter() {
        // What cannot be read is a failure of every run alike.
        let _ = entry?.read(Path::new(""));
    }
    let _ = std::fs::remove_file(spool);
    Ok(manifest.len())
}

/// The settings of the list and the potentials, for each run; what the environment says reaches them by itself.
fn flags(args: &BenchArgs) -> Vec<OsString> {
    args.job.iter().map(|job| job.clone().into_os_string()).chain(args.typed.iter().cloned()).collect()
}

/// Writes and prints what was measured; different results are an error.
fn conclude(rows: &[Row], settings: &Settings, out: &Path) -> Result<ExitCode, CommandError> {
    let names: Vec<&str> = settings.potentials.iter().map(|potential| potential.label.as_str()).collect();
    let n_structures = rows.first().and_then(|row| row.taken.first()).map_or(0, |taken| taken.structures);
    let title = format!("{} on {n_structures} structures", names.join(" + "));
    AtomicFile::write(&out.join("bench.csv"), table::csv(rows).as_bytes())?;
    AtomicFile::write(&out.join("bench.svg"), plot::plot(rows, &title).as_bytes())?;
    print(&table::table(rows))?;
    say!("{} and {}", out.join("bench.csv").display(), out.join("bench.svg").display());
    match rows.iter().find(|row| row.difference.is_some()) {
        None => Ok(ExitCode::Success),
        Some(row) => Err(CommandError::new(format!("the results of {} differ from the sequential ones", row.split))
            .hint("please report this; --keep keeps the runs for comparison")),
    }
}

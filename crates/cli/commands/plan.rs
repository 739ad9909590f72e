//! `plan`: a dry run, or a sample.

use crate::args::PlanArgs;
use crate::error::CommandError;
use crate::exit_code::ExitCode;
use crate::settings::Settings;
use crate::show::{in_words, say};
use mlip_driver::Forecast;
use mlip_run::Plan;
use serde_json::json;
use std::fmt::Write;
use std::time::Duration;

/// Reads everything, computes nothing or a sample.
pub(crate) fn plan(args: &PlanArgs) -> Result<ExitCode, CommandError> {
    let settings = Settings::of_plan(args)?;
    settings.notes.iter().for_each(|note| say!("note: {note}"));
    let strict = settings.strict;
    let ranks = args.ranks.map_or(1, |ranks| ranks.0.get());
    let sample = args.measure.map(|count| count.0.get());
    if let Some(count) = sample {
        crate::allocator::keep_freed_memory();
        say!(
            "note: up to {count} structures are computed now; --max-steps, --timeout and fewer of them make it shorter"
        );
    }
    let plan = mlip_run::plan(&settings.into_new_run()?, ranks, strict, sample).map_err(CommandError::of_run)?;
    plan.notes.iter().for_each(|note| say!("note: {note}"));
    let found = &plan.estimate;
    if args.json {
        super::output::print(&format!("{}\n", as_json(&plan)))?;
        return Ok(ExitCode::Success);
    }
    let mut text = String::new();
    writeln!(text, "entries     {}", found.entries)?;
    writeln!(text, "structures  {} ({} distinct)", found.structures, found.distinct)?;
    for (class, count) in &found.unreadable {
        writeln!(text, "unreadable  {count} {class}")?;
    }
    if let Some([least, median, most]) = found.atoms {
        writeln!(text, "atoms       {least} to {most}, median {median}")?;
    }
    if plan.n_evaluations > 1.0 {
        writeln!(text, "evaluations {:.0} of each structure and potential, expected", plan.n_evaluations)?;
    }
    for ((name, cost), device) in plan.potentials.iter().zip(&found.cost_s).zip(&plan.devices) {
        let place = if device.is_some() { "card" } else { "core" };
        writeln!(text, "cost        {cost:.1} s on one {place} for {name}")?;
    }
    for (name, device) in plan.potentials.iter().zip(&plan.devices) {
        if let Some(device) = device {
            writeln!(text, "device      {device} for {name}; costs are those of an H100")?;
        }
    }
    writeln!(text, "ranks       {}, each {}", plan.ranks, plan.threads)?;
    writeln!(text, "shards      {}", found.shards)?;
    writeln!(text, "time        {:.1} s, perfectly balanced", found.wall_s)?;
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    writeln!(
        text,
        "memory      {:.0} MB per rank at most: weights {:.0} MB, largest evaluation {:.0} MB, {} in flight",
        megabytes(plan.bytes_per_rank()),
        megabytes(found.weight_bytes),
        megabytes(found.largest_bytes),
        plan.in_flight()
    )?;
    if let Some(forecast) = &plan.forecast {
        text.push_str(&said_of_sample(&plan, forecast));
    }
    super::output::print(&text)?;
    Ok(ExitCode::Success)
}

fn duration(seconds: f64) -> String {
    in_words(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// What a sample says of the run.
fn said_of_sample(plan: &Plan, forecast: &Forecast) -> String {
    let mut text = String::new();
    let Forecast { n_structures, elapsed_s, core_s, journal_bytes, .. } = forecast;
    let mut line = |what: &str, said: String| text.push_str(&format!("{what:<11} {said}\n"));
    line("measured", format!("{n_structures} structures in {elapsed_s:.1} s, on this machine"));
    for one in &forecast.potentials {
        let name = &plan.potentials[one.potential];
        let [least, mean, most] = one.evaluations;
        let evaluations = format!("{mean:.1} evaluations ({least:.0} to {most:.0})");
        let failed = if one.n_failed > 0 { format!(", {} failed", one.n_failed) } else { String::new() };
        let (core, error) = (duration(one.core_s.mean), duration(one.core_s.error));
        line("forecast", format!("{name}: {evaluations}{failed}; {core} on one core for all, ± {error}"));
    }
    let cores = (plan.ranks * plan.threads.structure_workers.get() * plan.threads.mlip_workers.get()).max(1) as f64;
    // Twice its standard error more: one forecast of forty ends later.
    let wall_s = (core_s.mean + 2.0 * core_s.error) / cores;
    line("run", format!("{} on {} ranks, {} at most", duration(core_s.mean / cores), plan.ranks, duration(wall_s)));
    line("", format!("{:.1} core hours", core_s.mean / 3600.0));
    let (bytes, error) = (journal_bytes.mean, journal_bytes.error);
    let (unit, name) = if bytes < 1e6 { (1e3, "kB") } else { (1e6, "MB") };
    line("journals", format!("{:.0} {name}, ± {:.0}", bytes / unit, error / unit));
    line("slurm", sbatch(plan, wall_s));
    text
}

/// The line that starts it, with a tenth of the time for start and tables, in steps of ten minutes.
fn sbatch(plan: &Plan, wall_s: f64) -> String {
    let minutes = ((1.1 * wall_s / 600.0).ceil().max(1.0) * 10.0) as u64;
    let threads = &plan.threads;
    let cpus = threads.structure_workers.get() * threads.mlip_workers.get() * threads.threads_per_mlip.get();
    let megabytes = (plan.bytes_per_rank() as f64 / 1e6 / cpus as f64).max(500.0).ceil();
    format!(
        "sbatch --ntasks={} --cpus-per-task={cpus} --mem-per-cpu={megabytes:.0}M --time={}:{:02}:00 slurm/cpu.sbatch …",
        plan.ranks,
        minutes / 60,
        minutes % 60
    )
}

fn as_json(plan: &Plan) -> serde_json::Value {
    let found = &plan.estimate;
    let of_potentials = plan.potentials.iter().zip(&found.cost_s).zip(&plan.devices);
    let potential = |((label, cost_s), device): ((&String, &f64), &Option<String>)| json!({ "label": label, "cost_s": cost_s, "device": device });
    json!({
        "entries": found.entries,
        "structures": found.structures,
        "distinct": found.distinct,
        "unreadable": found.unreadable,
        "atoms": found.atoms.map(|[least, median, most]| json!({ "least": least, "median": median, "most": most })),
        "evaluations_expected": plan.n_evaluations,
        "potentials": of_potentials.map(potential).collect::<Vec<_>>(),
        "ranks": plan.ranks,
        "structure_workers": plan.threads.structure_workers.get(),
        "mlip_workers": plan.threads.mlip_workers.get(),
        "threads_per_mlip": plan.threads.threads_per_mlip.get(),
        "shards": found.shards,
        "wall_s": found.wall_s,
        "bytes_per_rank": plan.bytes_per_rank(),
        "weight_bytes": found.weight_bytes,
        "largest_bytes": found.largest_bytes,
        "forecast": plan.forecast.as_ref().map(|forecast| json!({
            "structures": forecast.n_structures,
            "elapsed_s": forecast.elapsed_s,
            "core_s": forecast.core_s.mean,
            "core_s_error": forecast.core_s.error,
            "journal_bytes": forecast.journal_bytes.mean,
        })),
    })
}

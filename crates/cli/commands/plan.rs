//! `plan`: a dry run.

use crate::args::PlanArgs;
use crate::error::CommandError;
use crate::exit_code::ExitCode;
use crate::settings::Settings;
use std::fmt::Write;

/// Reads everything, computes nothing.
pub(crate) fn plan(args: &PlanArgs) -> Result<ExitCode, CommandError> {
    let settings = Settings::of_plan(args)?;
    settings.notes.iter().for_each(|note| eprintln!("note: {note}"));
    let strict = settings.strict;
    let ranks = args.ranks.map_or(1, |ranks| ranks.0.get());
    let plan = mlip_run::plan(&settings.into_new_run()?, ranks, strict).map_err(CommandError::of_run)?;
    plan.notes.iter().for_each(|note| eprintln!("note: {note}"));
    let found = &plan.estimate;
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
    super::output::print(&text)?;
    Ok(ExitCode::Success)
}

//! `plan`: a dry run.

use super::run::check_all;
use crate::args::PlanArgs;
use crate::error::Complaint;
use crate::exit_code::ExitCode;
use crate::loading::load_chosen;
use crate::settings::Settings;
use mlip_driver::{
    CifSource, Engine, Machine, ThreadBudget, ThreadRequest, estimate, typical_costs, useful_mlip_workers,
};
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// What compressed archives were unpacked to, while the plan is made.
pub(super) struct Unpacked(pub(super) PathBuf);

impl Drop for Unpacked {
    fn drop(&mut self) {
        // Without compressed archives there is none.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Reads everything, computes nothing.
pub(crate) fn plan(args: &PlanArgs) -> Result<ExitCode, Complaint> {
    let settings = Settings::of_plan(args)?;
    settings.notes.iter().for_each(|note| eprintln!("note: {note}"));
    let spool = Unpacked(std::env::temp_dir().join(format!("mlip-batch-{}.spool", std::process::id())));
    let manifest = mlip_inputs::enumerate(&settings.inputs()?, &settings.enumeration(spool.0.clone()))?;
    if settings.strict {
        check_all(&manifest)?;
    }
    let (potentials, configs) = load_chosen(&settings.potentials)?;
    let names: Vec<String> = configs.into_iter().map(|config| config.label).collect();
    let engine = Engine { potentials, source: Arc::new(CifSource { frame: settings.frame, ..CifSource::default() }) };
    let cores = Machine::look("").available;
    let ranks = args.ranks.map_or(1, |ranks| ranks.0.get());
    let structures_per_core = manifest.len() as f64 / cores.max(1) as f64;
    let costs = typical_costs(&engine.potentials);
    let request = ThreadRequest {
        structure_workers: settings.resources.structure_workers,
        mlip_workers: settings.resources.mlip_workers,
        parallel_mlips: settings.resources.parallel_mlips,
        threads_per_mlip: settings.resources.threads_per_mlip,
        oversubscribe: settings.resources.oversubscribe,
        structures_per_core: Some(structures_per_core),
        useful_mlips: Some(useful_mlip_workers(&costs, (cores / ranks).max(1), structures_per_core)),
        fitting: None,
        cpus_per_task: None,
    };
    let budget = ThreadBudget::resolve(request, (cores / ranks).max(1), names.len())
        .map_err(|error| Complaint::from_error(&error).usage())?;
    let found = estimate(&manifest, &engine, cores, ranks, budget.structure_workers.get())?;
    let mut text = String::new();
    writeln!(text, "entries     {}", found.entries)?;
    writeln!(text, "structures  {} ({} distinct)", found.structures, found.distinct)?;
    for (class, count) in &found.unreadable {
        writeln!(text, "unreadable  {count} {class}")?;
    }
    if let Some([least, median, most]) = found.atoms {
        writeln!(text, "atoms       {least} to {most}, median {median}")?;
    }
    for (name, cost) in names.iter().zip(&found.cost_s) {
        writeln!(text, "cost        {cost:.1} s on one core for {name}")?;
    }
    writeln!(text, "ranks       {ranks}, each {budget}")?;
    writeln!(text, "shards      {}", found.shards)?;
    writeln!(text, "time        {:.1} s, perfectly balanced", found.wall_s)?;
    let in_flight = (budget.structure_workers.get() * budget.mlip_workers.get()) as u64;
    writeln!(
        text,
        "memory      {:.0} MB a rank at most: weights {:.0} MB, largest evaluation {:.0} MB, {in_flight} in flight",
        (found.weight_bytes + in_flight * found.largest_bytes) as f64 / 1e6,
        found.weight_bytes as f64 / 1e6,
        found.largest_bytes as f64 / 1e6
    )?;
    super::print(&text)?;
    Ok(ExitCode::Success)
}

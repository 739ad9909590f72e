//! What a run would be.

use crate::inputs::{Listed, Unpacked, check_all};
use crate::potentials::load_chosen;
use crate::{Error, NewRun};
use mlip_driver::{
    CifSource, Engine, Estimate, Forecast, Machine, Resident, Sampling, Surroundings, ThreadBudget, Threads, estimate,
    forecast, typical_costs,
};
use std::sync::Arc;
use std::time::Duration;

/// What a run would be.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Labels of its potentials.
    pub potentials: Vec<String>,
    /// Where each of them is computed, if not on cores.
    pub devices: Vec<Option<String>>,
    /// Structures, costs and shards.
    pub estimate: Estimate,
    /// Ranks that it is planned for.
    pub ranks: usize,
    /// Threads of each of them.
    pub threads: ThreadBudget,
    /// Evaluations that a structure takes of each potential, expected.
    pub n_evaluations: f64,
    /// What it will take, by a sample that was computed.
    pub forecast: Option<Forecast>,
    /// What people should know of the structures.
    pub notes: Vec<String>,
}

impl Plan {
    /// Evaluations in flight on a rank.
    pub fn in_flight(&self) -> u64 {
        (self.threads.structure_workers.get() * self.threads.mlip_workers.get()) as u64
    }

    /// What a rank needs at most, bytes: weights, and the largest evaluation as often as some are in flight.
    pub fn bytes_per_rank(&self) -> u64 {
        self.estimate.weight_bytes + self.in_flight() * self.estimate.largest_bytes
    }
}

/// Reads all structures of a run and computes nothing, or a sample of so many of them, for some ranks on this machine;
/// `strict` as in [`AttemptOptions`](crate::AttemptOptions). Leaves nothing behind.
///
/// # Errors
/// When nothing is named, or something that is named cannot be had.
pub fn plan(new: &NewRun, ranks: usize, strict: bool, sample: Option<usize>) -> Result<Plan, Error> {
    new.resources.validate()?;
    let ranks = ranks.max(1);
    let spool = Unpacked::in_folder(&std::env::temp_dir());
    let Listed { manifest, notes, .. } = new.inputs.list(&new.folder, spool.0.clone())?;
    if strict {
        check_all(&manifest, &new.folder)?;
    }
    let (potentials, configs) = load_chosen(&new.potentials, &new.folder)?;
    let NewRun { frame, coordinates, allow_overlap, .. } = *new;
    let source = CifSource { frame, coordinates, allow_overlap, folder: new.folder.clone() };
    let engine = Engine { potentials, source: Arc::new(source), return_free: || () };
    let cores = Machine::of_this_process("").available;
    let cores_per_rank = (cores / ranks).max(1);
    // As a run would choose them, but by predicted costs: nothing is evaluated here.
    let surroundings = Surroundings {
        cores: cores_per_rank,
        ranks_on_host: ranks,
        n_ranks: ranks,
        n_entries: manifest.len() as u64,
        costs: typical_costs(&engine.potentials),
        resident_bytes: Resident::sample().now_bytes,
    };
    let threads = Threads::choose(&new.resources, &engine.potentials, &surroundings)?.budget;
    let calculation = new.calculation.build(new.forces, new.embeddings);
    let n_evaluations = calculation.expected_evaluations();
    let devices = engine.potentials.iter().map(|potential| potential.device()).collect();
    let estimate = estimate(&manifest, &engine, cores, ranks, threads.structure_workers.get(), n_evaluations)?;
    let seconds = |limit: f64| Duration::try_from_secs_f64(limit).ok();
    let measured = |draws: usize| {
        // The sample has the machine to itself, as one rank would.
        let alone = Surroundings { cores, ranks_on_host: 1, n_ranks: 1, ..surroundings.clone() };
        let sampling = Sampling {
            draws,
            calculation: calculation.as_ref(),
            threads: Threads::choose(&new.resources, &engine.potentials, &alone)?.budget,
            timeout: new.resources.timeout_s.and_then(seconds),
            sync_every: seconds(new.resources.sync_s).unwrap_or(Duration::MAX),
        };
        Ok::<_, Error>(forecast(&manifest, &engine, &estimate, sampling)?)
    };
    let forecast = sample.map(measured).transpose()?;
    Ok(Plan {
        potentials: configs.into_iter().map(|config| config.label).collect(),
        devices,
        estimate,
        ranks,
        threads,
        n_evaluations,
        forecast,
        notes,
    })
}

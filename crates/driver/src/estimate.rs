//! What a run would be: reads everything, computes nothing.

use crate::plan::{Item, Planner};
use crate::pool::in_parallel;
use crate::run::Engine;
use mlip_atoms::Preparation;
use mlip_inputs::{InputError, Manifest};
use mlip_ranks::Rank;
use mlip_store::StructureDigest;
use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// A dry run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Estimate {
    /// Entries of the list.
    pub entries: usize,
    /// Entries that are structures.
    pub structures: usize,
    /// Structures that differ: equal ones are computed once.
    pub distinct: usize,
    /// Entries that cannot be read, by class.
    pub unreadable: BTreeMap<String, usize>,
    /// Smallest, median and largest number of atoms.
    pub atoms: Option<[usize; 3]>,
    /// Predicted time of all structures, seconds on one core or one device, by potential.
    pub cost_s: Vec<f64>,
    /// Position in the list, and predicted time by potential, of the structures that differ.
    pub distinct_costs: Vec<(usize, Vec<f64>)>,
    /// Weights of all potentials on each rank, bytes.
    pub weight_bytes: u64,
    /// Largest need of a single evaluation, bytes.
    pub largest_bytes: u64,
    /// Shards that would be handed out.
    pub shards: usize,
    /// Predicted time of the whole run, seconds: perfectly balanced.
    pub wall_s: f64,
}

struct Seen {
    position: usize,
    digest: StructureDigest,
    n_atoms: usize,
    costs: Vec<f64>,
    preparations: Vec<Option<Preparation>>,
    bytes: u64,
}

/// Reads all entries on this many threads, and plans for this many ranks of this many workers, where a structure takes
/// this many evaluations of each potential.
///
/// # Errors
/// When the list cannot be read back from disk.
pub fn estimate(
    manifest: &Manifest,
    engine: &Engine,
    threads: usize,
    ranks: usize,
    workers: usize,
    n_evaluations: f64,
) -> Result<Estimate, InputError> {
    let next = AtomicUsize::new(0);
    let found: Mutex<(Vec<Seen>, BTreeMap<String, usize>)> = Mutex::default();
    let trouble: Mutex<Option<InputError>> = Mutex::default();
    in_parallel(threads, || {
        loop {
            let position = next.fetch_add(1, Ordering::Relaxed);
            let entry = match manifest.get(position) {
                Ok(Some(entry)) => entry,
                Ok(None) => return,
                Err(error) => {
                    trouble.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    return;
                }
            };
            let loaded = engine.source.load(&entry.locator);
            let looked = loaded.map(|loaded| {
                let structure = loaded.structure;
                Seen {
                    position,
                    digest: StructureDigest::of(&structure),
                    n_atoms: structure.n_atoms(),
                    costs: engine.potentials.iter().map(|p| n_evaluations * p.cost(&structure)).collect(),
                    preparations: engine.potentials.iter().map(|p| p.preparation(&structure)).collect(),
                    bytes: engine.potentials.iter().map(|p| p.working_bytes(&structure)).max().unwrap_or(0),
                }
            });
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            match looked {
                Ok(seen) => found.0.push(seen),
                Err(failure) => *found.1.entry(failure.kind.to_string()).or_default() += 1,
            }
        }
    });
    if let Some(error) = trouble.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let (mut seen, unreadable) = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    seen.sort_by_key(|seen| seen.position);
    let mut estimate = Estimate {
        entries: manifest.len(),
        structures: seen.len(),
        unreadable,
        cost_s: vec![0.0; engine.potentials.len()],
        weight_bytes: engine.potentials.iter().map(|potential| potential.weight_bytes()).sum(),
        ..Estimate::default()
    };
    let mut atoms: Vec<usize> = seen.iter().map(|seen| seen.n_atoms).collect();
    atoms.sort_unstable();
    if let (Some(first), Some(last)) = (atoms.first(), atoms.last()) {
        estimate.atoms = Some([*first, atoms[atoms.len() / 2], *last]);
    }
    let (mut digests, mut prepared) = (HashSet::new(), HashSet::new());
    let mut planner = Planner::new(ranks, ranks * workers, 1.0);
    for seen in seen.iter().filter(|seen| digests.insert(seen.digest)) {
        estimate.distinct += 1;
        estimate.distinct_costs.push((seen.position, seen.costs.clone()));
        estimate.largest_bytes = estimate.largest_bytes.max(seen.bytes);
        for (potential, sum) in estimate.cost_s.iter_mut().enumerate() {
            *sum += seen.costs[potential];
            // Once for all that share it.
            if let Some(preparation) = seen.preparations[potential].filter(|p| prepared.insert((potential, p.key))) {
                *sum += preparation.cost;
            }
        }
        let home = Rank::from_index(seen.position % ranks.max(1));
        let cost = seen.costs.iter().sum::<f64>() as f32;
        planner.push(home, Item { entry: seen.position as u64, cost, group: None, prepared: false, work: () });
    }
    while planner.remaining() > 0 {
        let rank = Rank::from_index(estimate.shards % ranks.max(1));
        planner.next_shard(rank, usize::MAX);
        estimate.shards += 1;
    }
    estimate.wall_s = wall_s(engine, &estimate.cost_s, ranks, workers);
    Ok(estimate)
}

/// Cores and devices compute at the same time; each rank has one device.
fn wall_s(engine: &Engine, cost_s: &[f64], ranks: usize, workers: usize) -> f64 {
    let with_device = |on: bool| {
        let costs = engine.potentials.iter().zip(cost_s);
        costs.filter(move |(potential, _)| potential.device().is_some() == on).map(|(_, cost)| *cost)
    };
    let on_cores = with_device(false).sum::<f64>() / (ranks * workers).max(1) as f64;
    on_cores.max(with_device(true).sum::<f64>() / ranks.max(1) as f64)
}

//! Which threads a rank has, from what was asked for and what it finds: the same for a run and for its plan.

use crate::budget::{NoThreads, ThreadBudget, ThreadRequest};
use crate::cache::LIMIT_BYTES;
use crate::config::Resources;
use crate::memory::default_limit;
use crate::typical::{typical_bytes, useful_mlip_workers};
use mlip_atoms::Potential;
use std::sync::Arc;

/// What a rank finds.
#[derive(Debug, Clone, PartialEq)]
pub struct Surroundings {
    /// Cores for this rank alone.
    pub cores: usize,
    /// Ranks on its host.
    pub ranks_on_host: usize,
    /// Ranks of the run.
    pub n_ranks: usize,
    /// Entries of the run.
    pub n_entries: u64,
    /// Seconds of each potential for the same crystal.
    pub costs: Vec<f64>,
    /// What the process holds with its weights loaded, bytes.
    pub resident_bytes: u64,
}

/// Threads and memory of a rank.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threads {
    /// What it computes with.
    pub budget: ThreadBudget,
    /// Evaluations at once that memory has room for, if that is why structures at once are not more.
    pub held_back_to: Option<usize>,
    /// What the rank may take, bytes.
    pub memory_limit: u64,
    /// Of it what program, weights, and structures read ahead take.
    pub held_bytes: u64,
}

impl Threads {
    /// Of a rank in these surroundings.
    ///
    /// # Errors
    /// When zero threads are asked for.
    pub fn choose(
        resources: &Resources,
        potentials: &[Arc<dyn Potential>],
        found: &Surroundings,
    ) -> Result<Self, NoThreads> {
        let variable = |name: &str| std::env::var(name).ok();
        let memory_limit = resources.memory_bytes.unwrap_or_else(|| default_limit(found.ranks_on_host, variable));
        let weight_bytes = potentials.iter().map(|potential| potential.weight_bytes()).sum();
        let held_bytes = found.resident_bytes.max(weight_bytes) + LIMIT_BYTES as u64;
        let room = memory_limit.saturating_sub(held_bytes);
        let structures_per_core = found.n_entries as f64 / (found.cores * found.n_ranks).max(1) as f64;
        let request = ThreadRequest {
            structure_workers: resources.structure_workers,
            mlip_workers: resources.mlip_workers,
            parallel_mlips: resources.parallel_mlips,
            threads_per_mlip: resources.threads_per_mlip,
            oversubscribe: resources.oversubscribe,
            structures_per_core: Some(structures_per_core),
            useful_mlips: Some(useful_mlip_workers(&found.costs, found.cores, structures_per_core)),
            fitting: usize::try_from(room / typical_bytes(potentials).max(1)).ok(),
            cpus_per_task: variable("SLURM_CPUS_PER_TASK").and_then(|text| text.parse().ok()),
        };
        let budget = ThreadBudget::resolve(request, found.cores, potentials.len())?;
        let held_back_to = request.fitting.filter(|n| *n < budget.threads() && request.structure_workers.is_none());
        Ok(Self { budget, held_back_to, memory_limit, held_bytes })
    }

    /// Memory for evaluations, bytes.
    pub fn room_bytes(&self) -> u64 {
        self.memory_limit.saturating_sub(self.held_bytes)
    }
}

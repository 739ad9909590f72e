//! How many threads a rank may run, and what for.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use thiserror::Error;

/// What a rank sees of its machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Name of the host.
    pub host: String,
    /// The cores this process may run on, as the kernel writes the set (`0-3,8`); empty where unknown.
    pub cores: String,
    /// Cores that the process may keep busy: by affinity, and by the quota of its cgroup.
    pub available: usize,
}

impl Machine {
    /// As this process sees it now.
    pub fn look(host: &str) -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let cores = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or("").trim();
        let available = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self { host: host.into(), cores: cores.into(), available }
    }
}

/// The part of its machine that a rank has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Number of the rank among those on its host, from 0.
    pub local_rank: usize,
    /// Ranks on the host.
    pub local_size: usize,
    /// Cores for this rank alone; at least one.
    pub cores: usize,
}

/// Divides machines among the ranks on them, in rank order.
///
/// Ranks that may run on the same set of cores share it: launchers that do not bind leave all ranks
/// of a host all of its cores.
pub fn shares(machines: &[Machine]) -> Vec<Share> {
    let mut on_host: BTreeMap<&str, usize> = BTreeMap::new();
    let mut on_cores: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let local_ranks: Vec<usize> = machines
        .iter()
        .map(|machine| {
            *on_cores.entry((&machine.host, &machine.cores)).or_default() += 1;
            let ranks = on_host.entry(&machine.host).or_default();
            *ranks += 1;
            *ranks - 1
        })
        .collect();
    machines
        .iter()
        .zip(local_ranks)
        .map(|(machine, local_rank)| {
            let sharers = on_cores.get(&(machine.host.as_str(), machine.cores.as_str())).copied().unwrap_or(1);
            let local_size = on_host.get(machine.host.as_str()).copied().unwrap_or(1);
            Share { local_rank, local_size, cores: (machine.available / sharers).max(1) }
        })
        .collect()
}

/// What was asked for; nothing means: decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ThreadRequest {
    /// Structures in flight.
    pub structure_workers: Option<usize>,
    /// Potentials at once, for a structure.
    pub mlip_workers: Option<usize>,
    /// Threads inside an evaluation.
    pub threads_per_mlip: Option<usize>,
    /// Cores that the scheduler gave each process (`SLURM_CPUS_PER_TASK`).
    pub cpus_per_task: Option<usize>,
}

/// The threads of a rank: `structure_workers × mlip_workers × threads_per_mlip`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadBudget {
    /// Structures in flight.
    pub structure_workers: NonZeroUsize,
    /// Potentials at once, for a structure.
    pub mlip_workers: NonZeroUsize,
    /// Threads inside an evaluation.
    pub threads_per_mlip: NonZeroUsize,
    /// Cores that the rank has.
    pub cores: usize,
}

/// Why there is no budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{what} is 0; at least one thread must work")]
pub struct NoThreads {
    what: &'static str,
}

impl ThreadBudget {
    /// Fits what was asked for to the cores of a rank. What is asked for is granted; what is left
    /// open never exceeds the cores.
    ///
    /// # Errors
    /// When zero threads are asked for.
    pub fn resolve(request: ThreadRequest, cores: usize, n_potentials: usize) -> Result<Self, NoThreads> {
        let positive = |what, value: usize| NonZeroUsize::new(value).ok_or(NoThreads { what });
        let cores = request.cpus_per_task.map_or(cores, |given| given.min(cores)).max(1);
        let threads_per_mlip = positive("threads-per-mlip", request.threads_per_mlip.unwrap_or(1))?;
        let asked = positive("max-mlip-workers", request.mlip_workers.unwrap_or(1))?;
        let mlip_workers = asked.min(NonZeroUsize::new(n_potentials).unwrap_or(NonZeroUsize::MIN));
        let left = (cores / (mlip_workers.get() * threads_per_mlip.get())).max(1);
        let structure_workers = positive("structure-workers", request.structure_workers.unwrap_or(left))?;
        Ok(Self { structure_workers, mlip_workers, threads_per_mlip, cores })
    }

    /// All threads that compute.
    pub fn threads(&self) -> usize {
        self.structure_workers.get() * self.mlip_workers.get() * self.threads_per_mlip.get()
    }

    /// Whether more was asked for than there is.
    pub fn is_oversubscribed(&self) -> bool {
        self.threads() > self.cores
    }
}

impl fmt::Display for ThreadBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} structure workers x {} MLIP workers x {} threads per MLIP on {} cores",
            self.structure_workers, self.mlip_workers, self.threads_per_mlip, self.cores
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(host: &str, cores: &str, available: usize) -> Machine {
        Machine { host: host.into(), cores: cores.into(), available }
    }

    fn budget(request: ThreadRequest, cores: usize, n_potentials: usize) -> (usize, usize, usize) {
        let budget = ThreadBudget::resolve(request, cores, n_potentials).unwrap();
        (budget.structure_workers.get(), budget.mlip_workers.get(), budget.threads_per_mlip.get())
    }

    #[test]
    fn ranks_that_are_not_bound_divide_their_machine() {
        let unbound = shares(&[machine("a", "0-7", 8), machine("a", "0-7", 8), machine("b", "0-7", 8)]);
        assert_eq!(unbound.iter().map(|share| share.cores).collect::<Vec<_>>(), [4, 4, 8]);
        assert_eq!(unbound[1], Share { local_rank: 1, local_size: 2, cores: 4 });
        let crowded = shares(&vec![machine("a", "0-1", 2); 64]);
        assert!(crowded.iter().all(|share| share.cores == 1));
    }

    #[test]
    fn ranks_that_are_bound_keep_their_cores() {
        let bound = shares(&[machine("a", "0-3", 4), machine("a", "4-7", 4)]);
        assert_eq!(bound.iter().map(|share| share.cores).collect::<Vec<_>>(), [4, 4]);
        assert_eq!(bound[1].local_rank, 1);
    }

    #[test]
    fn what_is_left_open_fits_the_cores() {
        let open = ThreadRequest::default();
        assert_eq!(budget(open, 8, 1), (8, 1, 1));
        assert_eq!(budget(ThreadRequest { mlip_workers: Some(4), ..open }, 8, 4), (2, 4, 1));
        assert_eq!(budget(ThreadRequest { threads_per_mlip: Some(3), ..open }, 8, 1), (2, 1, 3));
        assert_eq!(budget(ThreadRequest { cpus_per_task: Some(2), ..open }, 8, 1), (2, 1, 1));
        // A scheduler may promise more than the kernel allows.
        assert_eq!(budget(ThreadRequest { cpus_per_task: Some(16), ..open }, 2, 1), (2, 1, 1));
        assert_eq!(budget(ThreadRequest { threads_per_mlip: Some(16), ..open }, 2, 1), (1, 1, 16));
    }

    #[test]
    fn more_workers_than_potentials_are_not_started() {
        assert_eq!(budget(ThreadRequest { mlip_workers: Some(4), ..Default::default() }, 8, 2), (4, 2, 1));
    }

    #[test]
    fn no_threads_at_all_is_refused() {
        let none = ThreadRequest { structure_workers: Some(0), ..Default::default() };
        assert!(ThreadBudget::resolve(none, 4, 1).unwrap_err().to_string().contains("structure-workers"));
    }
}

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
    pub fn of_this_process(host: &str) -> Self {
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
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ThreadRequest {
    /// Structures in flight.
    pub structure_workers: Option<usize>,
    /// Potentials at once, for a structure: at most.
    pub mlip_workers: Option<usize>,
    /// All potentials of a structure at once, as far as they may (true), or one after the other; by default what is
    /// faster.
    pub parallel_mlips: Option<bool>,
    /// Threads inside an evaluation.
    pub threads_per_mlip: Option<usize>,
    /// Whether more threads than cores are granted.
    pub oversubscribe: bool,
    /// Structures of the run for each of its cores, where known: with few of them potentials at once shorten its end,
    /// with less than one threads inside an evaluation.
    pub structures_per_core: Option<f64>,
    /// Potentials at once with which the rank is done first, where known ([`crate::useful_mlip_workers`]).
    pub useful_mlips: Option<usize>,
    /// Evaluations at once that memory has room for, where known.
    pub fitting: Option<usize>,
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
    /// Threads that were asked for, if more than were granted.
    pub asked: Option<usize>,
}

/// With fewer structures a core than this, potentials of one structure at once may be worth their waiting for each other.
pub(crate) const FEW_STRUCTURES: f64 = 4.0;

/// Why there is no budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{what} is 0; at least one thread must work")]
pub struct NoThreads {
    what: &'static str,
}

impl ThreadBudget {
    /// Fits what was asked for to the cores of a rank: less is granted if it is too much, first of the potentials at
    /// once (structures at once keep cores just as busy, without waiting for each other), then of the structures, then
    /// of the threads inside an evaluation. With `oversubscribe` what is asked for is granted.
    ///
    /// # Errors
    /// When zero threads are asked for.
    pub fn resolve(request: ThreadRequest, cores: usize, n_potentials: usize) -> Result<Self, NoThreads> {
        let positive = |what, value: Option<usize>| match value {
            Some(0) => Err(NoThreads { what }),
            value => Ok(value),
        };
        let cores = request.cpus_per_task.map_or(cores, |given| given.min(cores)).max(1);
        let asked_structures = positive("structure-workers", request.structure_workers)?;
        let asked_mlips = positive("max-mlip-workers", request.mlip_workers)?;
        let asked_threads = positive("threads-per-mlip", request.threads_per_mlip)?;
        let n_potentials = n_potentials.max(1);
        let most_mlips = asked_mlips.unwrap_or(n_potentials).min(n_potentials);
        let is_short = request.structures_per_core.is_some_and(|structures| structures < FEW_STRUCTURES);
        let wanted_mlips = match request.parallel_mlips {
            Some(false) => 1,
            // As many as there are cores for.
            Some(true) if asked_mlips.is_none() => most_mlips.min((cores / asked_threads.unwrap_or(1)).max(1)),
            Some(true) => most_mlips,
            None if asked_mlips.is_some() => most_mlips,
            None if is_short => {
                let useful = request.useful_mlips.unwrap_or(most_mlips).max(1);
                most_mlips.min(useful).min((cores / asked_threads.unwrap_or(1)).max(1))
            }
            None => 1,
        };
        let asked_threads = asked_threads.unwrap_or_else(|| {
            // Cores for which there are neither structures nor potentials.
            let spare = |structures: f64| (1.0 / (structures * wanted_mlips as f64)) as usize;
            let per_evaluation = request.structures_per_core.filter(|structures| *structures > 0.0).map_or(1, spare);
            per_evaluation.clamp(1, (cores / (wanted_mlips * asked_structures.unwrap_or(1))).max(1))
        });
        let threads = if request.oversubscribe { asked_threads } else { asked_threads.min(cores) };
        let wanted = asked_structures.map(|structures| structures * wanted_mlips * asked_threads);
        let (structures, mlips) = match asked_structures {
            Some(structures) if request.oversubscribe => (structures, wanted_mlips),
            Some(structures) => {
                let structures = structures.min((cores / threads).max(1));
                (structures, wanted_mlips.min((cores / (structures * threads)).max(1)))
            }
            None => {
                let mlips =
                    if request.oversubscribe { wanted_mlips } else { wanted_mlips.min((cores / threads).max(1)) };
                let most = (request.fitting.unwrap_or(usize::MAX) / mlips).max(1);
                ((cores / (mlips * threads)).clamp(1, most), mlips)
            }
        };
        let threads = match (request.threads_per_mlip, asked_structures) {
            // Cores for whose own structures there is no memory.
            (None, None) => threads.max(cores / (structures * mlips)),
            _ => threads,
        };
        let some = |value: usize| NonZeroUsize::new(value).unwrap_or(NonZeroUsize::MIN);
        let budget = Self {
            structure_workers: some(structures),
            mlip_workers: some(mlips),
            threads_per_mlip: some(threads),
            cores,
            asked: None,
        };
        let asked = wanted.unwrap_or(wanted_mlips * asked_threads);
        Ok(Self { asked: (asked > budget.threads()).then_some(asked), ..budget })
    }

    /// All threads that compute.
    pub fn threads(&self) -> usize {
        self.structure_workers.get() * self.mlip_workers.get() * self.threads_per_mlip.get()
    }

    /// Whether more was granted than there is.
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
        assert_eq!(budget(open, 8, 4), (8, 1, 1));
        assert_eq!(budget(ThreadRequest { mlip_workers: Some(4), ..open }, 8, 4), (2, 4, 1));
        assert_eq!(budget(ThreadRequest { threads_per_mlip: Some(3), ..open }, 8, 1), (2, 1, 3));
        assert_eq!(budget(ThreadRequest { cpus_per_task: Some(2), ..open }, 8, 1), (2, 1, 1));
        // A scheduler may promise more than the kernel allows.
        assert_eq!(budget(ThreadRequest { cpus_per_task: Some(16), ..open }, 2, 1), (2, 1, 1));
    }

    #[test]
    fn no_more_threads_than_cores_unless_asked_for() {
        let upstream = ThreadRequest {
            structure_workers: Some(4),
            mlip_workers: Some(3),
            parallel_mlips: Some(true),
            ..ThreadRequest::default()
        };
        assert_eq!(budget(upstream, 12, 3), (4, 3, 1));
        assert_eq!(budget(upstream, 8, 3), (4, 2, 1));
        assert_eq!(budget(upstream, 4, 3), (4, 1, 1));
        assert_eq!(budget(upstream, 1, 3), (1, 1, 1));
        assert_eq!(ThreadBudget::resolve(upstream, 4, 3).unwrap().asked, Some(12));
        assert_eq!(ThreadBudget::resolve(upstream, 12, 3).unwrap().asked, None);
        assert_eq!(budget(ThreadRequest { oversubscribe: true, ..upstream }, 4, 3), (4, 3, 1));
        let wide = ThreadRequest { threads_per_mlip: Some(16), ..ThreadRequest::default() };
        assert_eq!(budget(wide, 2, 1), (1, 1, 2));
        assert_eq!(budget(ThreadRequest { oversubscribe: true, ..wide }, 2, 1), (1, 1, 16));
        for cores in 1..20 {
            for (structures, mlips, threads) in
                [(Some(5), None, None), (None, Some(3), Some(2)), (Some(9), Some(9), Some(9))]
            {
                let request = ThreadRequest {
                    structure_workers: structures,
                    mlip_workers: mlips,
                    threads_per_mlip: threads,
                    ..ThreadRequest::default()
                };
                assert!(ThreadBudget::resolve(request, cores, 4).unwrap().threads() <= cores, "{request:?} on {cores}");
            }
        }
    }

    #[test]
    fn potentials_go_at_once_where_structures_are_few_or_it_is_asked_for() {
        let few = ThreadRequest { structures_per_core: Some(1.0), ..ThreadRequest::default() };
        assert_eq!(budget(few, 8, 3), (2, 3, 1));
        assert_eq!(budget(ThreadRequest { structures_per_core: Some(100.0), ..few }, 8, 3), (8, 1, 1));
        assert_eq!(budget(ThreadRequest { parallel_mlips: Some(false), ..few }, 8, 3), (8, 1, 1));
        let parallel = ThreadRequest { parallel_mlips: Some(true), ..ThreadRequest::default() };
        assert_eq!(budget(parallel, 8, 3), (2, 3, 1));
        assert_eq!(budget(parallel, 2, 3), (1, 2, 1));
    }

    #[test]
    fn no_more_potentials_go_at_once_than_pays() {
        let few = ThreadRequest { structures_per_core: Some(1.0), useful_mlips: Some(2), ..Default::default() };
        assert_eq!(budget(few, 8, 4), (4, 2, 1));
        assert_eq!(budget(ThreadRequest { parallel_mlips: Some(true), ..few }, 8, 4), (2, 4, 1));
    }

    #[test]
    fn cores_without_structures_go_into_evaluations() {
        let one = |cores: f64| ThreadRequest { structures_per_core: Some(1.0 / cores), ..ThreadRequest::default() };
        assert_eq!(budget(one(8.0), 8, 1), (1, 1, 8));
        assert_eq!(budget(one(8.0), 8, 3), (1, 3, 2));
        assert_eq!(budget(ThreadRequest { useful_mlips: Some(2), ..one(8.0) }, 8, 3), (1, 2, 4));
        assert_eq!(budget(ThreadRequest { threads_per_mlip: Some(1), ..one(8.0) }, 8, 1), (8, 1, 1));
        assert_eq!(budget(ThreadRequest { structure_workers: Some(4), ..one(8.0) }, 8, 1), (4, 1, 2));
        // Of four ranks with two structures in all.
        assert_eq!(budget(ThreadRequest { structures_per_core: Some(2.0 / 32.0), ..one(8.0) }, 8, 1), (1, 1, 8));
        assert_eq!(budget(ThreadRequest { structures_per_core: Some(0.6), ..one(8.0) }, 8, 1), (8, 1, 1));
        assert_eq!(budget(ThreadRequest { structures_per_core: Some(0.0), ..one(8.0) }, 8, 1), (8, 1, 1));
    }

    #[test]
    fn cores_without_memory_for_structures_of_their_own_go_into_evaluations() {
        let tight = ThreadRequest { fitting: Some(3), ..ThreadRequest::default() };
        assert_eq!(budget(tight, 8, 1), (3, 1, 2));
        assert_eq!(budget(ThreadRequest { fitting: Some(0), ..tight }, 8, 1), (1, 1, 8));
        assert_eq!(budget(ThreadRequest { fitting: Some(100), ..tight }, 8, 1), (8, 1, 1));
        assert_eq!(budget(ThreadRequest { parallel_mlips: Some(true), ..tight }, 8, 3), (1, 3, 2));
        assert_eq!(budget(ThreadRequest { structure_workers: Some(8), ..tight }, 8, 1), (8, 1, 1));
        assert_eq!(budget(ThreadRequest { threads_per_mlip: Some(1), ..tight }, 8, 1), (3, 1, 1));
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

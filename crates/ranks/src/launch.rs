//! How this process was started, and the ranks that follow from it.

use crate::{Communicator, Solo};
use std::time::Duration;
use thiserror::Error;

/// What started this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Launch {
    /// A shell, or a launcher that was asked for one process.
    Alone,
    /// One of several processes of a parallel job.
    Parallel {
        /// The launcher, in words.
        launcher: &'static str,
        /// Number of processes, where the launcher says it.
        tasks: Option<usize>,
        /// The environment variable that says so.
        variable: &'static str,
    },
}

/// Why a run of several processes cannot start.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StartError {
    /// Every process would do the whole work by itself.
    #[error(
        "started by {launcher} with {} processes, but this build has no MPI: each of them would do the whole work. \
         Build with `cargo build --release --features mpi` (needs an MPI library and libclang), \
         or start one process. {}",
        tasks.map_or_else(|| "several".to_string(), |n| n.to_string()),
        left_over(variable)
    )]
    NoMpi {
        /// What started the process.
        launcher: &'static str,
        /// Number of processes, where known.
        tasks: Option<usize>,
        /// The environment variable that says so.
        variable: &'static str,
    },
    /// MPI and launcher do not find each other.
    #[error(
        "{launcher} started {tasks} processes, but MPI sees {seen}: \
         the launcher does not belong to the MPI library of this build \
         (under Slurm: `srun --mpi=pmix`, see `srun --mpi=list`; otherwise use the mpirun of the same MPI). {}",
        left_over(variable)
    )]
    NotConnected {
        /// What started the process.
        launcher: &'static str,
        /// Processes according to the launcher.
        tasks: usize,
        /// Processes according to MPI.
        seen: usize,
        /// The environment variable that shows the launcher.
        variable: &'static str,
    },
    /// MPI did not start.
    #[error("MPI could not be initialized")]
    Initialize,
}

/// Shells inside of jobs inherit what launchers say to their processes.
fn left_over(variable: &str) -> String {
    let prefix = variable.split('_').next().unwrap_or(variable);
    format!(
        "If nothing started several processes, `{variable}` is left over from another job: \
         unset it and all that begins with `{prefix}_`"
    )
}

impl Launch {
    /// From the variables that launchers set.
    pub fn detect(variable: impl Fn(&str) -> Option<String>) -> Self {
        let number = |name: &str| variable(name).and_then(|text| text.trim().parse::<usize>().ok());
        let by_count = [
            ("OMPI_COMM_WORLD_SIZE", "mpirun (Open MPI)"),
            ("PMI_SIZE", "mpiexec (PMI)"),
            ("MV2_COMM_WORLD_SIZE", "mpirun (MVAPICH2)"),
            // Set by srun in its tasks, but not by sbatch in the batch shell.
            ("SLURM_STEP_NUM_TASKS", "srun"),
        ];
        for (name, launcher) in by_count {
            match number(name) {
                Some(1) => return Self::Alone,
                Some(tasks) if tasks > 1 => return Self::Parallel { launcher, tasks: Some(tasks), variable: name },
                _ => {}
            }
        }
        for (name, launcher) in [("PMIX_RANK", "a PMIx launcher"), ("PMI_RANK", "a PMI launcher")] {
            if variable(name).is_some() {
                return Self::Parallel { launcher, tasks: None, variable: name };
            }
        }
        Self::Alone
    }
}

/// Longer than a launcher takes, on a busy machine, to end the other processes of a job after the first has failed.
const FIRST_SPEAKS_WITHIN: Duration = Duration::from_secs(5);

/// Names of the programs that start the processes of parallel jobs on their hosts, as the kernel keeps them.
const LAUNCHERS: [&str; 9] =
    ["mpirun", "orterun", "orted", "prterun", "prted", "mpiexec", "mpiexec.hydra", "hydra_pmi_proxy", "slurmstepd"];

/// Whether this process says an error that all processes of a job meet before they can talk to each other.
///
/// The first says it. The others do not, if a launcher is their parent; if not, there may be no first, for the variables
/// are left over from another job: then they say it some seconds later, unless a launcher has ended them meanwhile.
pub fn may_speak(variable: impl Fn(&str) -> Option<String>) -> bool {
    if is_first(variable) {
        return true;
    }
    let parent = std::fs::read_to_string(format!("/proc/{}/comm", std::os::unix::process::parent_id()));
    if parent.is_ok_and(|name| LAUNCHERS.contains(&name.trim())) {
        return false;
    }
    std::thread::sleep(FIRST_SPEAKS_WITHIN);
    true
}

/// For a process that [may not speak](may_speak) and is about to fail: a launcher that sees it fail ends the others, so the
/// first is given the time to say what is wrong.
pub fn let_first_speak() {
    std::thread::sleep(FIRST_SPEAKS_WITHIN);
}

/// Whether this process is rank 0 or knows of no ranks, by the variables of launchers.
fn is_first(variable: impl Fn(&str) -> Option<String>) -> bool {
    let ranks = ["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK", "SLURM_PROCID"];
    ranks.iter().find_map(|name| variable(name)).is_none_or(|rank| rank.trim() == "0")
}

/// The ranks of this process: [`Solo`] when it was started alone (MPI is not even initialized, which
/// would take up to two seconds), MPI otherwise.
///
/// `host` names this machine where MPI is not asked.
///
/// # Errors
/// When there are several processes and they cannot talk to each other.
pub fn start(launch: Launch, host: String) -> Result<Box<dyn Communicator>, StartError> {
    match launch {
        Launch::Alone => Ok(Box::new(Solo::new(host))),
        Launch::Parallel { launcher, tasks, variable } => parallel(launcher, tasks, variable),
    }
}

#[cfg(feature = "mpi")]
fn parallel(
    launcher: &'static str,
    tasks: Option<usize>,
    variable: &'static str,
) -> Result<Box<dyn Communicator>, StartError> {
    let ranks = crate::MpiRanks::start().ok_or(StartError::Initialize)?;
    let seen = ranks.size();
    match tasks {
        Some(tasks) if seen == 1 && tasks > 1 => Err(StartError::NotConnected { launcher, tasks, seen, variable }),
        _ => Ok(Box::new(ranks)),
    }
}

#[cfg(not(feature = "mpi"))]
fn parallel(
    launcher: &'static str,
    tasks: Option<usize>,
    variable: &'static str,
) -> Result<Box<dyn Communicator>, StartError> {
    Err(StartError::NoMpi { launcher, tasks, variable })
}

/// The MPI library that this program is linked with, in a line of its own words; `None` in a build without.
#[cfg(feature = "mpi")]
pub fn mpi_library() -> Option<String> {
    crate::mpi::library()
}

/// The MPI library that this program is linked with: none.
#[cfg(not(feature = "mpi"))]
pub fn mpi_library() -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(variables: &[(&str, &str)]) -> Launch {
        Launch::detect(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_string()))
    }

    #[test]
    fn launchers_are_told_from_shells() {
        assert_eq!(detect(&[]), Launch::Alone);
        assert_eq!(detect(&[("OMPI_COMM_WORLD_SIZE", "1"), ("PMIX_RANK", "0")]), Launch::Alone);
        let parallel = |launcher, tasks, variable| Launch::Parallel { launcher, tasks, variable };
        assert_eq!(
            detect(&[("OMPI_COMM_WORLD_SIZE", "4")]),
            parallel("mpirun (Open MPI)", Some(4), "OMPI_COMM_WORLD_SIZE")
        );
        assert_eq!(
            detect(&[("SLURM_STEP_NUM_TASKS", "2"), ("SLURM_PROCID", "1")]),
            parallel("srun", Some(2), "SLURM_STEP_NUM_TASKS")
        );
        assert_eq!(detect(&[("PMIX_RANK", "3")]), parallel("a PMIx launcher", None, "PMIX_RANK"));
    }

    #[test]
    fn the_batch_shell_of_a_parallel_allocation_is_alone() {
        assert_eq!(detect(&[("SLURM_NTASKS", "64"), ("SLURM_PROCID", "0")]), Launch::Alone);
    }

    #[test]
    fn one_process_speaks_first() {
        let speaks =
            |name: &'static str, value: &'static str| is_first(|asked| (asked == name).then(|| value.to_string()));
        assert!(is_first(|_| None));
        assert!(speaks("PMIX_RANK", "0"));
        assert!(!speaks("OMPI_COMM_WORLD_RANK", "3"));
        assert!(!speaks("SLURM_PROCID", "10"));
    }

    #[cfg(not(feature = "mpi"))]
    #[test]
    fn a_build_without_mpi_refuses_to_do_the_work_several_times() {
        let launch = detect(&[("OMPI_COMM_WORLD_SIZE", "4")]);
        let refusal = start(launch, "here".into()).err().unwrap().to_string();
        assert!(refusal.contains("mpirun") && refusal.contains("--features mpi"), "{refusal}");
        assert!(refusal.contains("unset it and all that begins with `OMPI_`"), "{refusal}");
        assert!(start(Launch::Alone, "here".into()).is_ok());
    }
}

//! How much memory there is, and how much of it this process has.

use std::path::{Path, PathBuf};

/// Memory of this process, bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resident {
    /// Resident now.
    pub now_bytes: u64,
    /// Largest so far.
    pub peak_bytes: u64,
}

impl Resident {
    /// As the kernel counts it; zero where it does not tell.
    pub fn sample() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let bytes = |field| kibibytes(&status, field).unwrap_or(0);
        Self { now_bytes: bytes("VmRSS:"), peak_bytes: bytes("VmHWM:") }
    }
}

/// What of the resident memory belongs to this process alone, bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sharing {
    /// Mapped by this process only.
    pub private_bytes: u64,
    /// Mapped by others as well (the program, weights in a mapped file).
    pub shared_bytes: u64,
    /// Private, and its part of what is shared: what processes of a node may be added up by.
    pub proportional_bytes: u64,
}

impl Sharing {
    /// As the kernel counts it; `None` where it does not tell. Costs a walk over the memory map.
    pub fn sample() -> Option<Self> {
        let map = std::fs::read_to_string("/proc/self/smaps_rollup").ok()?;
        let bytes = |field| kibibytes(&map, field);
        Some(Self {
            private_bytes: bytes("Private_Clean:")? + bytes("Private_Dirty:")?,
            shared_bytes: bytes("Shared_Clean:")? + bytes("Shared_Dirty:")?,
            proportional_bytes: bytes("Pss:")?,
        })
    }
}

fn kibibytes(status: &str, field: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(field))?;
    value.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|number| number * 1024)
}

/// Memory that a rank may use, bytes: its share of the machine or of the limit of its cgroup, and no more than Slurm
/// has given. Without limit where nothing tells.
pub fn default_limit(ranks_on_host: usize, variable: impl Fn(&str) -> Option<String>) -> u64 {
    let ranks = ranks_on_host.max(1) as u64;
    (machine_bytes() / ranks).min(slurm_bytes(ranks, variable).unwrap_or(u64::MAX))
}

/// What Slurm has given to each of this many ranks on a node (`--mem`, `--mem-per-cpu`); it kills who takes more.
pub(crate) fn slurm_bytes(ranks: u64, variable: impl Fn(&str) -> Option<String>) -> Option<u64> {
    const MEBIBYTE: u64 = 1 << 20;
    let number = |name| variable(name)?.trim().parse::<u64>().ok().filter(|number| *number > 0);
    if let Some(per_cpu) = number("SLURM_MEM_PER_CPU") {
        return Some(per_cpu * MEBIBYTE * number("SLURM_CPUS_PER_TASK").unwrap_or(1));
    }
    number("SLURM_MEM_PER_NODE").map(|per_node| per_node * MEBIBYTE / ranks)
}

/// Memory of this machine that the process may use, bytes: what is there, or the limit of its
/// cgroup. Without limit where the system does not tell.
pub fn machine_bytes() -> u64 {
    shown_bytes().unwrap_or_else(installed_bytes).min(cgroup_bytes())
}

/// Memory of this machine as `/proc` shows it: in a container that may be less than is installed. `None` where it is not
/// mounted.
fn shown_bytes() -> Option<u64> {
    let shown = std::fs::read_to_string("/proc/meminfo").ok()?;
    kibibytes(&shown, "MemTotal:").filter(|bytes| *bytes > 0)
}

/// Memory of this machine by a system call, which needs no `/proc`.
fn installed_bytes() -> u64 {
    let said = rustix::system::sysinfo();
    // The type is that of a machine word.
    #[allow(clippy::unnecessary_cast, clippy::useless_conversion, reason = "it is 64 bits wide on most machines")]
    let bytes = (said.totalram as u64).saturating_mul(u64::from(said.mem_unit));
    if bytes == 0 { u64::MAX } else { bytes }
}

/// A control group of this process that counts memory.
#[derive(Debug, Clone)]
pub(crate) struct ControlGroup {
    base: &'static Path,
    folder: PathBuf,
}

impl ControlGroup {
    /// Its folder and those of the groups around it.
    pub(crate) fn folders(&self) -> impl Iterator<Item = PathBuf> + Clone + use<> {
        let base = self.base;
        let folder = self.folder.clone();
        std::iter::successors(Some(folder), move |inner| {
            inner.parent().filter(|outer| outer.starts_with(base)).map(Path::to_owned)
        })
    }
}

/// The control groups of this process that count memory, of both versions.
pub(crate) fn cgroups() -> Vec<ControlGroup> {
    let membership = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = |line: &str| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, group) = (fields.next()?, fields.next()?, fields.next()?);
        let base = Path::new(match controllers {
            "" => "/sys/fs/cgroup",
            _ if controllers.split(',').any(|name| name == "memory") => "/sys/fs/cgroup/memory",
            _ => return None,
        });
        Some(ControlGroup { base, folder: base.join(group.trim_start_matches('/')) })
    };
    membership.lines().filter_map(group).collect()
}

/// The limit that is set on a control group, bytes.
pub(crate) fn limit_of(folder: &Path) -> Option<u64> {
    // The first version says a number near 2^63 where there is none.
    const NONE: u64 = 1 << 60;
    let limit = |file| std::fs::read_to_string(folder.join(file)).ok()?.trim().parse::<u64>().ok();
    limit("memory.max").or_else(|| limit("memory.limit_in_bytes")).filter(|limit| *limit < NONE)
}

/// The least limit of the cgroups around this process: that of a batch job often stands some levels up.
fn cgroup_bytes() -> u64 {
    cgroups().iter().flat_map(ControlGroup::folders).filter_map(|folder| limit_of(&folder)).min().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory() {
        let resident = Resident::sample();
        assert!(resident.now_bytes > 100_000);
        assert!(resident.peak_bytes >= resident.now_bytes);
        assert!(machine_bytes() > resident.now_bytes);
        let (shown, installed) = (shown_bytes().unwrap() / 1_000_000, installed_bytes() / 1_000_000);
        // The same number by another way, but where LXC's file system shows a container its own share instead.
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let is_covered = mounts.lines().any(|mount| mount.split(' ').nth(4) == Some("/proc/meminfo"));
        assert!(if is_covered { shown <= installed } else { shown == installed }, "{shown} of {installed} MB");
        if let Some(sharing) = Sharing::sample() {
            assert!(sharing.private_bytes > 0 && sharing.proportional_bytes >= sharing.private_bytes);
        }
    }

    #[test]
    fn a_limit_of_slurm_is_kept() {
        let slurm = |name: &'static str, value: &'static str| {
            move |asked: &str| match asked {
                "SLURM_CPUS_PER_TASK" => Some("2".to_owned()),
                _ => (asked == name).then(|| value.to_owned()),
            }
        };
        assert_eq!(default_limit(2, slurm("SLURM_MEM_PER_NODE", "10")), 5 << 20);
        assert_eq!(default_limit(2, slurm("SLURM_MEM_PER_CPU", "10")), 20 << 20);
        assert_eq!(default_limit(1, |_| None), machine_bytes());
        assert_eq!(default_limit(4, slurm("SLURM_MEM_PER_NODE", "0")), machine_bytes() / 4);
    }
}

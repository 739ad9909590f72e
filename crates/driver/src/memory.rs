//! How much memory there is, and how much of it this process has.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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
    let Ok(mut system) = sysinfo::System::new() else { return installed_bytes().min(cgroup_bytes()) };
    system.refresh_memory();
    let limit = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory);
    // Where `/proc` is not mounted it says zero.
    let total = Some(system.total_memory()).filter(|bytes| *bytes > 0).unwrap_or_else(installed_bytes);
    total.min(limit).min(cgroup_bytes())
}

/// Memory of this machine by a system call, which needs no `/proc`.
fn installed_bytes() -> u64 {
    let told = rustix::system::sysinfo();
    // The type is that of a machine word.
    #[allow(clippy::unnecessary_cast, clippy::useless_conversion, reason = "it is 64 bits wide on most machines")]
    let bytes = (told.totalram as u64).saturating_mul(u64::from(told.mem_unit));
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

/// Keeps the evaluations in flight within a limit: memory is known beforehand, not discovered by
/// running out of it.
#[derive(Debug)]
pub(crate) struct MemoryGate {
    limit: u64,
    taken: Mutex<Taken>,
    given_back: Condvar,
    /// Has the allocator return what is free.
    return_free: fn(),
}

#[derive(Debug)]
struct Taken {
    now: u64,
    /// The most since free memory was last returned, and the most of the latest period.
    most: u64,
    lately: u64,
    period_began: Instant,
}

impl Taken {
    fn nothing(now: Instant) -> Self {
        Self { now: 0, most: 0, lately: 0, period_began: now }
    }

    /// Takes so much. Tells whether what is free should be returned: because this is a good deal more than there was (what
    /// smaller evaluations have left behind fits none of these, and the peak would be the sum of both), or since for a while
    /// there was much less, and what large ones have left is in use by bits.
    fn take(&mut self, bytes: u64, now: Instant) -> bool {
        self.now += bytes;
        self.lately = self.lately.max(self.now);
        if self.now >= self.most + (self.most / 10).max(LEAST_CHANGE_BYTES) {
            self.most = self.now;
            self.lately = 0;
            self.period_began = now;
            return true;
        }
        if now.saturating_duration_since(self.period_began) < PERIOD {
            return false;
        }
        let has_fallen = self.lately + LEAST_CHANGE_BYTES <= self.most - self.most / 3;
        if has_fallen {
            self.most = self.lately;
        }
        self.lately = self.now;
        self.period_began = now;
        has_fallen
    }
}

/// Changes below this are not worth the pages that have to be cleared anew.
const LEAST_CHANGE_BYTES: u64 = 8_000_000;

/// Returning and clearing takes some milliseconds, so it is done seldom where large and small ones take turns.
const PERIOD: Duration = Duration::from_millis(500);

impl MemoryGate {
    /// `return_free`: has the allocator return what is free; called before evaluations that need more than those before, or much less.
    pub(crate) fn new(limit: u64, return_free: fn()) -> Arc<Self> {
        Arc::new(Self {
            limit,
            taken: Mutex::new(Taken::nothing(Instant::now())),
            given_back: Condvar::new(),
            return_free,
        })
    }

    /// Waits until so much is free; gives it back when the answer is dropped. `None` when it will
    /// never fit.
    pub(crate) fn enter(self: &Arc<Self>, bytes: u64) -> Option<MemoryPermit> {
        if bytes > self.limit {
            return None;
        }
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while taken.now.saturating_add(bytes) > self.limit {
            taken = self.given_back.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        Some(self.permit(taken, bytes))
    }

    /// Takes so much if it is free now.
    pub(crate) fn try_enter(self: &Arc<Self>, bytes: u64) -> Option<MemoryPermit> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.now.saturating_add(bytes) > self.limit {
            return None;
        }
        Some(self.permit(taken, bytes))
    }

    fn permit(self: &Arc<Self>, mut taken: MutexGuard<'_, Taken>, bytes: u64) -> MemoryPermit {
        let is_due = taken.take(bytes, Instant::now());
        drop(taken);
        if is_due {
            (self.return_free)();
        }
        MemoryPermit { gate: self.clone(), bytes }
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    /// Promised to evaluations now, bytes.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).now
    }
}

/// The right to use so much memory.
#[derive(Debug)]
pub(crate) struct MemoryPermit {
    gate: Arc<MemoryGate>,
    bytes: u64,
}

impl Drop for MemoryPermit {
    fn drop(&mut self) {
        self.gate.taken.lock().unwrap_or_else(PoisonError::into_inner).now -= self.bytes;
        self.gate.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn a_process_has_memory() {
        let resident = Resident::sample();
        assert!(resident.now_bytes > 100_000);
        assert!(resident.peak_bytes >= resident.now_bytes);
        assert!(machine_bytes() > resident.now_bytes);
        // The same number by another way.
        let mut system = sysinfo::System::new().unwrap();
        system.refresh_memory();
        assert_eq!(installed_bytes() / 1_000_000, system.total_memory() / 1_000_000);
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

    #[test]
    fn the_gate_never_lets_in_more_than_its_limit() {
        let gate = MemoryGate::new(10, || ());
        assert!(gate.enter(11).is_none());
        let most = Mutex::new((0u64, 0u64));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let _permit = gate.enter(4).unwrap();
                        let mut seen = most.lock().unwrap();
                        seen.0 += 4;
                        seen.1 = seen.1.max(seen.0);
                        drop(seen);
                        std::thread::yield_now();
                        most.lock().unwrap().0 -= 4;
                    }
                });
            }
        });
        assert!(most.into_inner().unwrap().1 <= 10);
        assert_eq!(gate.taken(), 0);
    }

    #[test]
    fn free_memory_is_returned_before_more_is_taken_than_ever_and_when_it_was_much_less_for_a_while() {
        static RETURNED: AtomicU32 = AtomicU32::new(0);
        let gate = MemoryGate::new(1_000_000_000, || {
            RETURNED.fetch_add(1, Ordering::Relaxed);
        });
        drop(gate.enter(7_000_000).unwrap());
        assert_eq!(RETURNED.load(Ordering::Relaxed), 0);
        drop(gate.try_enter(8_000_000).unwrap());
        assert_eq!(RETURNED.load(Ordering::Relaxed), 1);

        let begin = Instant::now();
        let mut taken = Taken::nothing(begin);
        let mut is_due = |(megabytes, at_ms): (u64, u64)| {
            let is_due = taken.take(megabytes * 1_000_000, begin + Duration::from_millis(at_ms));
            taken.now -= megabytes * 1_000_000;
            is_due
        };
        // 329 is less than a tenth more than 300.
        let rising = [(8, 0), (15, 1), (16, 2), (300, 3), (200, 4), (329, 5), (330, 6)];
        assert_eq!(rising.map(&mut is_due), [true, false, true, true, false, false, true]);
        // A period after the last rise all are smaller, then one is larger again.
        let falling = [(200, 400), (150, 505), (100, 506), (100, 900), (260, 1010), (30, 1100), (30, 1510), (30, 2011)];
        assert_eq!(falling.map(&mut is_due), [false, false, true, false, true, false, true, false]);
        assert_eq!([(30, 2600), (25, 3200)].map(&mut is_due), [false, false], "a few megabytes less");
    }
}

//! How much memory there is, and how much of it this process has.

use std::sync::{Condvar, Mutex, PoisonError};

/// Resident memory of this process, bytes: now, and at its peak.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resident {
    /// Now.
    pub now_bytes: u64,
    /// Largest so far.
    pub peak_bytes: u64,
}

impl Resident {
    /// As the kernel counts it; zero where it does not tell.
    pub fn sample() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self { now_bytes: kibibytes(&status, "VmRSS:"), peak_bytes: kibibytes(&status, "VmHWM:") }
    }
}

fn kibibytes(status: &str, field: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix(field));
    let number = value.and_then(|text| text.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    number.unwrap_or(0) * 1024
}

/// Memory of this machine that the process may use, bytes: what is there, or the limit of its
/// cgroup. Without limit where the system does not tell.
pub fn machine_bytes() -> u64 {
    let Ok(mut system) = sysinfo::System::new() else { return u64::MAX };
    system.refresh_memory();
    let limit = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory);
    system.total_memory().min(limit)
}

/// Keeps the evaluations in flight within a limit: memory is known beforehand, not discovered by
/// running out of it.
#[derive(Debug)]
pub(crate) struct MemoryGate {
    limit: u64,
    taken: Mutex<u64>,
    given_back: Condvar,
}

impl MemoryGate {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, taken: Mutex::new(0), given_back: Condvar::new() }
    }

    /// Waits until so much is free; gives it back when the answer is dropped. `None` when it will
    /// never fit.
    pub(crate) fn enter(&self, bytes: u64) -> Option<MemoryPermit<'_>> {
        if bytes > self.limit {
            return None;
        }
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while taken.saturating_add(bytes) > self.limit {
            taken = self.given_back.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken += bytes;
        Some(MemoryPermit { gate: self, bytes })
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }
}

/// The right to use so much memory.
#[derive(Debug)]
pub(crate) struct MemoryPermit<'a> {
    gate: &'a MemoryGate,
    bytes: u64,
}

impl Drop for MemoryPermit<'_> {
    fn drop(&mut self) {
        *self.gate.taken.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        self.gate.given_back.notify_all();
    }
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
    }

    #[test]
    fn the_gate_never_lets_in_more_than_its_limit() {
        let gate = MemoryGate::new(10);
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
        assert_eq!(*gate.taken.lock().unwrap(), 0);
    }
}

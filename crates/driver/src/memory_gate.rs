//! How much memory evaluations may take at once.

use crate::memory::Resident;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

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

/// Counts in bytes.
#[derive(Debug)]
struct Taken {
    /// Promised to evaluations.
    now: u64,
    /// Resident beyond what was promised, when what is free was last returned.
    beside: u64,
    /// The most that was ever needed: resident or about to be, when little was free.
    peak: u64,
}

impl Taken {
    /// Whether what is free should be returned before `bytes` more are taken: they may need new memory, though a good deal
    /// is free, in pieces that do not fit. Without that the peak would be the sum of what evaluations of many kinds need.
    ///
    /// Seldom, since returned pages must be cleared when they are needed again: each time the peak would have grown by a
    /// quarter.
    fn is_due(&mut self, resident: u64, bytes: u64) -> bool {
        let least = LEAST.max(self.peak / 4);
        let free = resident.saturating_sub(self.beside + self.now);
        if resident + bytes <= self.peak + least {
            return false;
        }
        if free <= least {
            self.peak = resident + bytes;
        }
        free > least
    }

    /// What is free was returned; `bytes` of what is promised are not taken yet.
    fn returned(&mut self, resident: u64, bytes: u64) {
        self.beside = resident.saturating_sub(self.now.saturating_sub(bytes));
        self.peak = self.peak.max(resident + bytes);
    }
}

/// Returning less is not worth the pages that have to be cleared anew.
const LEAST: u64 = 40_000_000;

/// Evaluations that take less are not worth asking how much is resident, which reads a file of the kernel: some 40 µs.
const ASKED_FROM: u64 = 2_000_000;

impl MemoryGate {
    /// `return_free`: has the allocator return what is free; called before evaluations that would make the peak larger though
    /// much is free.
    pub(crate) fn new(limit: u64, return_free: fn()) -> Arc<Self> {
        let taken = Taken { now: 0, beside: Resident::sample().now_bytes, peak: 0 };
        Arc::new(Self { limit, taken: Mutex::new(taken), given_back: Condvar::new(), return_free })
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
        let is_due = bytes >= ASKED_FROM && taken.is_due(Resident::sample().now_bytes, bytes);
        taken.now += bytes;
        drop(taken);
        if is_due {
            (self.return_free)();
            let resident = Resident::sample().now_bytes;
            self.taken.lock().unwrap_or_else(PoisonError::into_inner).returned(resident, bytes);
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
    fn free_memory_is_returned_where_the_peak_would_grow_by_a_quarter() {
        const MB: u64 = 1_000_000;
        let mut taken = Taken { now: 0, beside: 100 * MB, peak: 0 };
        // The first, larger than all that is there: nothing is free.
        assert!(!taken.is_due(100 * MB, 300 * MB));
        assert_eq!(taken.peak, 400 * MB);
        // All that the first took is free, and may be used again or not: 100 more are a quarter.
        assert!(!taken.is_due(400 * MB, 100 * MB));
        assert!(taken.is_due(400 * MB, 101 * MB));
        taken.now = 101 * MB;
        taken.returned(110 * MB, 101 * MB);
        assert_eq!((taken.beside, taken.peak), (110 * MB, 400 * MB));
        // It is in use now: there is nothing to return, however much is wanted.
        assert!(!taken.is_due(211 * MB, 399 * MB));
        assert_eq!(taken.peak, 610 * MB);
        // Where the kernel does not tell.
        assert!(!taken.is_due(0, 900 * MB));
    }

    #[test]
    fn the_allocator_is_asked_when_it_is_due_and_not_for_little() {
        static RETURNED: AtomicU32 = AtomicU32::new(0);
        let gate = MemoryGate::new(1_000_000_000_000, || {
            RETURNED.fetch_add(1, Ordering::Relaxed);
        });
        // As if there had been nothing when it began: all that this process holds is free.
        gate.taken.lock().unwrap().beside = 0;
        let held = vec![1u8; 100_000_000];
        drop(gate.enter(ASKED_FROM - 1).unwrap());
        assert_eq!(RETURNED.load(Ordering::Relaxed), 0);
        drop(gate.try_enter(50_000_000).unwrap());
        assert_eq!(RETURNED.load(Ordering::Relaxed), 1);
        drop(gate.enter(50_000_000).unwrap());
        assert_eq!(
            (RETURNED.load(Ordering::Relaxed), held.iter().max()),
            (1, Some(&1)),
            "it is known to be in use now"
        );
        assert_eq!(gate.taken(), 0);
    }
}

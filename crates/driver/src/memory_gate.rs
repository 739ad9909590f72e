//! How much memory evaluations may take at once.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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

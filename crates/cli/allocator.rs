//! The allocator, and how long it keeps what evaluations free.
//!
//! Evaluations allocate and free the same large buffers over and over. glibc hands such memory back to the kernel
//! each time, mimalloc after a second by default: what comes anew is cleared page by page. 600 CIFs with CHGNet took 6.1 s
//! so instead of 5.0 on one core of a Zen 5, and 4.2 instead of 3.0 on two (docs/performance.md).

use libmimalloc_sys::{mi_collect, mi_option_get, mi_option_set, mi_option_t};
use mimalloc::MiMalloc;
use std::ffi::c_long;
use std::sync::atomic::{AtomicI64, Ordering};

// AddressSanitizer, with which fuzzers are built, watches the allocator of the system alone.
#[cfg_attr(not(fuzzing), global_allocator)]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` of mimalloc 3: how long freed memory is kept before the kernel gets it back, ms.
/// The binding has no name for it; [`DEFAULT_MS`] tells whether it still has this number.
const PURGE_DELAY: mi_option_t = 15;

/// What mimalloc 3 begins with, where the environment (`MIMALLOC_PURGE_DELAY`) says nothing else.
const DEFAULT_MS: c_long = 1000;

/// Long enough that clearing pages costs nothing beside evaluations, short enough that what a huge structure took
/// does not stay taken for the rest of the run.
const KEEP_MS: c_long = 60_000;

/// While nothing is evaluated, or by potentials without weights, which allocate little.
const SPARE_MS: c_long = 100;

/// What the delay was set to here: where it is another, the environment chose it.
static CHOSEN_MS: AtomicI64 = AtomicI64::new(DEFAULT_MS);

/// Gives back soon what is freed. What the environment asks for goes first.
///
/// Once memory waits to be returned, another delay does not change when: so this comes first, and what loading and
/// reading leave behind is gone before evaluations begin.
///
/// To be called before other threads use this program's allocator: first thing in `main`.
pub fn return_freed_memory() {
    set_delay(SPARE_MS);
}

/// Lets freed memory stay with the process for a minute. What the environment asks for goes first.
///
/// To be called before threads of evaluations are started, or when a library is loaded.
pub fn keep_freed_memory() {
    set_delay(KEEP_MS);
}

/// Gives back what is free now in the heap of the calling thread and in memory that no thread has; what other threads hold
/// free stays with them.
pub(crate) fn return_all_free() {
    #[expect(unsafe_code, reason = "the binding has no other way to ask for it")]
    // SAFETY: may be called by any thread at any time; frees nothing that is in use.
    unsafe {
        mi_collect(true);
    }
}

fn set_delay(to: c_long) {
    // SAFETY: options are plain numbers that other threads may read while they change; by what callers promise there are
    // none yet that allocate much.
    #[expect(unsafe_code, reason = "the binding has no other way to set an option")]
    unsafe {
        if mi_option_get(PURGE_DELAY) == CHOSEN_MS.load(Ordering::Relaxed) {
            mi_option_set(PURGE_DELAY, to);
            CHOSEN_MS.store(to, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read() -> c_long {
        #[expect(unsafe_code, reason = "the binding has no other way to read an option")]
        // SAFETY: reads a number.
        unsafe {
            mi_option_get(PURGE_DELAY)
        }
    }

    #[test]
    fn the_option_is_the_one_that_is_meant_and_the_environment_goes_first() {
        assert_eq!(read(), DEFAULT_MS);
        return_freed_memory();
        assert_eq!(read(), SPARE_MS);
        keep_freed_memory();
        assert_eq!(read(), KEEP_MS);
        // As if it had been set from outside.
        CHOSEN_MS.store(DEFAULT_MS, Ordering::Relaxed);
        return_freed_memory();
        assert_eq!(read(), KEEP_MS);
    }
}

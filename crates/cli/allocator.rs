//! The allocator, and how long it keeps what evaluations free.
//!
//! Evaluations allocate and free the same large buffers over and over. glibc hands such memory back to the kernel
//! each time, mimalloc after a second by default: what comes anew is cleared page by page. 600 CIFs with CHGNet took 6.1 s
//! so instead of 5.0 on one core of a Zen 5, and 4.2 instead of 3.0 on two (docs/performance.md).

use libmimalloc_sys::{mi_collect, mi_option_get, mi_option_set, mi_option_t};
use mimalloc::MiMalloc;
use std::ffi::c_long;

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

/// Where evaluations allocate little: 100,000 crystals with Lennard-Jones have their peak at 60 to 68 MB instead of 94 to 100, seven
/// runs each on a Zen 4 (docs/performance.md).
const SPARE_MS: c_long = 100;

/// Lets freed memory stay with the process for a minute. What the environment asks for goes first.
///
/// To be called before other threads use this program's allocator: first thing in `main`, or when a library is loaded.
pub fn keep_freed_memory() {
    set_delay(DEFAULT_MS, KEEP_MS);
}

/// Gives back soon what is freed, after [`keep_freed_memory`]. What the environment asks for goes first.
///
/// To be called before threads of evaluations and readers are started.
pub(crate) fn return_freed_memory() {
    set_delay(KEEP_MS, SPARE_MS);
}

/// Gives back all that is free now.
pub(crate) fn return_all_free() {
    #[expect(unsafe_code, reason = "the binding has no other way to ask for it")]
    // SAFETY: may be called by any thread at any time; frees nothing that is in use.
    unsafe {
        mi_collect(true);
    }
}

fn set_delay(from: c_long, to: c_long) {
    // SAFETY: options are plain numbers that other threads may read while they change; by what callers promise there are
    // none yet that do.
    #[expect(unsafe_code, reason = "the binding has no other way to set an option")]
    unsafe {
        if mi_option_get(PURGE_DELAY) == from {
            mi_option_set(PURGE_DELAY, to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_is_the_one_that_is_meant() {
        let read = || {
            #[expect(unsafe_code, reason = "the binding has no other way to read an option")]
            // SAFETY: reads a number.
            unsafe {
                mi_option_get(PURGE_DELAY)
            }
        };
        assert_eq!(read(), DEFAULT_MS);
        keep_freed_memory();
        assert_eq!(read(), KEEP_MS);
        return_freed_memory();
        assert_eq!(read(), SPARE_MS);
        keep_freed_memory();
        assert_eq!(read(), SPARE_MS);
    }
}

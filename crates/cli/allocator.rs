//! The allocator, and how long it keeps what evaluations free.
//!
//! Evaluations allocate and free the same large buffers over and over. glibc hands such memory back to the kernel
//! each time, mimalloc after a second by default: what comes anew is cleared page by page. 600 CIFs with CHGNet took 6.1 s
//! so instead of 5.0 on one core of a Zen 5, and 4.2 instead of 3.0 on two (docs/performance.md).

use libmimalloc_sys::{mi_collect, mi_option_get, mi_option_set, mi_option_set_default, mi_option_t};
use mimalloc::MiMalloc;
use std::ffi::c_long;
use std::sync::atomic::{AtomicI64, Ordering};

// AddressSanitizer, with which fuzzers are built, watches the allocator of the system alone.
#[cfg_attr(not(fuzzing), global_allocator)]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` of mimalloc 3: how long freed memory is kept before the kernel gets it back, ms.
/// The binding has no name for it; [`DEFAULT_MS`] tells whether it still has this number.
const PURGE_DELAY: mi_option_t = 15;

/// `mi_option_arena_eager_commit`: whether a piece of memory that is asked of the kernel counts as taken at once, so that it may
/// be backed by pages of 2 MB.
const EAGER_COMMIT: mi_option_t = 4;

/// `mi_option_arena_reserve`: how long such a piece is, KiB.
const RESERVE: mi_option_t = 23;

/// Where little is used, huge pages stay empty for the most part: the first piece is this short, KiB, and taken as it is used.
/// What comes behind it belongs to evaluations, which gain from huge pages.
const FIRST_KIB: c_long = 64 << 10;

/// What mimalloc 3 begins with: such pieces where the kernel hands out memory when it is touched, of 1 GiB.
const EAGER_DEFAULT: c_long = 2;
const RESERVE_DEFAULT: c_long = 1 << 20;

/// Run before `main`: what the standard library allocates there is the first, and would already be in a piece of 1 GiB.
#[cfg(all(target_os = "linux", not(fuzzing)))]
#[expect(unsafe_code, reason = "there is no other way to do something before the first allocation")]
// SAFETY: the loader calls functions of this signature from this section, once the C library can be used.
#[unsafe(link_section = ".init_array")]
#[used]
static BEFORE_MAIN: extern "C" fn() = begin_with_a_short_piece;

#[cfg(all(target_os = "linux", not(fuzzing)))]
extern "C" fn begin_with_a_short_piece() {
    change(EAGER_COMMIT, EAGER_DEFAULT, 0);
    change(RESERVE, RESERVE_DEFAULT, FIRST_KIB);
}

/// From now on pieces are as mimalloc has them.
fn go_on_with_long_pieces() {
    // What is allocated now, if nothing was before, is in the first.
    drop(std::hint::black_box(Box::new(0_u8)));
    change(EAGER_COMMIT, 0, EAGER_DEFAULT);
    change(RESERVE, FIRST_KIB, RESERVE_DEFAULT);
}

/// Sets an option that has this value; one with another has it from the environment, or is not the one that is meant.
fn change(option: mi_option_t, from: c_long, to: c_long) {
    // SAFETY: options are plain numbers that other threads may read while they change.
    #[expect(unsafe_code, reason = "the binding has no other way to set an option")]
    unsafe {
        if mi_option_get(option) == from {
            mi_option_set_default(option, to);
        }
    }
}

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
    go_on_with_long_pieces();
    set_delay(SPARE_MS);
}

/// Lets freed memory stay with the process for a minute. What the environment asks for goes first.
///
/// To be called before threads of evaluations are started, or when a library is loaded.
pub fn keep_freed_memory() {
    go_on_with_long_pieces();
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

    fn read(option: mi_option_t) -> c_long {
        #[expect(unsafe_code, reason = "the binding has no other way to read an option")]
        // SAFETY: reads a number.
        unsafe {
            mi_option_get(option)
        }
    }

    #[test]
    fn the_options_are_those_that_are_meant_and_the_environment_goes_first() {
        assert_eq!([EAGER_COMMIT, RESERVE].map(read), [0, FIRST_KIB], "set before main");
        assert_eq!(read(PURGE_DELAY), DEFAULT_MS);
        return_freed_memory();
        assert_eq!(read(PURGE_DELAY), SPARE_MS);
        assert_eq!([EAGER_COMMIT, RESERVE].map(read), [EAGER_DEFAULT, RESERVE_DEFAULT]);
        keep_freed_memory();
        assert_eq!(read(PURGE_DELAY), KEEP_MS);
        // As if it had been set from outside.
        CHOSEN_MS.store(DEFAULT_MS, Ordering::Relaxed);
        return_freed_memory();
        assert_eq!(read(PURGE_DELAY), KEEP_MS);
    }
}

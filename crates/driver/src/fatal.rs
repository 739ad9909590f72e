//! The last words of a process that dies of a signal which it brought on itself.
//!
//! A process that is killed from outside looks, in its journal, like one that died of what it computed. What tells them
//! apart is a handler of the signals that only defects bring on: it names the evaluation of the thread that died. The
//! library `signal-hook` refuses handlers of these signals, and its own come after those that were there before, so this
//! is one of the few places with unsafe code.

use libc::{SI_QUEUE, SI_USER, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, c_int, c_void, siginfo_t};
use mlip_store::journal::FatalLog;
use mlip_store::{StoreError, TaskKey};
use std::cell::Cell;
use std::io;
use std::marker::PhantomData;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

const FATAL: [c_int; 5] = [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT];

/// What was done about each of these signals before.
static BEFORE: [OnceLock<libc::sigaction>; FATAL.len()] = [const { OnceLock::new() }; FATAL.len()];

static INSTALLED: AtomicBool = AtomicBool::new(false);

/// Of the one journal that this process writes.
static JOURNAL: OnceLock<FatalLog> = OnceLock::new();

thread_local! {
    // Without a destructor, so that the handler may read it in any state of the thread.
    static EVALUATES: Cell<Option<TaskKey>> = const { Cell::new(None) };
    static IS_MAIN: Cell<bool> = const { Cell::new(false) };
}

/// Has the journal of this process name the evaluation on which the process dies. For programs, on their main thread and
/// before MPI starts, which leaves handlers that it finds in place; a library must not do that to its host.
///
/// # Errors
/// When the system refuses a handler.
pub fn name_fatal_signals() -> io::Result<()> {
    IS_MAIN.set(true);
    if INSTALLED.swap(true, Ordering::SeqCst) {
        return Ok(());
    }
    for (signal, before) in FATAL.iter().zip(&BEFORE) {
        // SAFETY: `sigaction` is plain data that may be all zeros. The handler has the signature that SA_SIGINFO asks for,
        // and does only what a handler may: it reads cells without destructors and statics that are set once, and calls
        // `write`, `sigaction` and `raise`. It runs on the stack for signals, if the thread has one.
        #[expect(unsafe_code, reason = "there is no safe way to handle these signals")]
        let old = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            let mut old: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = last_words as extern "C" fn(c_int, *mut siginfo_t, *mut c_void) as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            if libc::sigaction(*signal, &raw const action, &raw mut old) != 0 {
                return Err(io::Error::last_os_error());
            }
            old
        };
        // Nobody else sets it.
        let _ = before.set(old);
    }
    Ok(())
}

/// Notes the journal of this process, if the signals are handled.
pub(crate) fn arm(log: impl FnOnce() -> Result<FatalLog, StoreError>) -> Result<(), StoreError> {
    if INSTALLED.load(Ordering::SeqCst) && JOURNAL.get().is_none() {
        // The first counts: a process writes one journal.
        let _ = JOURNAL.set(log()?);
    }
    Ok(())
}

/// As long as it lives, this thread evaluates a task.
pub(crate) struct Evaluating(PhantomData<*const ()>);

/// This thread begins to evaluate this task; `None` for several at once.
pub(crate) fn evaluating(key: Option<TaskKey>) -> Evaluating {
    EVALUATES.set(key);
    Evaluating(PhantomData)
}

impl Drop for Evaluating {
    fn drop(&mut self) {
        EVALUATES.set(None);
    }
}

extern "C" fn last_words(signal: c_int, info: *mut siginfo_t, _context: *mut c_void) {
    // SAFETY: the kernel passes a valid description of the signal to a handler with SA_SIGINFO.
    #[expect(unsafe_code, reason = "there is no safe way to handle these signals")]
    let code = unsafe { (*info).si_code };
    // One that another process sent says nothing of what was computed, nor does one of the thread that only talks to
    // other ranks.
    if code != SI_USER
        && code != SI_QUEUE
        && !IS_MAIN.get()
        && let Some(journal) = JOURNAL.get()
    {
        // There is nobody left to report an error to.
        let _ = journal.write(EVALUATES.get(), u8::try_from(signal).unwrap_or(0));
    }
    let before = FATAL.iter().zip(&BEFORE).find(|(known, _)| **known == signal).and_then(|(_, before)| before.get());
    // SAFETY: what was done before is valid to be done again, and all zeros are the default. A fault happens again when
    // the handler returns, and is then treated as before; a signal that was sent must be sent again.
    #[expect(unsafe_code, reason = "there is no safe way to handle these signals")]
    unsafe {
        let default: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, before.unwrap_or(&default), std::ptr::null_mut());
        if code <= 0 {
            libc::raise(signal);
        }
    }
}

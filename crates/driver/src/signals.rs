//! Signals that ask a run to end in good order.

use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

/// Signals within this time of the first are the same request: launchers pass one on by several ways.
const ONE_REQUEST: Duration = Duration::from_secs(1);

/// Whether a signal came.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    asked: Arc<AtomicBool>,
    armed: Arc<AtomicBool>,
    since: Option<Instant>,
}

impl Signals {
    /// SIGTERM (a scheduler at its limit), SIGUSR1 (its warning) and SIGINT (Ctrl-C) ask for the
    /// end. The first lets the run drain; one that comes a second or more later ends the process
    /// at once with the code 128 + signal, also while the main thread is busy with something long: a list of structures.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub fn install() -> io::Result<Self> {
        let signals = Self::default();
        let (came, told) = UnixStream::pair()?;
        for signal in [SIGTERM, SIGUSR1, SIGINT] {
            signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, signals.armed.clone())?;
            signal_hook::flag::register(signal, signals.asked.clone())?;
            signal_hook::low_level::pipe::register(signal, told.try_clone()?)?;
        }
        let armed = signals.armed.clone();
        // Where no thread can be had the main thread does it, when it asks next.
        drop(Builder::new().name("signals".into()).spawn(move || arm(came, &armed)));
        Ok(signals)
    }

    /// Asks as a signal would.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// Whether the end was asked for. Called again and again by the main thread.
    pub fn is_asked(&mut self) -> bool {
        if !self.asked.load(Ordering::Relaxed) {
            return false;
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() >= ONE_REQUEST {
            self.armed.store(true, Ordering::Relaxed);
        }
        true
    }
}

/// Once a signal came, and what belongs to the same request is past, lets the next one end the process.
fn arm(mut came: UnixStream, armed: &AtomicBool) {
    while came.read_exact(&mut [0]).is_ok() {
        thread::sleep(ONE_REQUEST);
        armed.store(true, Ordering::Relaxed);
    }
}

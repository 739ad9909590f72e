//! Waiting that ends when a signal comes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often the signal is looked for.
pub(crate) const STEP: Duration = Duration::from_millis(50);

/// Waits; whether the time passed without a signal.
pub(crate) fn wait(time: Duration, stop: &AtomicBool) -> bool {
    let since = Instant::now();
    while since.elapsed() < time {
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        std::thread::sleep(STEP.min(time));
    }
    !stop.load(Ordering::Relaxed)
}

//! Times a potential on one thread (or some), crystal by crystal: what `scripts/measure` compares with upstream.
//!
//! usage: time_potential NAME[=FILE][,engine=candle] CRYSTALS.json SECONDS [THREADS [PRECISION]]
//!
//! CRYSTALS.json is a list of `{"name", "numbers", "cell", "positions"}` (Å, Cartesian). Each is evaluated once, then
//! for this many seconds. Prints a JSON object: loading, milliseconds (first, least and median), milliseconds of CPU time in
//! user mode (mean: other processes on the machine hardly change it), peak memory.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on fails; its output is data"
)]

mod crystals;

use crystals::{read, selection};
use mlip_atoms::{Deadline, EngineKind, Request};
use mlip_models::registry;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Largest resident size of this process so far, MB.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1e3
}

/// CPU time of this process in user mode so far, ms. The system counts in steps of 10 ms.
fn user_ms() -> f64 {
    let line = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = line.rsplit(')').next().unwrap_or_default();
    let ticks = behind_name.split_whitespace().nth(11).and_then(|ticks| ticks.parse::<f64>().ok());
    10.0 * ticks.unwrap_or(f64::NAN)
}

fn main() {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let [model, crystals, seconds, rest @ ..] = &arguments[..] else {
        panic!("usage: time_potential NAME[=FILE][,engine=candle] CRYSTALS.json SECONDS [THREADS [PRECISION]]")
    };
    let threads = rest.first().map_or(1, |threads| threads.parse().unwrap());
    let precision = rest.get(1).map_or("f32", String::as_str);
    // One thread is this one, as in a run.
    let pool = (threads > 1).then(|| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap());
    let (model, engine) = match model.strip_suffix(",engine=candle") {
        Some(model) => (model, EngineKind::Candle),
        None => (model.as_str(), EngineKind::Native),
    };
    let selection =
        selection(model).with_engine(engine).with_precision(serde_json::from_value(precision.into()).unwrap());
    let seconds = seconds.parse::<f64>().unwrap();
    let start = Instant::now();
    let potential = registry::load(&selection).unwrap();
    let mut out = serde_json::json!({ "load_s": start.elapsed().as_secs_f64(), "loaded_mb": peak_mb() });
    for crystal in &read(crystals) {
        let structure = crystal.structure();
        let mut times = Vec::new();
        let (begin, mut user) = (Instant::now(), user_ms());
        // The first one warms up and does not count.
        while times.len() < 4 || begin.elapsed().as_secs_f64() < seconds {
            let start = Instant::now();
            let predict = || potential.predict(&[&structure], Request::default(), &Deadline::NONE).remove(0).unwrap();
            match &pool {
                Some(pool) => pool.install(predict),
                None => predict(),
            };
            times.push(start.elapsed().as_secs_f64() * 1e3);
            if times.len() == 1 {
                user = user_ms();
            }
        }
        let first = times[0];
        let counted = &mut times[1..];
        let user = (user_ms() - user) / counted.len() as f64;
        counted.sort_by(f64::total_cmp);
        out[&crystal.name] = serde_json::json!({
            "n_atoms": structure.n_atoms(), "n": counted.len(), "first_ms": first,
            "least_ms": counted[0], "median_ms": counted[counted.len() / 2],
            "user_ms": user, "peak_mb": peak_mb(),
        });
    }
    println!("{out}");
}

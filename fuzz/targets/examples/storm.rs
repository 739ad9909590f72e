//! Mutants without a fuzzer, for machines without a nightly compiler: `storm SECONDS [TARGET…]`. Each that is tried lies in
//! `fuzz/last/TARGET` before, so that what kills the process is there afterwards.

#![allow(clippy::print_stdout, reason = "it is a program")]

use mlip_fuzz_targets::{Mutator, TARGETS, seeds, target};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let seconds: f64 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(60.0);
    let mut names: Vec<String> = arguments.collect();
    if names.is_empty() {
        names = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    }
    let last = Path::new(env!("CARGO_MANIFEST_DIR")).join("../last");
    std::fs::create_dir_all(&last)?;
    let each = Duration::from_secs_f64(seconds / names.len() as f64);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
    let (mut n_all, mut bytes_all) = (0u64, 0u64);
    for name in &names {
        let Some(target) = target(name) else {
            println!("no target is called {name}");
            continue;
        };
        let (seeds, mut mutator, begin) = (seeds(name), Mutator::new(now), Instant::now());
        let (mut n, mut n_bytes, mut slowest) = (0u64, 0u64, Duration::ZERO);
        while begin.elapsed() < each {
            let bytes = mutator.next(&seeds);
            std::fs::write(last.join(name), &bytes)?;
            let at = Instant::now();
            target(&bytes);
            slowest = slowest.max(at.elapsed());
            (n, n_bytes) = (n + 1, n_bytes + bytes.len() as u64);
        }
        println!("{name}: {n} texts, {n_bytes} bytes, the slowest {slowest:.1?}");
        (n_all, bytes_all) = (n_all + n, bytes_all + n_bytes);
    }
    println!("{n_all} texts, {bytes_all} bytes");
    Ok(())
}

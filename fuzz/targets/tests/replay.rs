//! Seeds and earlier findings, and some mutants of them, always the same: part of `make test`. `MLIP_MUTANTS=N` tries N
//! times as many mutants.

#![allow(clippy::print_stderr, reason = "says what was tried")]

use mlip_fuzz_targets::{Mutator, TARGETS, seeds};
use std::time::{Duration, Instant};

#[test]
fn every_target_takes_its_seeds_and_mutants_of_them() {
    let times: usize = std::env::var("MLIP_MUTANTS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    std::thread::scope(|scope| {
        for (number, (name, target)) in TARGETS.into_iter().enumerate() {
            scope.spawn(move || {
                let seeds = seeds(name);
                assert!(!seeds.is_empty(), "{name} has no seeds");
                let mut mutator = Mutator::new(number as u64);
                let mutants = (0..200 * times).map(|_| mutator.next(&seeds)).collect::<Vec<_>>();
                let all = seeds.iter().map(|(_, bytes)| bytes).chain(&mutants);
                let (mut n, mut n_bytes) = (0, 0);
                for bytes in all {
                    let begin = Instant::now();
                    target(bytes);
                    // Machines of tests are busy: what is meant is that nothing grows without a bound.
                    assert!(begin.elapsed() < Duration::from_secs(20), "{name}: {:?}", String::from_utf8_lossy(bytes));
                    (n, n_bytes) = (n + 1, n_bytes + bytes.len());
                }
                eprintln!("{name}: {n} texts, {n_bytes} bytes");
            });
        }
    });
}

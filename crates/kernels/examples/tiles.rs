//! How fast products in digits on a matrix unit are on one core, beside those on vectors, and how exact.
//!
//! The products are those of ORB (1024 wide) and UMA, with several matrices one after the other, so that weights come
//! from beyond the second-level cache, as in a network. Errors: root mean square of the difference from sums in double
//! precision over that of the product. Without a matrix unit it is emulated, which says nothing of speed.

#![allow(clippy::print_stdout, reason = "its output is data")]

use mlip_kernels::linear::Matrix;
use mlip_kernels::simd::InstructionSet;
use mlip_kernels::tiles::{Arithmetic, TileUnit, allow_emulation};
use std::time::Instant;

/// Depths and widths of the matrices.
const SHAPES: [(usize, usize); 10] = [
    (256, 1024),
    (1024, 1024),
    (1024, 256),
    (256, 2048),
    (768, 640),
    (512, 256),
    (384, 384),
    (256, 256),
    (128, 1536),
    (128, 128),
];

fn noise(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    // Sums of four are nearly normal.
    (0..n).map(|_| (0..4).map(|_| next()).sum::<f64>() as f32).collect()
}

/// Median time of a few runs, seconds.
fn median(mut run: impl FnMut(), runs: usize) -> f64 {
    let mut times = (0..runs)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        })
        .collect::<Vec<_>>();
    times.sort_by(f64::total_cmp);
    times[runs / 2]
}

fn error(left: &[f32], weight: &[f32], out: &[f32], depth: usize, width: usize) -> f64 {
    let (mut square, mut norm) = (0.0, 0.0);
    for (left, out) in left.chunks_exact(depth).zip(out.chunks_exact(width)).take(4) {
        for (weight, out) in weight.chunks_exact(depth).zip(out) {
            let exact = left.iter().zip(weight).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
            square += (exact - f64::from(*out)).powi(2);
            norm += exact * exact;
        }
    }
    (square / norm).sqrt()
}

fn main() {
    allow_emulation();
    let set = InstructionSet::detect();
    let unit = TileUnit::find().ok();
    println!("vectors {set:?}, matrix unit {unit:?}");
    let runs = if unit == Some(TileUnit::Amx) { 7 } else { 1 };
    println!("rows x depth x width: GFLOP/s and error on vectors | in digits | ratio");
    for rows in [96, 2, 16, 32, 192, 512, 2048] {
        for (depth, width) in SHAPES {
            // About 24 MB of weights.
            let n = (6_000_000 / (depth * width)).clamp(2, 64);
            let weights = (0..n as u64).map(|seed| noise(depth * width, 7 + seed)).collect::<Vec<_>>();
            let (left, mut out) = (noise(rows * depth, 1), vec![0.0; rows * width]);
            let pack = |tiles| {
                let arithmetic = Arithmetic { set, tiles };
                weights.iter().map(|w| Matrix::from_linear(w, width, depth, arithmetic)).collect::<Vec<_>>()
            };
            let both = [pack(None), pack(unit)];
            let mut rates = [0.0; 2];
            let mut errors = [0.0; 2];
            for (k, matrices) in both.iter().enumerate() {
                matrices[0].multiply_add_all(&left, &mut out);
                out.fill(0.0);
                matrices[0].multiply_add_all(&left, &mut out);
                errors[k] = error(&left, &weights[0], &out, depth, width);
                let seconds = median(|| matrices.iter().for_each(|m| m.multiply_add_all(&left, &mut out)), runs);
                rates[k] = 2.0 * (n * rows * depth * width) as f64 / seconds / 1e9;
            }
            println!(
                "{rows} x {depth} x {width}: {:.0} {:.1e} | {:.0} {:.1e} | {:.2}",
                rates[0],
                errors[0],
                rates[1],
                errors[1],
                rates[1] / rates[0]
            );
        }
    }
}

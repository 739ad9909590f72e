//! How fast products with constant matrices are on one core, and what share of its peak that is.
//!
//! The peak is that of fused multiply-adds on registers. The products are those of a perceptron that is 1024 wide, with
//! twelve matrices one after the other, so that weights come from beyond the second-level cache, as in a network.

#![allow(clippy::print_stdout, reason = "its output is data")]

use mlip_kernels::linear::Matrix;
use mlip_kernels::simd::{InstructionSet, Kernel, Real, Vector};
use std::hint::black_box;
use std::time::Instant;

/// Independent sums, enough to keep every multiplier busy.
const SUMS: usize = 16;
const STEPS: usize = 4_000_000;

/// Returns the number of operations.
struct MultiplyAdds;

impl<T: Real> Kernel<T> for MultiplyAdds {
    type Output = f64;

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) -> f64 {
        let (factor, term) = (V::splat(T::real(black_box(0.999))), V::splat(T::real(black_box(0.001))));
        let mut sums = [V::splat(T::real(1.0)); SUMS];
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = sum.mul_add(factor, term);
            }
        }
        let mut out = vec![T::default(); V::LANES];
        for sum in sums {
            sum.store(&mut out);
            black_box(&out);
        }
        (2 * STEPS * SUMS * V::LANES) as f64
    }
}

/// Least time of a few runs, seconds.
fn least(mut run: impl FnMut()) -> f64 {
    let time = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    (0..8).map(|_| time(&mut run)).fold(f64::INFINITY, f64::min)
}

fn measure<T: Real>(name: &str) {
    let set = InstructionSet::detect();
    let mut operations = 0.0;
    let peak = least(|| operations = T::run(MultiplyAdds, set));
    let peak = operations / peak / 1e9;
    println!("{name}: peak {peak:.0} GFLOP/s ({set:?})");
    for (rows, depth, width) in
        [(96, 256, 1024), (96, 1024, 1024), (96, 1024, 256), (64, 1024, 1024), (8, 1024, 1024), (2, 1024, 1024)]
    {
        let element = |k: usize, c: usize| T::real(((k * 31 + c * 17) % 13) as f64 * 0.1);
        let matrices = (0..12).map(|_| Matrix::pack(depth, width, set, element)).collect::<Vec<_>>();
        let (left, mut out) = (vec![T::real(0.5); rows * depth], vec![T::default(); rows * width]);
        let seconds = least(|| matrices.iter().for_each(|matrix| matrix.multiply_add_all(&left, &mut out)));
        let rate = 2.0 * (matrices.len() * rows * depth * width) as f64 / seconds / 1e9;
        println!("{name}: {rows} x {depth} x {width}: {rate:.0} GFLOP/s, {:.0} % of the peak", 100.0 * rate / peak);
    }
}

fn main() {
    measure::<f32>("f32");
    measure::<f64>("f64");
}

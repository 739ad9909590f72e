//! `out = Σ_e weight_e · table_e` over rows of `f32`, summed in `f64`.
//!
//! Meant for tables in mapped files that are much larger than the caches: the sum goes through them once, in pieces
//! whose accumulators stay in the first-level cache.

use crate::simd::{InstructionSet, Kernel, Real, Vector};

/// Bytes of a number in the tables.
pub const NUMBER: usize = 4;

/// Numbers in a piece: its accumulators take 16 KiB.
const PIECE: usize = 2048;

/// Tables that are added to the accumulators at once.
const TOGETHER: usize = 8;

/// Sums the tables, which lie one behind the other in `tables` (little-endian `f32`), into `out`.
///
/// The order of terms is fixed and none is fused, so the bits are the same on every instruction set.
pub fn weighted_sum<T: Real>(weights: &[f64], tables: &[u8], out: &mut [T], set: InstructionSet) {
    assert_eq!(tables.len(), weights.len() * out.len() * NUMBER, "{} tables of {}", weights.len(), out.len());
    f64::run(Sum { weights, tables, out }, set);
}

struct Sum<'a, T> {
    weights: &'a [f64],
    tables: &'a [u8],
    out: &'a mut [T],
}

impl<T: Real> Kernel<f64> for Sum<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = f64>>(self) {
        let Self { weights, tables, out } = self;
        let size = out.len() * NUMBER;
        let mut sums = [0.0; PIECE];
        for (piece, out) in out.chunks_mut(PIECE).enumerate() {
            let sums = &mut sums[..out.len()];
            sums.fill(0.0);
            let start = piece * PIECE * NUMBER;
            for (group, weights) in weights.chunks(TOGETHER).enumerate() {
                let first = group * TOGETHER * size + start;
                match weights.first_chunk::<TOGETHER>() {
                    Some(weights) => add_together(weights, &tables[first..], size, sums),
                    None => {
                        for (e, weight) in weights.iter().enumerate() {
                            add_one(*weight, &tables[first + e * size..], sums);
                        }
                    }
                }
            }
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = T::real(*sum);
            }
        }
    }
}

/// Plain loops, which the compiler turns into vectors of whatever instruction set it compiles for.
#[inline(always)]
fn add_together(weights: &[f64; TOGETHER], tables: &[u8], size: usize, sums: &mut [f64]) {
    let mut rows: [&[[u8; NUMBER]]; TOGETHER] = [&[]; TOGETHER];
    let n = sums.len();
    for (e, row) in rows.iter_mut().enumerate() {
        *row = &tables[e * size..][..n * NUMBER].as_chunks().0[..n];
    }
    for (k, sum) in sums.iter_mut().enumerate() {
        let mut total = *sum;
        for e in 0..TOGETHER {
            total += f64::from(f32::from_le_bytes(rows[e][k])) * weights[e];
        }
        *sum = total;
    }
}

#[inline(always)]
fn add_one(weight: f64, table: &[u8], sums: &mut [f64]) {
    for (sum, number) in sums.iter_mut().zip(table.as_chunks::<NUMBER>().0) {
        *sum += f64::from(f32::from_le_bytes(*number)) * weight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_plain_loops_for_any_number_of_tables() {
        for (n_tables, n) in [(1, 1), (3, 7), (8, 2048), (19, 2049), (32, 100)] {
            let weights = (0..n_tables).map(|e| 0.3 / (1.0 + e as f64)).collect::<Vec<_>>();
            let tables = (0..n_tables * n).map(|k| (k % 1013) as f32 * 0.37 - 90.0).collect::<Vec<_>>();
            let bytes = tables.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>();
            let expected =
                (0..n).map(|k| (0..n_tables).map(|e| weights[e] * f64::from(tables[e * n + k])).sum::<f64>());
            for set in InstructionSet::available() {
                let mut out = vec![0.0f64; n];
                weighted_sum(&weights, &bytes, &mut out, set);
                for (found, expected) in out.iter().zip(expected.clone()) {
                    assert!((found - expected).abs() < 1e-11, "{set:?} {n_tables}x{n}: {found} {expected}");
                }
            }
        }
    }
}

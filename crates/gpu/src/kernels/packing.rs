//! How operands of products lie in memory: four bytes a number either way.

use crate::Products;
use crate::memory::Slice;

/// The upper half of a number, rounded to the nearest, ties to even; and what is left, the same way.
fn limbs(x: f32) -> (u16, u16) {
    let upper = |x: f32| {
        let bits = x.to_bits();
        ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16) as u16
    };
    let high = upper(x);
    (high, upper(x - f32::from_bits(u32::from(high) << 16)))
}

/// Two planes of halves: all high limbs, then all low ones.
fn planes(numbers: impl ExactSizeIterator<Item = f32> + Clone) -> Vec<f32> {
    let halves = numbers.clone().map(|x| limbs(x).0).chain(numbers.map(|x| limbs(x).1)).collect::<Vec<_>>();
    // Even: there are as many low limbs as high ones.
    halves.as_chunks().0.iter().map(|[a, b]| f32::from_bits(u32::from(*a) | u32::from(*b) << 16)).collect()
}

/// Rows as the left operand of a product. An even number of numbers.
pub fn pack_rows(products: Products, numbers: &[f32]) -> Vec<f32> {
    match products {
        Products::F32 => numbers.to_vec(),
        Products::Bf16x3 => planes(numbers.iter().copied()),
    }
}

/// The numbers of packed rows: in limbs, to the 2^-17 that they hold.
pub fn unpack_rows(products: Products, packed: &[f32]) -> Vec<f32> {
    if products == Products::F32 {
        return packed.to_vec();
    }
    let words = packed.iter().map(|x| x.to_bits());
    let halves = words.flat_map(|word| [word << 16, word & 0xffff_0000]).map(f32::from_bits).collect::<Vec<_>>();
    let (high, low) = halves.split_at(packed.len());
    high.iter().zip(low).map(|(high, low)| high + low).collect()
}

/// A constant matrix as the right operand of a product; `weight(n, k)` is what the input k adds to the output n.
pub fn pack_matrix(products: Products, width: usize, depth: usize, weight: impl Fn(usize, usize) -> f32) -> Vec<f32> {
    match products {
        Products::F32 => (0..depth * width).map(|at| weight(at % width, at / width)).collect(),
        Products::Bf16x3 => {
            let rows = (0..width * depth).map(|at| weight(at / depth, at % depth)).collect::<Vec<_>>();
            planes(rows.into_iter())
        }
    }
}

/// A constant matrix on the device.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    /// As [`pack_matrix`] has it.
    pub packed: Slice<'a, f32>,
    /// Outputs.
    pub width: usize,
    /// Inputs.
    pub depth: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limbs_hold_numbers_to_17_bits() {
        for k in 0..10_000 {
            let x = ((k * 7919 % 10_007) as f32 - 5000.0) * 1.37e-3 * 2f32.powi(k % 41 - 20);
            let (high, low) = limbs(x);
            let value = |half: u16| f64::from(f32::from_bits(u32::from(half) << 16));
            let error = (value(high) + value(low) - f64::from(x)).abs();
            assert!(error <= f64::from(x.abs()) * 2f64.powi(-17), "{x}: {error}");
        }
        assert_eq!(limbs(1.0), (0x3f80, 0));
        // A tie goes to the even neighbor.
        assert_eq!(limbs(f32::from_bits(0x3f80_8000)).0, 0x3f80);
        assert_eq!(limbs(f32::from_bits(0x3f81_8000)).0, 0x3f82);
    }

    #[test]
    fn packed_rows_come_back() {
        let numbers = (0..24).map(|k| k as f32 * 0.37 - 4.0).collect::<Vec<_>>();
        assert_eq!(unpack_rows(Products::F32, &pack_rows(Products::F32, &numbers)), numbers);
        let back = unpack_rows(Products::Bf16x3, &pack_rows(Products::Bf16x3, &numbers));
        for (found, expected) in back.iter().zip(&numbers) {
            assert!((found - expected).abs() <= expected.abs() * 1e-5, "{found} {expected}");
        }
    }

    #[test]
    fn matrices_lie_as_the_kernels_read_them() {
        let weight = |n: usize, k: usize| (10 * n + k) as f32;
        // [depth, width] in f32.
        assert_eq!(pack_matrix(Products::F32, 2, 3, weight), [0.0, 10.0, 1.0, 11.0, 2.0, 12.0]);
        // [width, depth] in limbs.
        let limbs = pack_matrix(Products::Bf16x3, 2, 4, weight);
        assert_eq!(unpack_rows(Products::Bf16x3, &limbs), [0.0, 1.0, 2.0, 3.0, 10.0, 11.0, 12.0, 13.0]);
    }
}

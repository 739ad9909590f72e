//! How operands of products lie in memory: four bytes a number either way.

use crate::memory::Slice;
use crate::products::Products;

/// The nearest number of half precision, ties to even; infinite from 65520 on.
fn to_f16(x: f32) -> u16 {
    let sign = (x.to_bits() >> 16 & 0x8000) as u16;
    let size = x.abs();
    if size.is_nan() || size >= 65_520.0 {
        return sign | if size.is_nan() { 0x7e00 } else { 0x7c00 };
    }
    // Below 2^-14 halves are multiples of 2^-24.
    if size < 2f32.powi(-14) {
        return sign | (size * 2f32.powi(24)).round_ties_even() as u16;
    }
    let bits = size.to_bits();
    sign | (((bits + 0xfff + ((bits >> 13) & 1)) >> 13) - (112 << 10)) as u16
}

fn from_f16(half: u16) -> f32 {
    let (sign, size) = (u32::from(half & 0x8000) << 16, u32::from(half & 0x7fff));
    let value = match size {
        0x7c00.. => f32::from_bits(0x7f80_0000 | (size & 0x3ff) << 13),
        0..0x400 => size as f32 * 2f32.powi(-24),
        _ => f32::from_bits((size + (112 << 10)) << 13),
    };
    f32::from_bits(value.to_bits() | sign)
}

/// A number in two limbs, high and low.
fn limbs(x: f32) -> (u16, u16) {
    (to_f16(x), to_f16(x - from_f16(to_f16(x))))
}

/// Two planes of halves: all high limbs, then all low ones.
fn planes(numbers: &[f32]) -> Vec<f32> {
    let high = numbers.iter().map(|x| limbs(*x).0);
    let halves = high.chain(numbers.iter().map(|x| limbs(*x).1)).collect::<Vec<_>>();
    // Even: there are as many low limbs as high ones.
    halves.as_chunks().0.iter().map(|[a, b]| f32::from_bits(u32::from(*a) | u32::from(*b) << 16)).collect()
}

/// Rows as the left operand of a product. An even number of numbers.
pub fn pack_rows(products: Products, numbers: &[f32]) -> Vec<f32> {
    match products {
        Products::F32 => numbers.to_vec(),
        Products::F16x3 => planes(numbers),
    }
}

/// The numbers of packed rows: in limbs, as far as these hold them.
pub fn unpack_rows(products: Products, packed: &[f32]) -> Vec<f32> {
    if products == Products::F32 {
        return packed.to_vec();
    }
    let words = packed.iter().map(|x| x.to_bits());
    let halves = words.flat_map(|word| [word as u16, (word >> 16) as u16]).map(from_f16).collect::<Vec<_>>();
    let (high, low) = halves.split_at(packed.len());
    high.iter().zip(low).map(|(high, low)| high + low).collect()
}

/// A constant matrix as the right operand of a product.
#[derive(Debug, Clone)]
pub struct PackedMatrix {
    /// What lies in memory.
    pub numbers: Vec<f32>,
    /// A power of two: products with the matrix are to be multiplied with it.
    pub scale: f32,
}

/// `weight(n, k)` is what the input k adds to the output n.
pub fn pack_matrix(
    products: Products,
    width: usize,
    depth: usize,
    weight: impl Fn(usize, usize) -> f32,
) -> PackedMatrix {
    if products == Products::F32 {
        let numbers = (0..depth * width).map(|at| weight(at % width, at / width)).collect();
        return PackedMatrix { numbers, scale: 1.0 };
    }
    let mut rows = (0..width * depth).map(|at| weight(at / depth, at % depth)).collect::<Vec<_>>();
    let mut scale = 1.0;
    // The largest becomes 1024 to 2048, so that low limbs of small ones have their bits too.
    let largest = rows.iter().fold(0.0, |largest: f32, x| largest.max(x.abs()));
    if largest.is_normal() {
        let exponent = (largest.to_bits() >> 23) as i32 - 127;
        scale = 2f32.powi((exponent - 10).clamp(-100, 100));
    }
    rows.iter_mut().for_each(|x| *x /= scale);
    PackedMatrix { numbers: planes(&rows), scale }
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
    /// As [`PackedMatrix`] has it.
    pub scale: f32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limbs_hold_their_bits() {
        for k in 0..10_000 {
            let x = ((k * 7919 % 10_007) as f32 - 5000.0) * 1.37e-3 * 2f32.powi(k % 25 - 12);
            let (high, low) = limbs(x);
            let error = (f64::from(from_f16(high)) + f64::from(from_f16(low)) - f64::from(x)).abs();
            let size = f64::from(x.abs());
            assert!(error <= (size * 2f64.powi(-22)).max(2f64.powi(-25)), "{x}");
        }
        // A tie goes to the even neighbor.
        assert_eq!([0x3f80_1000, 0x3f80_3000].map(|bits| to_f16(f32::from_bits(bits))), [0x3c00, 0x3c02]);
        assert_eq!([1.0, -2.0, 65_519.0, 65_520.0, 6.0e-8].map(to_f16), [0x3c00, 0xc000, 0x7bff, 0x7c00, 1]);
    }

    #[test]
    fn halves_come_back() {
        for half in (0..0x7c00u16).flat_map(|half| [half, half | 0x8000]) {
            assert_eq!(to_f16(from_f16(half)), half);
        }
    }

    #[test]
    fn packed_rows_come_back() {
        let numbers = (0..24).map(|k| k as f32 * 0.37 - 4.0).collect::<Vec<_>>();
        assert_eq!(unpack_rows(Products::F32, &pack_rows(Products::F32, &numbers)), numbers);
        let back = unpack_rows(Products::F16x3, &pack_rows(Products::F16x3, &numbers));
        for (found, expected) in back.iter().zip(&numbers) {
            assert!((found - expected).abs() <= expected.abs() * 3e-7, "{found} {expected}");
        }
    }

    #[test]
    fn matrices_lie_as_the_kernels_read_them() {
        let weight = |n: usize, k: usize| (10 * n + k) as f32;
        // [depth, width] in f32.
        assert_eq!(pack_matrix(Products::F32, 2, 3, weight).numbers, [0.0, 10.0, 1.0, 11.0, 2.0, 12.0]);
        // [width, depth] in limbs.
        let PackedMatrix { numbers, scale } = pack_matrix(Products::F16x3, 2, 4, weight);
        let back = unpack_rows(Products::F16x3, &numbers).iter().map(|x| x * scale).collect::<Vec<_>>();
        assert_eq!(back, [0.0, 1.0, 2.0, 3.0, 10.0, 11.0, 12.0, 13.0]);
        let packed = pack_matrix(Products::F16x3, 8, 8, |n, k| (n + k) as f32 * 1e-4);
        let largest = unpack_rows(Products::F16x3, &packed.numbers).into_iter().fold(0.0, f32::max);
        assert!((1024.0..2048.0).contains(&largest), "{largest}");
    }
}

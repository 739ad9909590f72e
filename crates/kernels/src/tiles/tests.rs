use super::digits::{DEPTH, LEFT, Line, Scale, digits, largest_bits, lines_of, place, split_row};
use super::{Arithmetic, TileUnit, allow_emulation};
use crate::linear::Matrix;
use crate::simd::InstructionSet;
use proptest::prelude::*;

/// The emulation, and what this processor has.
fn units() -> Vec<TileUnit> {
    std::iter::once(TileUnit::Emulated).chain(TileUnit::find().ok()).collect()
}

fn noise(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    (0..n).map(|_| (next() + next() + next()) as f32).collect()
}

fn matrix(weight: &[f32], width: usize, depth: usize, unit: TileUnit) -> Matrix<f32> {
    let arithmetic = Arithmetic { set: InstructionSet::detect(), tiles: Some(unit) };
    Matrix::from_linear(weight, width, depth, arithmetic)
}

/// Shapes with parts of tiles, of strips and of steps.
const SHAPES: [(usize, usize, usize); 7] =
    [(1, 1, 1), (5, 31, 70), (16, 64, 32), (17, 64, 33), (33, 100, 96), (50, 256, 130), (195, 192, 64)];

#[test]
fn digits_are_those_of_the_whole_number() {
    for whole in [0i32, 1, -1, 127, 128, -128, -129, 32_767, -32_896, 8_355_700, -8_355_700, 8_355_701] {
        let [high, middle, low] = digits(whole as f32, 1.0).map(i32::from);
        assert_eq!((high * 256 + middle) * 256 + low, whole);
    }
}

#[test]
fn the_largest_number_keeps_three_digits_however_it_is_rounded() {
    for exponent in -90..120 {
        for fraction in [1.0, 1.000_000_1, 1.3, 1.5, 1.999_999_9f32] {
            let largest = fraction * 2f32.powi(exponent);
            let scale = Scale::of(largest_bits([0.0, -largest].into_iter()));
            let [high, middle, low] = digits(-largest, scale.up).map(f32::from);
            let back = (high + (middle + low / 256.0) / 256.0) * scale.down;
            assert!((back + largest).abs() <= 2e-7 * largest, "{largest}: {back}");
        }
    }
}

#[test]
fn every_place_of_a_line_is_taken_once() {
    let mut places = (0..DEPTH).map(place).collect::<Vec<_>>();
    places.sort_unstable();
    assert_eq!(places, (0..DEPTH).collect::<Vec<_>>());
}

#[test]
fn what_is_missing_of_a_line_is_zero() {
    let mut tile = [Line([1; DEPTH]); LEFT];
    split_row(&[1.0, -1.0], 100.0, 3, &mut tile);
    let taken = lines_of(&mut tile, 3).map(|line| line.0.iter().filter(|digit| **digit != 0).count());
    assert_eq!(taken, [0, 0, 2]);
    assert!(lines_of(&mut tile, 2).iter().all(|line| line.0 == [1; DEPTH]));
}

#[test]
fn products_are_those_of_plain_loops() {
    for unit in units() {
        for (rows, depth, width) in SHAPES {
            let (left, right) = (noise(rows * depth, 1), noise(width * depth, 2));
            let mut out = vec![0.25; rows * width];
            matrix(&right, width, depth, unit).multiply_add_all(&left, &mut out);
            for (at, out) in out.iter().enumerate() {
                let (left, right) = (&left[at / width * depth..][..depth], &right[at % width * depth..][..depth]);
                let expected = 0.25 + left.iter().zip(right).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
                assert!(
                    (f64::from(*out) - expected).abs() < 1e-5,
                    "{unit:?} {rows} x {depth} x {width}: {out} {expected}"
                );
            }
        }
    }
}

#[test]
fn products_are_as_exact_as_those_in_single_precision() {
    let (rows, depth, width) = (32, 1024, 64);
    let (left, right) = (noise(rows * depth, 8), noise(width * depth, 9));
    let error = |matrix: Matrix<f32>| {
        let mut out = vec![0.0; rows * width];
        matrix.multiply_add_all(&left, &mut out);
        let (mut square, mut norm) = (0.0, 0.0);
        for (at, out) in out.iter().enumerate() {
            let (left, right) = (&left[at / width * depth..][..depth], &right[at % width * depth..][..depth]);
            let exact = left.iter().zip(right).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
            square += (f64::from(*out) - exact).powi(2);
            norm += exact * exact;
        }
        (square / norm).sqrt()
    };
    let plain = error(Matrix::from_linear(&right, width, depth, InstructionSet::detect()));
    let in_digits = error(matrix(&right, width, depth, TileUnit::Emulated));
    assert!(in_digits < 2.0 * plain, "{in_digits:.2e}, on vectors {plain:.2e}");
}

#[test]
fn a_row_does_not_depend_on_the_rows_beside_it_nor_on_the_unit() {
    for (rows, depth, width) in SHAPES {
        let (left, right, before) = (noise(rows * depth, 3), noise(width * depth, 4), noise(rows * width, 5));
        let product = |unit, range: std::ops::Range<usize>| {
            let mut out = before[range.start * width..range.end * width].to_vec();
            let left = &left[range.start * depth..range.end * depth];
            matrix(&right, width, depth, unit).multiply_add_all(left, &mut out);
            out.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
        };
        let all = product(TileUnit::Emulated, 0..rows);
        for unit in units() {
            assert_eq!(product(unit, 0..rows), all, "{unit:?} {rows} x {depth} x {width}");
            for first in [0, rows / 2, rows - 1] {
                assert_eq!(product(unit, first..rows), all[first * width..], "{unit:?} from {first} of {rows}");
                assert_eq!(product(unit, first..first + 1), all[first * width..][..width], "{unit:?} {first} alone");
            }
        }
    }
}

#[test]
fn rows_with_gaps_between_them_are_multiplied_and_gaps_left_alone() {
    let (rows, depth, width, stride, out_stride) = (19, 70, 40, 77, 45);
    let (left, right) = (noise(rows * stride, 6), noise(width * depth, 7));
    for unit in units() {
        let matrix = matrix(&right, width, depth, unit);
        let mut out = vec![1.0; rows * out_stride];
        matrix.multiply_add_strided(&left, stride, rows, &mut out, out_stride);
        for (r, out) in out.chunks_exact(out_stride).enumerate() {
            let mut alone = vec![1.0; width];
            matrix.multiply_add_all(&left[r * stride..][..depth], &mut alone);
            assert_eq!((&out[..width], &out[width..]), (&alone[..], &[1.0; 5][..]));
        }
    }
}

#[test]
fn what_is_no_number_spoils_its_row_and_no_other() {
    for spoiled in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for unit in units() {
            let mut left = noise(3 * 80, 10);
            left[80 + 13] = spoiled;
            let mut out = vec![0.0; 3 * 33];
            matrix(&noise(33 * 80, 11), 33, 80, unit).multiply_add_all(&left, &mut out);
            for (at, x) in out.iter().enumerate() {
                assert_eq!(x.is_nan(), at / 33 == 1, "{spoiled} {unit:?} {at}");
            }
        }
    }
}

#[test]
fn rows_of_zeros_and_of_next_to_nothing_add_nothing() {
    for unit in units() {
        let mut out = vec![2.0; 2 * 8];
        let left = [[0.0; 20], [1e-31; 20]].concat();
        matrix(&noise(8 * 20, 12), 8, 20, unit).multiply_add_all(&left, &mut out);
        assert_eq!(out, [2.0; 16]);
    }
}

#[test]
fn double_precision_is_never_multiplied_in_digits() {
    let right = noise(24 * 40, 13).into_iter().map(f64::from).collect::<Vec<_>>();
    let arithmetic = Arithmetic { set: InstructionSet::detect(), tiles: Some(TileUnit::Emulated) };
    let products = [arithmetic, arithmetic.set.into()].map(|arithmetic: Arithmetic| {
        let mut out = vec![0.0; 24];
        Matrix::from_linear(&right, 24, 40, arithmetic).multiply_add_all(&right[..40], &mut out);
        out
    });
    assert_eq!(products[0], products[1]);
}

#[test]
fn a_unit_is_found_where_there_is_one_or_it_may_be_emulated() {
    allow_emulation();
    assert!(TileUnit::find().is_ok());
}

proptest! {
    #[test]
    fn numbers_come_back_to_the_last_digit(numbers in prop::collection::vec(-1e6f32..1e6, 1..80)) {
        let scale = Scale::of(largest_bits(numbers.iter().copied()));
        let largest = numbers.iter().fold(0f32, |most, x| most.max(x.abs()));
        // Half of the last digit, a quarter where the product with the scale is rounded, and the rounding of the scale.
        let bound = 0.75 / 8_355_700.0 + 2f64.powi(-24);
        for x in numbers {
            let [high, middle, low] = digits(x, scale.up).map(f64::from);
            let back = (high + (middle + low / 256.0) / 256.0) * f64::from(scale.down);
            prop_assert!((back - f64::from(x)).abs() <= bound * f64::from(largest), "{x} of {largest}: {back}");
        }
    }
}

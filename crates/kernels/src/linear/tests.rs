use super::Matrix;
use crate::simd::{InstructionSet, Real};

fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        })
        .collect()
}

fn check<T: Real>(tolerance: f64) {
    let shapes = [(1, 1, 1), (7, 31, 128), (13, 64, 64), (6, 8, 16), (5, 7, 9), (23, 128, 200), (7, 300, 70)];
    let half_strips = [(32, 130, 32), (19, 64, 96), (9, 5, 8)];
    for (rows, depth, width) in shapes.into_iter().chain(half_strips) {
        let (left, right) = (noise(rows * depth, 1), noise(width * depth, 2));
        let narrow = |values: &[f64]| values.iter().map(|x| T::real(*x)).collect::<Vec<T>>();
        for set in InstructionSet::available() {
            let matrix = Matrix::from_linear(&narrow(&right), width, depth, set);
            let mut out = vec![T::real(0.25); rows * width];
            matrix.multiply_add_all(&narrow(&left), &mut out);
            for r in 0..rows {
                for c in 0..width {
                    let expected = 0.25 + (0..depth).map(|k| left[r * depth + k] * right[c * depth + k]).sum::<f64>();
                    let got = out[r * width + c].wide();
                    assert!((got - expected).abs() < tolerance, "{set:?} {rows}x{depth}x{width}: {got} {expected}");
                }
            }
        }
    }
}

#[test]
fn products_are_those_of_plain_loops() {
    check::<f64>(1e-13);
    check::<f32>(1e-5);
}

/// What the program says that refuses to multiply so.
fn refusal(rows: usize, stride: usize, out_stride: usize) -> String {
    let run = || {
        for set in InstructionSet::available() {
            let matrix = Matrix::from_linear(&noise(64 * 64, 1), 64, 64, set);
            let (left, mut out) = (noise(12 * 64, 2), vec![0.0; 12 * 64]);
            matrix.multiply_add_strided(&left, stride, rows, &mut out, out_stride);
        }
    };
    *std::panic::catch_unwind(run).unwrap_err().downcast::<String>().unwrap()
}

#[test]
fn strides_whose_products_wrap_are_refused() {
    // Times 4, 2, and 8 these are numbers from 0 to 64 modulo 2^64: each row but the first would lie elsewhere.
    for stride in [1 << 62, 1 << 63, (1 << 61) + 8, usize::MAX, usize::MAX / 5 + 1] {
        for rows in [2, 3, 5, 6, 9] {
            let said = refusal(rows, stride, 64);
            assert!(said.ends_with(&format!("{stride} from one to the next, in a left factor of 768")), "{said}");
            let said = refusal(rows, 64, stride);
            assert!(said.ends_with(&format!("{stride} from one to the next, in a product of 768")), "{said}");
        }
    }
    assert!(refusal(13, 64, 64).starts_with("13 rows of 64 numbers"));
}

#[test]
fn what_a_product_summed_apart_is_added_to_is_rounded_once() {
    // One row more than a tile, one column more than a strip.
    let (rows, depth, width) = (7, 128, 65);
    let narrow = |values: Vec<f64>| values.into_iter().map(|x| x as f32).collect::<Vec<_>>();
    let (left, right) = (narrow(noise(rows * depth, 5)), narrow(noise(width * depth, 6)));
    for set in InstructionSet::available() {
        let mut out = vec![1e4f32; rows * width];
        Matrix::from_linear(&right, width, depth, set).summed_apart().multiply_add_all(&left, &mut out);
        for (at, out) in out.iter().enumerate() {
            let (left, right) = (&left[at / width * depth..], &right[at % width * depth..]);
            let product = (0..depth).map(|k| f64::from(left[k]) * f64::from(right[k])).sum::<f64>();
            // Half of the distance of numbers near 1e4, and the rounding of the product itself.
            assert!((f64::from(*out) - 1e4 - product).abs() < 0.5 * 2f64.powi(-10) + 1e-5, "{set:?} {at}");
        }
    }
}

#[test]
fn a_row_does_not_depend_on_the_rows_beside_it() {
    let (left, right) = (noise(11 * 64, 3), noise(64 * 64, 4));
    let matrix = Matrix::from_linear(&right, 64, 64, InstructionSet::detect());
    let mut all = vec![0.0; 11 * 64];
    matrix.multiply_add_all(&left, &mut all);
    for r in 0..11 {
        let mut one = vec![0.0; 64];
        matrix.multiply_add_all(&left[r * 64..][..64], &mut one);
        assert_eq!(one, all[r * 64..][..64]);
    }
}

#[test]
#[should_panic(expected = "65 numbers are no rows of 64")]
fn a_left_factor_with_part_of_a_row_is_refused() {
    let matrix = Matrix::from_linear(&noise(64 * 64, 1), 64, 64, InstructionSet::detect());
    matrix.multiply_add_all(&noise(65, 2), &mut [0.0; 64]);
}

//! What the matrix unit does, in plain loops, to the same bits.

use super::digits::{COLUMNS, DIGITS, LEFT, Line, RIGHT, ROWS, Sums};

/// Sums of products of digits; see [`Configured::multiply`](super::amx::Configured::multiply).
pub(super) fn multiply(left: &[Line], right: &[Line], sums: &mut Sums) {
    *sums = Sums::ZERO;
    for (left, right) in left.chunks_exact(LEFT).zip(right.chunks_exact(RIGHT)) {
        for (i, left) in left.chunks_exact(ROWS).enumerate() {
            for (tile, right) in right.chunks_exact(ROWS).take(2 * (DIGITS - i)).enumerate() {
                add(left, right, &mut sums.0[2 * i + tile]);
            }
        }
    }
}

/// One tile by another. Sums of 64 products are exact in single precision, in which compilers make vectors of them.
fn add(left: &[Line], right: &[Line], sums: &mut [[i32; COLUMNS]; ROWS]) {
    let mut parts = [[0f32; COLUMNS]; ROWS];
    for (group, line) in right.iter().enumerate() {
        let mut wide = [[0f32; COLUMNS]; 4];
        for (c, four) in line.0.chunks_exact(4).enumerate() {
            four.iter().zip(&mut wide).for_each(|(digit, wide)| wide[c] = f32::from(*digit));
        }
        for (left, part) in left.iter().zip(&mut parts) {
            for (digit, wide) in left.0[4 * group..].iter().zip(&wide) {
                let digit = f32::from(*digit);
                part.iter_mut().zip(wide).for_each(|(part, wide)| *part += digit * wide);
            }
        }
    }
    for (sum, part) in sums.as_flattened_mut().iter_mut().zip(parts.as_flattened()) {
        *sum += *part as i32;
    }
}

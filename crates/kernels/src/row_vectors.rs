//! Rows of up to 64 numbers, held in vectors.
//!
//! A row is held in `N` vectors. Where its width is not a multiple of the lanes, lanes beyond its end are zero.

#![expect(clippy::needless_range_loop, reason = "one index runs through several arrays of vectors")]

use crate::simd::Vector;

/// The widest row.
pub const MAX_WIDTH: usize = 64;

// Loops, not closures: a closure is a function of its own, compiled for the oldest processor.

/// A row as vectors, zero beyond its end.
#[inline(always)]
pub fn load<V: Vector, const N: usize>(row: &[V::Scalar]) -> [V; N] {
    let zero = V::Scalar::default();
    let mut lanes = [V::splat(zero); N];
    if row.len() == N * V::LANES {
        for k in 0..N {
            lanes[k] = V::load(&row[k * V::LANES..]);
        }
    } else {
        for k in 0..N {
            lanes[k] = V::load_padded(row, k * V::LANES, zero);
        }
    }
    lanes
}

/// Vectors into a row; lanes beyond its end are dropped.
#[inline(always)]
pub fn store<V: Vector, const N: usize>(lanes: [V; N], row: &mut [V::Scalar]) {
    if row.len() == N * V::LANES {
        for k in 0..N {
            lanes[k].store(&mut row[k * V::LANES..]);
        }
    } else {
        for k in 0..N {
            lanes[k].store_padded(row, k * V::LANES);
        }
    }
}

/// Sum, lane by lane.
#[inline(always)]
pub fn add<V: Vector, const N: usize>(mut a: [V; N], b: [V; N]) -> [V; N] {
    for k in 0..N {
        a[k] = a[k].add(b[k]);
    }
    a
}

/// Product, lane by lane.
#[inline(always)]
pub fn multiply<V: Vector, const N: usize>(mut a: [V; N], b: [V; N]) -> [V; N] {
    for k in 0..N {
        a[k] = a[k].mul(b[k]);
    }
    a
}

/// Product with a number.
#[inline(always)]
pub(crate) fn scale<V: Vector, const N: usize>(mut a: [V; N], factor: V) -> [V; N] {
    for k in 0..N {
        a[k] = a[k].mul(factor);
    }
    a
}

/// Sum over the row, in every lane.
#[inline(always)]
pub(crate) fn total<V: Vector, const N: usize>(lanes: [V; N]) -> V {
    let mut sum = lanes[0];
    for other in &lanes[1..] {
        sum = sum.add(*other);
    }
    V::splat(sum.sum())
}

/// Calls `$function::<V, N>($arguments)` with the `N` that holds rows of up to [`MAX_WIDTH`].
macro_rules! with_vectors {
    ($vector:ident, $function:ident($($argument:expr),* $(,)?)) => {
        match $vector::LANES {
            16 => $function::<$vector, 4>($($argument),*),
            8 => $function::<$vector, 8>($($argument),*),
            _ => $function::<$vector, 16>($($argument),*),
        }
    };
}
pub(crate) use with_vectors;

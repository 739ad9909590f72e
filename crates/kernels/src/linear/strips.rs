//! Products strip by strip, tile by tile.

use super::matrix::Matrix;
use crate::simd::{Real, Vector};

/// Products are summed over this many rows of the matrix at a time: that part of a strip stays in the first-level cache
/// for all rows of the left factor, and partial sums keep less rounding than one long sum.
const CHUNK: usize = 128;

/// Columns of the widest strip.
const MAX_STRIP: usize = 64;

impl<T: Real> Matrix<T> {
    /// `out += left · self` by the vectors that the matrix was packed for.
    #[inline(always)]
    pub(super) fn multiply_add<V: Vector<Scalar = T>>(
        &self,
        left: &[T],
        stride: usize,
        rows: usize,
        out: &mut [T],
        out_stride: usize,
    ) {
        assert_eq!(V::STRIP, self.strip, "the matrix was packed for another instruction set");
        if rows == 0 {
            return;
        }
        for (index, strip) in self.strips[self.start..].chunks_exact(self.depth * self.strip).enumerate() {
            let column = index * self.strip;
            if column >= self.width {
                break;
            }
            if self.width - column == self.strip / 2 {
                self.half_strip::<V>(left, stride, rows, strip, &mut out[column..], out_stride);
            } else if column + self.strip <= self.width {
                for first in (0..self.depth).step_by(CHUNK) {
                    let depth = CHUNK.min(self.depth - first);
                    let (left, strip) = (&left[first..], &strip[first * self.strip..]);
                    let next = self.start + index * self.depth * self.strip + (first + depth) * self.strip;
                    let ahead = self.strips.get(next..).unwrap_or_default();
                    let ahead = &ahead[..ahead.len().min(CHUNK * self.strip)];
                    let out = &mut out[column..];
                    strip_rows::<V>(depth, self.apart || first > 0, left, stride, rows, strip, out, out_stride, ahead);
                }
            } else {
                self.last_strip::<V>(left, stride, rows, strip, column, out, out_stride);
            }
        }
    }

    /// The last half of a strip.
    #[inline(always)]
    fn half_strip<V: Vector<Scalar = T>>(
        &self,
        left: &[T],
        stride: usize,
        rows: usize,
        strip: &[T],
        out: &mut [T],
        out_stride: usize,
    ) {
        for first in (0..self.depth).step_by(CHUNK) {
            let (depth, strip) = (CHUNK.min(self.depth - first), &strip[first * self.strip..]);
            let (apart, mut row) = (self.apart || first > 0, 0);
            while row < rows {
                let (left, out) = (&left[row * stride + first..], &mut out[row * out_stride..]);
                match rows - row {
                    12.. if V::ROWS == 6 => {
                        V::half_tile::<12>(depth, apart, left, stride, strip, out, out_stride);
                        row += 12;
                    }
                    6.. => {
                        V::half_tile::<6>(depth, apart, left, stride, strip, out, out_stride);
                        row += 6;
                    }
                    _ => {
                        V::half_tile::<1>(depth, apart, left, stride, strip, out, out_stride);
                        row += 1;
                    }
                }
            }
        }
    }

    /// A strip wider than what is left of the product goes through a buffer.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "a matrix product has that many")]
    fn last_strip<V: Vector<Scalar = T>>(
        &self,
        left: &[T],
        stride: usize,
        rows: usize,
        strip: &[T],
        column: usize,
        out: &mut [T],
        out_stride: usize,
    ) {
        let rest = self.width - column;
        let mut row = [T::default(); MAX_STRIP];
        for r in 0..rows {
            let out = &mut out[r * out_stride + column..][..rest];
            row[..rest].copy_from_slice(out);
            for first in (0..self.depth).step_by(CHUNK) {
                let (depth, strip) = (CHUNK.min(self.depth - first), &strip[first * self.strip..]);
                let apart = self.apart || first > 0;
                V::tile::<1>(depth, apart, &left[r * stride + first..], stride, strip, &mut row, MAX_STRIP);
            }
            out.copy_from_slice(&row[..rest]);
        }
    }
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a matrix product has that many")]
fn strip_rows<V: Vector>(
    depth: usize,
    apart: bool,
    left: &[V::Scalar],
    stride: usize,
    rows: usize,
    strip: &[V::Scalar],
    out: &mut [V::Scalar],
    out_stride: usize,
    ahead: &[V::Scalar],
) {
    // What comes next is fetched in equal parts, one a tile.
    let mut parts = ahead.chunks((ahead.len() / rows.div_ceil(V::ROWS)).next_multiple_of(V::STRIP).max(V::STRIP));
    let mut row = 0;
    while row < rows {
        if let Some(part) = parts.next() {
            V::prefetch(part);
        }
        let (left, out) = (&left[row * stride..], &mut out[row * out_stride..]);
        let step = (rows - row).min(V::ROWS);
        match step {
            6 => V::tile::<6>(depth, apart, left, stride, strip, out, out_stride),
            5 => V::tile::<5>(depth, apart, left, stride, strip, out, out_stride),
            4 => V::tile::<4>(depth, apart, left, stride, strip, out, out_stride),
            3 => V::tile::<3>(depth, apart, left, stride, strip, out, out_stride),
            2 => V::tile::<2>(depth, apart, left, stride, strip, out, out_stride),
            _ => {
                V::tile::<1>(depth, apart, left, stride, strip, out, out_stride);
                row += 1;
                continue;
            }
        }
        row += step;
    }
}

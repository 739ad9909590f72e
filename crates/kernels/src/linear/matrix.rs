//! Products with constant matrices, packed once.

use crate::simd::{InstructionSet, Kernel, Real, Vector, rows_lie_within};
use crate::threads;
use crate::tiles::{Arithmetic, Tiled};
use std::ops::Range;

/// A constant matrix `[depth, width]`, laid out for the tiles of one instruction set.
///
/// Columns are cut into strips as wide as a tile; in a strip, row follows row. The last strip is
/// filled up with zeros. For a matrix unit it lies in digits instead.
#[derive(Debug, Clone)]
pub struct Matrix<T> {
    depth: usize,
    width: usize,
    strip: usize,
    set: InstructionSet,
    strips: Vec<T>,
    /// Where the strips begin in the vector, so that they are aligned to cache lines.
    start: usize,
    /// Whether the first chunk too is summed before it is added to anything.
    apart: bool,
    /// Where a matrix unit multiplies; then there are no strips.
    tiled: Option<Box<Tiled>>,
}

struct StripWidth;

impl<T: Real> Kernel<T> for StripWidth {
    type Output = usize;
    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) -> usize {
        V::STRIP
    }
}

const CACHE_LINE_BYTES: usize = 64;

/// A thread is given at least this many multiplications: some 10 µs.
const SPREAD: usize = 1 << 20;

/// Threads get multiples of this many rows: a multiple of every tile's height.
const SPREAD_ROWS: usize = 48;

/// Products are summed over this many rows of the matrix at a time: that part of a strip stays in the first-level cache
/// for all rows of the left factor, and partial sums keep less rounding than one long sum.
const CHUNK: usize = 128;

impl<T: Real> Matrix<T> {
    /// Packs the matrix whose element in row `k`, column `c` is `element(k, c)`.
    pub fn pack(
        depth: usize,
        width: usize,
        arithmetic: impl Into<Arithmetic>,
        element: impl Fn(usize, usize) -> T,
    ) -> Self {
        let Arithmetic { set, tiles } = arithmetic.into();
        let strip = T::run(StripWidth, set);
        if let (Some(unit), Some(_)) = (tiles, T::single(&[])) {
            let tiled = Some(Box::new(Tiled::pack(depth, width, unit, |k, c| element(k, c).wide() as f32)));
            return Self { depth, width, strip, set, strips: Vec::new(), start: 0, apart: false, tiled };
        }
        let n_strips = width.div_ceil(strip);
        let n_numbers = n_strips.checked_mul(strip).and_then(|n| n.checked_mul(depth)).unwrap_or(usize::MAX);
        let mut strips = vec![T::default(); n_numbers.saturating_add(CACHE_LINE_BYTES / size_of::<T>())];
        let start = strips.as_ptr().align_offset(CACHE_LINE_BYTES).min(CACHE_LINE_BYTES / size_of::<T>());
        for (index, values) in strips[start..].chunks_exact_mut(depth * strip).take(n_strips).enumerate() {
            for (k, row) in values.chunks_exact_mut(strip).enumerate() {
                for (offset, value) in row.iter_mut().enumerate() {
                    let column = index * strip + offset;
                    if column < width {
                        *value = element(k, column);
                    }
                }
            }
        }
        Self { depth, width, strip, set, strips, start, apart: false, tiled: None }
    }

    /// From the weights `[width, depth]` of a linear layer, row-major, as PyTorch keeps them.
    pub fn from_linear(weight: &[T], width: usize, depth: usize, arithmetic: impl Into<Arithmetic>) -> Self {
        let expected = width.checked_mul(depth);
        assert_eq!(Some(weight.len()), expected, "a linear layer of {depth} inputs and {width} outputs");
        Self::pack(depth, width, arithmetic, |k, c| weight[c * depth + k])
    }

    /// The same matrix, whose products are summed apart from what they are added to. That is then rounded once,
    /// however large it is beside the terms; otherwise every term of the first chunk rounds it.
    pub fn summed_apart(self) -> Self {
        Self { apart: true, ..self }
    }

    /// Rows of the matrix: numbers in a row of the left factor.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Columns of the matrix: numbers in a row of the product.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The instruction set it is packed for.
    pub fn set(&self) -> InstructionSet {
        self.set
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> u64 {
        (self.strips.len() * size_of::<T>() + self.tiled.as_ref().map_or(0, |tiled| tiled.bytes())) as u64
    }

    #[inline(always)]
    fn multiply_add<V: Vector<Scalar = T>>(
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

    /// `out += left · self` for contiguous rows, over the threads of the caller's pool.
    pub fn multiply_add_all(&self, left: &[T], out: &mut [T]) {
        self.multiply_add_spread(left, self.depth, left.len() / self.depth, out, self.width);
    }

    /// [`multiply_add_strided`](Self::multiply_add_strided) over the threads of the caller's pool, to the same bits.
    pub fn multiply_add_spread(&self, left: &[T], stride: usize, rows: usize, out: &mut [T], out_stride: usize) {
        self.check_rows(left, stride, rows, out, out_stride);
        let grain = (SPREAD / (self.depth * self.width).max(1)).max(SPREAD_ROWS);
        let ranges = threads::ranges(rows, SPREAD_ROWS, grain);
        if ranges.len() < 2 {
            return self.multiply_add_strided(left, stride, rows, out, out_stride);
        }
        // The last row need not be followed by a whole stride.
        let parts = ranges.iter().zip(out.chunks_mut(ranges[0].len() * out_stride)).collect();
        threads::for_each(parts, |(range, out): (&Range<usize>, &mut [T])| {
            self.multiply_add_strided(&left[range.start * stride..], stride, range.len(), out, out_stride);
        });
    }

    /// Panics where a row would lie beyond its array: offsets that wrap would lead back into it, to other rows.
    fn check_rows(&self, left: &[T], stride: usize, rows: usize, out: &[T], out_stride: usize) {
        let (depth, width) = (self.depth, self.width);
        assert!(
            rows_lie_within(rows, depth, stride, left.len()),
            "{rows} rows of {depth} numbers, {stride} from one to the next, in a left factor of {}",
            left.len()
        );
        assert!(
            rows_lie_within(rows, width, out_stride, out.len()),
            "{rows} rows of {width} numbers, {out_stride} from one to the next, in a product of {}",
            out.len()
        );
    }

    /// `out += left · self` for `rows` rows; row r of `left` begins at `r · stride`, of `out` at `r · out_stride`.
    ///
    /// An element is summed over `depth` in ascending order, in chunks of the same length whatever the tile: its value
    /// does not depend on the number of rows. A call of its own, not inlined: the tiles are long code.
    #[inline(never)]
    pub fn multiply_add_strided(&self, left: &[T], stride: usize, rows: usize, out: &mut [T], out_stride: usize) {
        struct Run<'a, T> {
            matrix: &'a Matrix<T>,
            left: &'a [T],
            stride: usize,
            rows: usize,
            out: &'a mut [T],
            out_stride: usize,
        }
        impl<T: Real> Kernel<T> for Run<'_, T> {
            type Output = ();
            #[inline(always)]
            fn run<V: Vector<Scalar = T>>(self) {
                let Self { matrix, left, stride, rows, out, out_stride } = self;
                matrix.multiply_add::<V>(left, stride, rows, out, out_stride);
            }
        }
        self.check_rows(left, stride, rows, out, out_stride);
        if let (Some(tiled), Some(left)) = (&self.tiled, T::single(left)) {
            if let Some(out) = T::single_mut(out) {
                tiled.multiply_add(left, stride, rows, out, out_stride);
            }
            return;
        }
        T::run(Run { matrix: self, left, stride, rows, out, out_stride }, self.set);
    }
}

/// Columns of the widest strip.
const MAX_STRIP: usize = 64;

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

#[cfg(test)]
mod tests {
    use super::*;

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
                        let expected =
                            0.25 + (0..depth).map(|k| left[r * depth + k] * right[c * depth + k]).sum::<f64>();
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
}

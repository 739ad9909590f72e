//! Constant matrices, packed once, and products with them.

use crate::simd::{InstructionSet, Kernel, Real, Vector, rows_lie_within};
use crate::tiles::{Arithmetic, Tiled};
use mlip_threads as threads;
use std::ops::Range;

/// A constant matrix `[depth, width]`, laid out for the tiles of one instruction set.
///
/// Columns are cut into strips as wide as a tile; in a strip, row follows row. The last strip is
/// filled up with zeros. For a matrix unit it lies in digits instead.
#[derive(Debug, Clone)]
pub struct Matrix<T> {
    pub(super) depth: usize,
    pub(super) width: usize,
    pub(super) strip: usize,
    set: InstructionSet,
    pub(super) strips: Vec<T>,
    /// Where the strips begin in the vector, so that they are aligned to cache lines.
    pub(super) start: usize,
    /// Whether the first chunk too is summed before it is added to anything.
    pub(super) apart: bool,
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

    /// `out += left · self` for contiguous rows, over the threads of the caller's pool.
    pub fn multiply_add_all(&self, left: &[T], out: &mut [T]) {
        assert!(left.len().is_multiple_of(self.depth), "{} numbers are no rows of {}", left.len(), self.depth);
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
        match &self.tiled {
            None => T::run(Run { matrix: self, left, stride, rows, out, out_stride }, self.set),
            Some(tiled) => {
                let numbers = T::single(left).zip(T::single_mut(out));
                let (left, out) = numbers.expect("a matrix lies in digits in single precision alone");
                tiled.multiply_add(left, stride, rows, out, out_stride);
            }
        }
    }
}

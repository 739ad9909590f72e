//! What the vectors of all x86 instruction sets have in common.

/// A vector type: `$name` is `$lanes` numbers of type `$scalar` in one `$register`, followed by the names of
/// its instructions; a matrix tile has `$rows` rows of `$columns` vectors.
macro_rules! vector {
    (
        $name:ident = $lanes:literal x $scalar:ident in $register:ident, tile $rows:literal x $columns:literal,
        $set1:ident $loadu:ident $storeu:ident $add:ident $sub:ident $mul:ident $div:ident $max:ident $min:ident
        $fmadd:ident $sqrt:ident $sum:ident,
        exponent $from_bits:ident $shift:ident $to_bits:ident fraction $fraction:literal
    ) => {
        #[doc = concat!(stringify!($lanes), " × `", stringify!($scalar), "`.")]
        #[derive(Clone, Copy)]
        pub(super) struct $name($register);

        // SAFETY of every block below: the type is private to `simd`, and is handed to a kernel only by the
        // function of its module that is compiled for its instructions, and that is called only on processors
        // that have them. Loads and stores check the length.
        #[expect(unsafe_code, reason = "vector instructions")]
        impl Vector for $name {
            type Scalar = $scalar;
            const STRIP: usize = $columns * Self::LANES;
            const ROWS: usize = $rows;
            const LANES: usize = $lanes;

            #[inline(always)]
            fn splat(value: $scalar) -> Self {
                Self(unsafe { $set1(value) })
            }

            #[inline(always)]
            fn load(from: &[$scalar]) -> Self {
                let from = &from[..Self::LANES];
                Self(unsafe { $loadu(from.as_ptr()) })
            }

            #[inline(always)]
            fn store(self, to: &mut [$scalar]) {
                let to = &mut to[..Self::LANES];
                unsafe { $storeu(to.as_mut_ptr(), self.0) }
            }

            #[inline(always)]
            fn add(self, other: Self) -> Self {
                Self(unsafe { $add(self.0, other.0) })
            }

            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                Self(unsafe { $sub(self.0, other.0) })
            }

            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                Self(unsafe { $mul(self.0, other.0) })
            }

            #[inline(always)]
            fn div(self, other: Self) -> Self {
                Self(unsafe { $div(self.0, other.0) })
            }

            #[inline(always)]
            fn max(self, other: Self) -> Self {
                Self(unsafe { $max(self.0, other.0) })
            }

            #[inline(always)]
            fn min(self, other: Self) -> Self {
                Self(unsafe { $min(self.0, other.0) })
            }

            #[inline(always)]
            fn mul_add(self, factor: Self, term: Self) -> Self {
                Self(unsafe { $fmadd(self.0, factor.0, term.0) })
            }

            #[inline(always)]
            fn sqrt(self) -> Self {
                Self(unsafe { $sqrt(self.0) })
            }

            #[inline(always)]
            fn sum(self) -> $scalar {
                unsafe { $sum(self.0) }
            }

            #[inline(always)]
            fn exp2_whole(self) -> Self {
                self.add(Self::splat(<$scalar as super::vector::Real>::EXPONENT)).exp2_biased()
            }

            #[inline(always)]
            fn exp2_biased(self) -> Self {
                // n + bias + 1.5 · 2^fraction has n + bias in the low bits of its fraction: shifted, it is the exponent of 2^n.
                Self(unsafe { $from_bits($shift::<$fraction>($to_bits(self.0))) })
            }

            #[inline(always)]
            fn prefetch(numbers: &[$scalar]) {
                for line in numbers.chunks(64 / size_of::<$scalar>()) {
                    // SAFETY: a hint; the address is that of a number.
                    unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) };
                }
            }

            #[inline(always)]
            fn tile<const ROWS: usize>(
                depth: usize,
                apart: bool,
                left: &[$scalar],
                stride: usize,
                strip: &[$scalar],
                out: &mut [$scalar],
                out_stride: usize,
            ) {
                Self::tile_of::<ROWS, $columns>(depth, apart, left, stride, strip, out, out_stride);
            }

            #[inline(always)]
            fn half_tile<const ROWS: usize>(
                depth: usize,
                apart: bool,
                left: &[$scalar],
                stride: usize,
                strip: &[$scalar],
                out: &mut [$scalar],
                out_stride: usize,
            ) {
                Self::tile_of::<ROWS, { $columns / 2 }>(depth, apart, left, stride, strip, out, out_stride);
            }
        }

        #[expect(unsafe_code, reason = "vector instructions")]
        impl $name {
            /// Of the first `COLUMNS` vectors of the strip.
            #[inline(always)]
            fn tile_of<const ROWS: usize, const COLUMNS: usize>(
                depth: usize,
                apart: bool,
                left: &[$scalar],
                stride: usize,
                strip: &[$scalar],
                out: &mut [$scalar],
                out_stride: usize,
            ) {
                const { assert!(COLUMNS <= $columns) };
                assert!(depth > 0 && rows_lie_within(ROWS, depth, stride, left.len()), "a tile beyond the left factor");
                assert!(rows_lie_within(depth, Self::STRIP, Self::STRIP, strip.len()), "a tile beyond its strip");
                let mut sums = [[Self::splat(0.0); COLUMNS]; ROWS];
                if !apart {
                    for (row, sums) in sums.iter_mut().enumerate() {
                        let out = &out[row * out_stride..][..COLUMNS * Self::LANES];
                        for (sum, out) in sums.iter_mut().zip(out.chunks_exact(Self::LANES)) {
                            *sum = Self::load(out);
                        }
                    }
                }
                for k in 0..depth {
                    // SAFETY: k < depth, v < COLUMNS, which is no more than $columns, and row < ROWS. The lengths were checked for these above, by products that cannot
                    // wrap: so `row * stride + k` and the end of the strip's row are within.
                    let mut right = [Self::splat(0.0).0; COLUMNS];
                    for (v, right) in right.iter_mut().enumerate() {
                        *right = unsafe { $loadu(strip.as_ptr().add((k * $columns + v) * Self::LANES)) };
                    }
                    for (row, sums) in sums.iter_mut().enumerate() {
                        let factor = unsafe { $set1(*left.get_unchecked(row * stride + k)) };
                        for (sum, right) in sums.iter_mut().zip(right) {
                            sum.0 = unsafe { $fmadd(factor, right, sum.0) };
                        }
                    }
                }
                for (row, sums) in sums.into_iter().enumerate() {
                    let out = &mut out[row * out_stride..][..COLUMNS * Self::LANES];
                    for (sum, out) in sums.into_iter().zip(out.chunks_exact_mut(Self::LANES)) {
                        if apart { Self::load(out).add(sum).store(out) } else { sum.store(out) }
                    }
                }
            }
        }
    };
}
pub(super) use vector;

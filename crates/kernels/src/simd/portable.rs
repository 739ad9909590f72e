//! Plain arrays, for processors without AVX2. The compiler makes of them what it can.

use super::vector::{Real, Vector};

/// Eight numbers.
#[derive(Clone, Copy)]
pub(super) struct Lanes<T>([T; 8]);

/// Sum by halving: lane 0 + lane n/2, and so on. Overwrites its argument.
#[inline(always)]
pub(super) fn pairwise_sum<T: Copy + std::ops::AddAssign>(lanes: &mut [T]) -> T {
    let mut width = lanes.len();
    while width > 1 {
        width /= 2;
        for k in 0..width {
            let other = lanes[k + width];
            lanes[k] += other;
        }
    }
    lanes[0]
}

/// Every processor of this kind multiplies and adds in one step, and has 32 registers of vectors.
const IS_AARCH64: bool = cfg!(target_arch = "aarch64");

macro_rules! lanes {
    ($type:ident, $fraction_bits:expr, $together:expr) => {
        impl Vector for Lanes<$type> {
            type Scalar = $type;
            const STRIP: usize = 16;
            const ROWS: usize = 4;
            const LANES: usize = 8;

            #[inline(always)]
            fn splat(value: $type) -> Self {
                Self([value; 8])
            }

            #[inline(always)]
            fn load(from: &[$type]) -> Self {
                let mut lanes = [0.0; 8];
                lanes.copy_from_slice(&from[..8]);
                Self(lanes)
            }

            #[inline(always)]
            fn store(self, to: &mut [$type]) {
                to[..8].copy_from_slice(&self.0);
            }

            #[inline(always)]
            fn add(self, other: Self) -> Self {
                Self(std::array::from_fn(|k| self.0[k] + other.0[k]))
            }

            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                Self(std::array::from_fn(|k| self.0[k] - other.0[k]))
            }

            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                Self(std::array::from_fn(|k| self.0[k] * other.0[k]))
            }

            #[inline(always)]
            fn div(self, other: Self) -> Self {
                Self(std::array::from_fn(|k| self.0[k] / other.0[k]))
            }

            #[inline(always)]
            fn mul_add(self, factor: Self, term: Self) -> Self {
                Self(std::array::from_fn(|k| match IS_AARCH64 {
                    true => self.0[k].mul_add(factor.0[k], term.0[k]),
                    false => self.0[k] * factor.0[k] + term.0[k],
                }))
            }

            #[inline(always)]
            fn sqrt(self) -> Self {
                Self(self.0.map($type::sqrt))
            }

            #[inline(always)]
            fn max(self, other: Self) -> Self {
                Self(std::array::from_fn(|k| if self.0[k] > other.0[k] { self.0[k] } else { other.0[k] }))
            }

            #[inline(always)]
            fn min(self, other: Self) -> Self {
                Self(std::array::from_fn(|k| if self.0[k] < other.0[k] { self.0[k] } else { other.0[k] }))
            }

            #[inline(always)]
            fn sum(self) -> $type {
                let mut lanes = self.0;
                pairwise_sum(&mut lanes)
            }

            #[inline(always)]
            fn exp2_whole(self) -> Self {
                self.add(Self::splat(<$type as Real>::EXPONENT)).exp2_biased()
            }

            #[inline(always)]
            fn exp2_biased(self) -> Self {
                Self(self.0.map(|n| $type::from_bits(n.to_bits() << $fraction_bits)))
            }

            #[inline(always)]
            fn tile<const ROWS: usize>(
                depth: usize,
                apart: bool,
                left: &[$type],
                stride: usize,
                strip: &[$type],
                out: &mut [$type],
                out_stride: usize,
            ) {
                Self::tile_of::<ROWS, 2>(depth, apart, left, stride, strip, out, out_stride);
            }

            #[inline(always)]
            fn half_tile<const ROWS: usize>(
                depth: usize,
                apart: bool,
                left: &[$type],
                stride: usize,
                strip: &[$type],
                out: &mut [$type],
                out_stride: usize,
            ) {
                Self::tile_of::<ROWS, 1>(depth, apart, left, stride, strip, out, out_stride);
            }
        }

        impl Lanes<$type> {
            /// Of the first `COLUMNS` vectors of the strip.
            #[inline(always)]
            fn tile_of<const ROWS: usize, const COLUMNS: usize>(
                depth: usize,
                apart: bool,
                left: &[$type],
                stride: usize,
                strip: &[$type],
                out: &mut [$type],
                out_stride: usize,
            ) {
                /// Rows whose sums fit into registers.
                const TOGETHER: usize = if IS_AARCH64 { $together } else { 1 };
                let mut row = 0;
                while row + TOGETHER <= ROWS {
                    let (left, out) = (&left[row * stride..], &mut out[row * out_stride..]);
                    Self::rows_of::<TOGETHER, COLUMNS>(depth, apart, left, stride, strip, out, out_stride);
                    row += TOGETHER;
                }
                while row < ROWS {
                    let (left, out) = (&left[row * stride..], &mut out[row * out_stride..]);
                    Self::rows_of::<1, COLUMNS>(depth, apart, left, stride, strip, out, out_stride);
                    row += 1;
                }
            }

            /// Of so many rows of a tile.
            #[inline(always)]
            fn rows_of<const ROWS: usize, const COLUMNS: usize>(
                depth: usize,
                apart: bool,
                left: &[$type],
                stride: usize,
                strip: &[$type],
                out: &mut [$type],
                out_stride: usize,
            ) {
                let rows: [&[$type]; ROWS] = std::array::from_fn(|row| &left[row * stride..][..depth]);
                let before: [[Self; COLUMNS]; ROWS] = std::array::from_fn(|row| {
                    std::array::from_fn(|column| Self::load(&out[row * out_stride + column * Self::LANES..]))
                });
                let mut sums = if apart { [[Self::splat(0.0); COLUMNS]; ROWS] } else { before };
                for (k, right) in strip.chunks_exact(Self::STRIP).take(depth).enumerate() {
                    let right: [Self; COLUMNS] =
                        std::array::from_fn(|column| Self::load(&right[column * Self::LANES..]));
                    for (sums, row) in sums.iter_mut().zip(&rows) {
                        let factor = Self::splat(row[k]);
                        for (sum, right) in sums.iter_mut().zip(&right) {
                            *sum = factor.mul_add(*right, *sum);
                        }
                    }
                }
                for (row, (sums, before)) in sums.into_iter().zip(before).enumerate() {
                    for (column, (sum, before)) in sums.into_iter().zip(before).enumerate() {
                        let out = &mut out[row * out_stride + column * Self::LANES..];
                        if apart { before.add(sum).store(out) } else { sum.store(out) }
                    }
                }
            }
        }
    };
}

lanes!(f32, 23, 4);
lanes!(f64, 52, 2);

//! AVX-512 vectors.

use super::{Kernel, Vector};
use std::arch::x86_64::*;

/// Runs a kernel compiled for AVX-512.
#[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
pub(super) fn f32<K: Kernel<f32>>(kernel: K) -> K::Output {
    kernel.run::<F32>()
}

/// 16 × `f32`.
#[derive(Clone, Copy)]
pub(super) struct F32(__m512);

// SAFETY of every block below: the type is private to `simd` and only the function `f32` above, compiled
// for AVX-512 and called after the processor was asked, hands it to a kernel. Loads and stores check the length.
#[expect(unsafe_code, reason = "vector instructions")]
impl Vector for F32 {
    type Scalar = f32;
    const STRIP: usize = 4 * Self::LANES;
    const ROWS: usize = 6;
    const LANES: usize = 16;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    fn load(from: &[f32]) -> Self {
        let from = &from[..Self::LANES];
        Self(unsafe { _mm512_loadu_ps(from.as_ptr()) })
    }

    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        let to = &mut to[..Self::LANES];
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(unsafe { _mm512_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(unsafe { _mm512_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Self(unsafe { _mm512_div_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(unsafe { _mm512_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(unsafe { _mm512_min_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, term.0) })
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(unsafe { _mm512_sqrt_ps(self.0) })
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        unsafe { _mm512_reduce_add_ps(self.0) }
    }

    #[inline(always)]
    fn exp2_whole(self) -> Self {
        // n + bias + 1.5 · 2^23 has n + bias in the low bits of its fraction: shifted, it is the exponent of 2^n.
        let biased = self.add(Self::splat(<f32 as super::Real>::ROUNDING + 127.0));
        Self(unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_castps_si512(biased.0))) })
    }

    #[inline(always)]
    fn tile<const ROWS: usize>(
        depth: usize,
        left: &[f32],
        stride: usize,
        strip: &[f32],
        out: &mut [f32],
        out_stride: usize,
    ) {
        assert!(depth > 0 && left.len() >= (ROWS - 1) * stride + depth && strip.len() >= depth * Self::STRIP);
        let mut sums = [[Self::splat(0.0); 4]; ROWS];
        for (row, sums) in sums.iter_mut().enumerate() {
            let out = &out[row * out_stride..][..Self::STRIP];
            for (sum, out) in sums.iter_mut().zip(out.chunks_exact(Self::LANES)) {
                *sum = Self::load(out);
            }
        }
        for k in 0..depth {
            // SAFETY: k < depth and row < ROWS, and the lengths were checked for these above.
            let mut right = [Self::splat(0.0).0; 4];
            for (v, right) in right.iter_mut().enumerate() {
                *right = unsafe { _mm512_loadu_ps(strip.as_ptr().add((k * 4 + v) * Self::LANES)) };
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let factor = unsafe { _mm512_set1_ps(*left.get_unchecked(row * stride + k)) };
                for (sum, right) in sums.iter_mut().zip(right) {
                    sum.0 = unsafe { _mm512_fmadd_ps(factor, right, sum.0) };
                }
            }
        }
        for (row, sums) in sums.into_iter().enumerate() {
            let out = &mut out[row * out_stride..][..Self::STRIP];
            for (sum, out) in sums.into_iter().zip(out.chunks_exact_mut(Self::LANES)) {
                sum.store(out);
            }
        }
    }
}

/// Runs a kernel compiled for AVX-512.
#[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
pub(super) fn f64<K: Kernel<f64>>(kernel: K) -> K::Output {
    kernel.run::<F64>()
}

/// 8 × `f64`.
#[derive(Clone, Copy)]
pub(super) struct F64(__m512d);

// SAFETY of every block below: the type is private to `simd` and only the function `f64` above, compiled
// for AVX-512 and called after the processor was asked, hands it to a kernel. Loads and stores check the length.
#[expect(unsafe_code, reason = "vector instructions")]
impl Vector for F64 {
    type Scalar = f64;
    const STRIP: usize = 4 * Self::LANES;
    const ROWS: usize = 6;
    const LANES: usize = 8;

    #[inline(always)]
    fn splat(value: f64) -> Self {
        Self(unsafe { _mm512_set1_pd(value) })
    }

    #[inline(always)]
    fn load(from: &[f64]) -> Self {
        let from = &from[..Self::LANES];
        Self(unsafe { _mm512_loadu_pd(from.as_ptr()) })
    }

    #[inline(always)]
    fn store(self, to: &mut [f64]) {
        let to = &mut to[..Self::LANES];
        unsafe { _mm512_storeu_pd(to.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(unsafe { _mm512_add_pd(self.0, other.0) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(unsafe { _mm512_sub_pd(self.0, other.0) })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(unsafe { _mm512_mul_pd(self.0, other.0) })
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Self(unsafe { _mm512_div_pd(self.0, other.0) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(unsafe { _mm512_max_pd(self.0, other.0) })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(unsafe { _mm512_min_pd(self.0, other.0) })
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(unsafe { _mm512_fmadd_pd(self.0, factor.0, term.0) })
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(unsafe { _mm512_sqrt_pd(self.0) })
    }

    #[inline(always)]
    fn sum(self) -> f64 {
        unsafe { _mm512_reduce_add_pd(self.0) }
    }

    #[inline(always)]
    fn exp2_whole(self) -> Self {
        // n + bias + 1.5 · 2^52 has n + bias in the low bits of its fraction: shifted, it is the exponent of 2^n.
        let biased = self.add(Self::splat(<f64 as super::Real>::ROUNDING + 1023.0));
        Self(unsafe { _mm512_castsi512_pd(_mm512_slli_epi64::<52>(_mm512_castpd_si512(biased.0))) })
    }

    #[inline(always)]
    fn tile<const ROWS: usize>(
        depth: usize,
        left: &[f64],
        stride: usize,
        strip: &[f64],
        out: &mut [f64],
        out_stride: usize,
    ) {
        assert!(depth > 0 && left.len() >= (ROWS - 1) * stride + depth && strip.len() >= depth * Self::STRIP);
        let mut sums = [[Self::splat(0.0); 4]; ROWS];
        for (row, sums) in sums.iter_mut().enumerate() {
            let out = &out[row * out_stride..][..Self::STRIP];
            for (sum, out) in sums.iter_mut().zip(out.chunks_exact(Self::LANES)) {
                *sum = Self::load(out);
            }
        }
        for k in 0..depth {
            // SAFETY: k < depth and row < ROWS, and the lengths were checked for these above.
            let mut right = [Self::splat(0.0).0; 4];
            for (v, right) in right.iter_mut().enumerate() {
                *right = unsafe { _mm512_loadu_pd(strip.as_ptr().add((k * 4 + v) * Self::LANES)) };
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let factor = unsafe { _mm512_set1_pd(*left.get_unchecked(row * stride + k)) };
                for (sum, right) in sums.iter_mut().zip(right) {
                    sum.0 = unsafe { _mm512_fmadd_pd(factor, right, sum.0) };
                }
            }
        }
        for (row, sums) in sums.into_iter().enumerate() {
            let out = &mut out[row * out_stride..][..Self::STRIP];
            for (sum, out) in sums.into_iter().zip(out.chunks_exact_mut(Self::LANES)) {
                sum.store(out);
            }
        }
    }
}

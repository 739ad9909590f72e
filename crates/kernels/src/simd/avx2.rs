//! AVX2 vectors.

use super::{Kernel, Vector};
use std::arch::x86_64::*;

/// Runs a kernel compiled for AVX2.
#[target_feature(enable = "avx2,fma")]
pub(super) fn f32<K: Kernel<f32>>(kernel: K) -> K::Output {
    kernel.run::<F32>()
}

/// 8 × `f32`.
#[derive(Clone, Copy)]
pub(super) struct F32(__m256);

// SAFETY of every block below: the type is private to `simd` and only the function `f32` above, compiled
// for AVX2 and called after the processor was asked, hands it to a kernel. Loads and stores check the length.
#[expect(unsafe_code, reason = "vector instructions")]
impl Vector for F32 {
    type Scalar = f32;
    const STRIP: usize = 2 * Self::LANES;
    const ROWS: usize = 4;
    const LANES: usize = 8;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self(unsafe { _mm256_set1_ps(value) })
    }

    #[inline(always)]
    fn load(from: &[f32]) -> Self {
        let from = &from[..Self::LANES];
        Self(unsafe { _mm256_loadu_ps(from.as_ptr()) })
    }

    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        let to = &mut to[..Self::LANES];
        unsafe { _mm256_storeu_ps(to.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(unsafe { _mm256_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(unsafe { _mm256_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(unsafe { _mm256_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Self(unsafe { _mm256_div_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(unsafe { _mm256_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(unsafe { _mm256_min_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(unsafe { _mm256_fmadd_ps(self.0, factor.0, term.0) })
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(unsafe { _mm256_sqrt_ps(self.0) })
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        unsafe {
            let halves = _mm_add_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
            let pairs = _mm_add_ps(halves, _mm_movehl_ps(halves, halves));
            _mm_cvtss_f32(_mm_add_ss(pairs, _mm_movehdup_ps(pairs)))
        }
    }

    #[inline(always)]
    fn exp2_whole(self) -> Self {
        // n + bias + 1.5 · 2^23 has n + bias in the low bits of its fraction: shifted, it is the exponent of 2^n.
        let biased = self.add(Self::splat(<f32 as super::Real>::ROUNDING + 127.0));
        Self(unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_castps_si256(biased.0))) })
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
        let mut sums = [[Self::splat(0.0); 2]; ROWS];
        for (row, sums) in sums.iter_mut().enumerate() {
            let out = &out[row * out_stride..][..Self::STRIP];
            for (sum, out) in sums.iter_mut().zip(out.chunks_exact(Self::LANES)) {
                *sum = Self::load(out);
            }
        }
        for k in 0..depth {
            // SAFETY: k < depth and row < ROWS, and the lengths were checked for these above.
            let mut right = [Self::splat(0.0).0; 2];
            for (v, right) in right.iter_mut().enumerate() {
                *right = unsafe { _mm256_loadu_ps(strip.as_ptr().add((k * 2 + v) * Self::LANES)) };
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let factor = unsafe { _mm256_set1_ps(*left.get_unchecked(row * stride + k)) };
                for (sum, right) in sums.iter_mut().zip(right) {
                    sum.0 = unsafe { _mm256_fmadd_ps(factor, right, sum.0) };
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

/// Runs a kernel compiled for AVX2.
#[target_feature(enable = "avx2,fma")]
pub(super) fn f64<K: Kernel<f64>>(kernel: K) -> K::Output {
    kernel.run::<F64>()
}

/// 4 × `f64`.
#[derive(Clone, Copy)]
pub(super) struct F64(__m256d);

// SAFETY of every block below: the type is private to `simd` and only the function `f64` above, compiled
// for AVX2 and called after the processor was asked, hands it to a kernel. Loads and stores check the length.
#[expect(unsafe_code, reason = "vector instructions")]
impl Vector for F64 {
    type Scalar = f64;
    const STRIP: usize = 2 * Self::LANES;
    const ROWS: usize = 4;
    const LANES: usize = 4;

    #[inline(always)]
    fn splat(value: f64) -> Self {
        Self(unsafe { _mm256_set1_pd(value) })
    }

    #[inline(always)]
    fn load(from: &[f64]) -> Self {
        let from = &from[..Self::LANES];
        Self(unsafe { _mm256_loadu_pd(from.as_ptr()) })
    }

    #[inline(always)]
    fn store(self, to: &mut [f64]) {
        let to = &mut to[..Self::LANES];
        unsafe { _mm256_storeu_pd(to.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(unsafe { _mm256_add_pd(self.0, other.0) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(unsafe { _mm256_sub_pd(self.0, other.0) })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(unsafe { _mm256_mul_pd(self.0, other.0) })
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Self(unsafe { _mm256_div_pd(self.0, other.0) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(unsafe { _mm256_max_pd(self.0, other.0) })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(unsafe { _mm256_min_pd(self.0, other.0) })
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(unsafe { _mm256_fmadd_pd(self.0, factor.0, term.0) })
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(unsafe { _mm256_sqrt_pd(self.0) })
    }

    #[inline(always)]
    fn sum(self) -> f64 {
        unsafe {
            let halves = _mm_add_pd(_mm256_castpd256_pd128(self.0), _mm256_extractf128_pd::<1>(self.0));
            _mm_cvtsd_f64(_mm_add_sd(halves, _mm_unpackhi_pd(halves, halves)))
        }
    }

    #[inline(always)]
    fn exp2_whole(self) -> Self {
        // n + bias + 1.5 · 2^52 has n + bias in the low bits of its fraction: shifted, it is the exponent of 2^n.
        let biased = self.add(Self::splat(<f64 as super::Real>::ROUNDING + 1023.0));
        Self(unsafe { _mm256_castsi256_pd(_mm256_slli_epi64::<52>(_mm256_castpd_si256(biased.0))) })
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
        let mut sums = [[Self::splat(0.0); 2]; ROWS];
        for (row, sums) in sums.iter_mut().enumerate() {
            let out = &out[row * out_stride..][..Self::STRIP];
            for (sum, out) in sums.iter_mut().zip(out.chunks_exact(Self::LANES)) {
                *sum = Self::load(out);
            }
        }
        for k in 0..depth {
            // SAFETY: k < depth and row < ROWS, and the lengths were checked for these above.
            let mut right = [Self::splat(0.0).0; 2];
            for (v, right) in right.iter_mut().enumerate() {
                *right = unsafe { _mm256_loadu_pd(strip.as_ptr().add((k * 2 + v) * Self::LANES)) };
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let factor = unsafe { _mm256_set1_pd(*left.get_unchecked(row * stride + k)) };
                for (sum, right) in sums.iter_mut().zip(right) {
                    sum.0 = unsafe { _mm256_fmadd_pd(factor, right, sum.0) };
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

//! AVX2 vectors.

use super::vector::{Kernel, Vector, rows_lie_within};
use super::x86::vector;
use std::arch::x86_64::*;

/// Runs a kernel compiled for AVX2.
#[target_feature(enable = "avx2,fma")]
pub(super) fn f32<K: Kernel<f32>>(kernel: K) -> K::Output {
    kernel.run::<F32>()
}

/// Runs a kernel compiled for AVX2.
#[target_feature(enable = "avx2,fma")]
pub(super) fn f64<K: Kernel<f64>>(kernel: K) -> K::Output {
    kernel.run::<F64>()
}

vector!(
    F32 = 8 x f32 in __m256, tile 4 x 2,
    _mm256_set1_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_add_ps _mm256_sub_ps _mm256_mul_ps _mm256_div_ps _mm256_max_ps _mm256_min_ps
    _mm256_fmadd_ps _mm256_sqrt_ps sum_ps,
    exponent _mm256_castsi256_ps _mm256_slli_epi32 _mm256_castps_si256 fraction 23
);

vector!(
    F64 = 4 x f64 in __m256d, tile 4 x 2,
    _mm256_set1_pd _mm256_loadu_pd _mm256_storeu_pd _mm256_add_pd _mm256_sub_pd _mm256_mul_pd _mm256_div_pd _mm256_max_pd _mm256_min_pd
    _mm256_fmadd_pd _mm256_sqrt_pd sum_pd,
    exponent _mm256_castsi256_pd _mm256_slli_epi64 _mm256_castpd_si256 fraction 52
);

/// Sum by halving.
#[inline]
#[target_feature(enable = "avx2")]
fn sum_ps(lanes: __m256) -> f32 {
    let halves = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps::<1>(lanes));
    let pairs = _mm_add_ps(halves, _mm_movehl_ps(halves, halves));
    _mm_cvtss_f32(_mm_add_ss(pairs, _mm_movehdup_ps(pairs)))
}

/// Sum by halving.
#[inline]
#[target_feature(enable = "avx2")]
fn sum_pd(lanes: __m256d) -> f64 {
    let halves = _mm_add_pd(_mm256_castpd256_pd128(lanes), _mm256_extractf128_pd::<1>(lanes));
    _mm_cvtsd_f64(_mm_add_sd(halves, _mm_unpackhi_pd(halves, halves)))
}

//! AVX-512 vectors.

use super::vector::{Kernel, Vector, rows_lie_within};
use super::x86::vector;
use std::arch::x86_64::*;

/// Runs a kernel compiled for AVX-512.
#[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
pub(super) fn f32<K: Kernel<f32>>(kernel: K) -> K::Output {
    kernel.run::<F32>()
}

/// Runs a kernel compiled for AVX-512.
#[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
pub(super) fn f64<K: Kernel<f64>>(kernel: K) -> K::Output {
    kernel.run::<F64>()
}

vector!(
    F32 = 16 x f32 in __m512, tile 6 x 4,
    _mm512_set1_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_add_ps _mm512_sub_ps _mm512_mul_ps _mm512_div_ps _mm512_max_ps _mm512_min_ps
    _mm512_fmadd_ps _mm512_sqrt_ps _mm512_reduce_add_ps,
    exponent _mm512_castsi512_ps _mm512_slli_epi32 _mm512_castps_si512 fraction 23
);

vector!(
    F64 = 8 x f64 in __m512d, tile 6 x 4,
    _mm512_set1_pd _mm512_loadu_pd _mm512_storeu_pd _mm512_add_pd _mm512_sub_pd _mm512_mul_pd _mm512_div_pd _mm512_max_pd _mm512_min_pd
    _mm512_fmadd_pd _mm512_sqrt_pd _mm512_reduce_add_pd,
    exponent _mm512_castsi512_pd _mm512_slli_epi64 _mm512_castpd_si512 fraction 52
);

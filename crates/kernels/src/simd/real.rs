//! The two types of numbers, and how a kernel is run on their vectors.

use super::instruction_set::InstructionSet;
use super::portable;
use super::vector::{Kernel, Real, Vector};
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};

impl InstructionSet {
    /// Lanes of a vector of `T`.
    pub fn lanes<T: Real>(self) -> usize {
        struct Lanes;
        impl<T: Real> Kernel<T> for Lanes {
            type Output = usize;
            #[inline(always)]
            fn run<V: Vector<Scalar = T>>(self) -> usize {
                V::LANES
            }
        }
        T::run(Lanes, self)
    }
}

/// Runs a kernel with the widest instruction set of this processor.
pub fn launch<T: Real, K: Kernel<T>>(kernel: K) -> K::Output {
    T::run(kernel, InstructionSet::detect())
}

macro_rules! real {
    ($type:ident, $rounding:expr, $exp_terms:expr, $sin_terms:expr, $limit:expr, $mask:expr, $negligible:expr, $bias:expr, $exp2:expr, $gate_limit:expr, $single:expr) => {
        impl Real for $type {
            const ROUNDING: Self = $rounding;
            const EXPONENT: Self = $rounding + $bias;
            const EXP2: &'static [f64] = $exp2;
            const GATE_LIMIT: f64 = $gate_limit;
            const NEGLIGIBLE: Self = $negligible;
            const EXP_TERMS: usize = $exp_terms;
            const SIN_TERMS: usize = $sin_terms;
            const EXP_LIMIT: f64 = $limit;

            #[inline(always)]
            fn split(value: f64, tail: f64) -> [Self; 2] {
                // Drop the low half of the fraction, so that whole multiples stay exact.
                let high = $type::from_bits((value as $type).to_bits() & $mask);
                [high, (value - f64::from(high) + tail) as $type]
            }

            #[inline(always)]
            fn real(value: f64) -> Self {
                value as $type
            }

            #[inline(always)]
            fn wide(self) -> f64 {
                f64::from(self)
            }

            fn single(numbers: &[Self]) -> Option<&[f32]> {
                $single(numbers)
            }

            fn single_mut(numbers: &mut [Self]) -> Option<&mut [f32]> {
                $single(numbers)
            }

            #[cfg_attr(
                target_arch = "x86_64",
                expect(
                    unsafe_code,
                    reason = "functions compiled for an instruction set are unsafe to call without it"
                )
            )]
            fn run<K: Kernel<Self>>(kernel: K, set: InstructionSet) -> K::Output {
                match set {
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx512 => {
                        assert_eq!(InstructionSet::widest(), InstructionSet::Avx512, "this processor has no AVX-512");
                        // SAFETY: `widest` has found avx512f, avx512dq, avx2 and fma on this processor.
                        unsafe { avx512::$type(kernel) }
                    }
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx2 => {
                        assert_ne!(InstructionSet::widest(), InstructionSet::Portable, "this processor has no AVX2");
                        // SAFETY: `widest` has found avx2 and fma on this processor.
                        unsafe { avx2::$type(kernel) }
                    }
                    _ => kernel.run::<portable::Lanes<$type>>(),
                }
            }

            fn slice(storage: &candle_core::CpuStorage) -> candle_core::Result<&[Self]> {
                storage.as_slice::<Self>()
            }
        }
    };
}

real!(f32, 12_582_912.0, 8, 7, 87.0, 0xffff_f000, 1e-24, 127.0, &EXP2_SINGLE, 40.0, Some);
real!(f64, 6_755_399_441_055_744.0, 14, 12, 700.0, 0xffff_ffff_f800_0000, 1e-270, 1023.0, &EXP2_DOUBLE, 340.0, |_| {
    None
});

/// Polynomial through 2^x at Chebyshev's points: off by less than 3e-9, relative.
const EXP2_SINGLE: [f64; 7] = [
    1.0,
    0.693_147_206_702_832_6,
    0.240_226_509_222_887_58,
    0.055_503_272_266_703_02,
    0.009_618_056_678_524_638,
    0.001_340_042_817_761_583_8,
    0.000_154_614_446_985_691_3,
];

/// The power series.
const EXP2_DOUBLE: [f64; 14] = {
    let (mut out, mut term, mut k) = ([1.0; 14], 1.0, 1);
    while k < out.len() {
        term *= std::f64::consts::LN_2 / k as f64;
        out[k] = term;
        k += 1;
    }
    out
};

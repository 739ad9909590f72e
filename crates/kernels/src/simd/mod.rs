//! Vectors of floating-point numbers, with the instruction set chosen at run time.
//!
//! A kernel is a [`Kernel`]: a value that holds its arguments, and a `run` generic over the
//! [`Vector`] type. [`launch`] picks the widest instruction set of this processor and calls
//! `run` inside a function compiled for it. `run` and all that it calls must be
//! `#[inline(always)]`, so that they are compiled for that instruction set too.
//!
//! The vector types cannot be named outside this module, so that code holding one is always
//! running on a processor that has its instructions.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub mod math;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::fmt::Debug;
use std::sync::OnceLock;

/// The most lanes that any vector has.
const MAX_LANES: usize = 16;

/// A few numbers on which the processor works at once.
pub trait Vector: Copy {
    /// `f32` or `f64`.
    type Scalar: Real;
    /// How many.
    const LANES: usize;
    /// Columns of a matrix tile that fits into the registers.
    const STRIP: usize;
    /// Rows of it.
    const ROWS: usize;
    /// All the same.
    fn splat(value: Self::Scalar) -> Self;
    /// The first `LANES` of `from`; panics if there are fewer.
    fn load(from: &[Self::Scalar]) -> Self;
    /// Into the first `LANES` of `to`; panics if there are fewer.
    fn store(self, to: &mut [Self::Scalar]);
    /// `self + other`
    fn add(self, other: Self) -> Self;
    /// `self - other`
    fn sub(self, other: Self) -> Self;
    /// `self · other`
    fn mul(self, other: Self) -> Self;
    /// `self / other`
    fn div(self, other: Self) -> Self;
    /// `self · factor + term`, rounded once where the processor can.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// The larger of each lane.
    fn max(self, other: Self) -> Self;
    /// The smaller of each lane.
    fn min(self, other: Self) -> Self;
    /// The numbers of `row` from `at`; beyond its end, `fill`.
    #[inline(always)]
    fn load_padded(row: &[Self::Scalar], at: usize, fill: Self::Scalar) -> Self {
        if let Some(whole) = row.get(at..at + Self::LANES) {
            return Self::load(whole);
        }
        let mut lanes = [fill; MAX_LANES];
        let rest = &row[at.min(row.len())..];
        lanes[..rest.len()].copy_from_slice(rest);
        Self::load(&lanes)
    }
    /// Into `row` from `at`; lanes beyond its end are dropped.
    #[inline(always)]
    fn store_padded(self, row: &mut [Self::Scalar], at: usize) {
        if let Some(whole) = row.get_mut(at..at + Self::LANES) {
            return self.store(whole);
        }
        let mut lanes = [Self::Scalar::default(); MAX_LANES];
        self.store(&mut lanes);
        let at = at.min(row.len());
        let rest = &mut row[at..];
        rest.copy_from_slice(&lanes[..rest.len()]);
    }
    /// Sum over lanes, always in the same order.
    fn sum(self) -> Self::Scalar;
    /// 2^n for lanes that hold whole numbers n within the exponent's range.
    fn exp2_whole(self) -> Self;
    /// Asks for these numbers to be brought near, where the processor can.
    fn prefetch(_numbers: &[Self::Scalar]) {}
    /// Matrix tile: adds `left[r · stride + k] · strip[k · STRIP + c]` over `k < depth` to
    /// `out[r · out_stride + c]`, for `r < ROWS` and `c < STRIP`. `apart`: the sum over k is made apart and added
    /// as a whole; otherwise terms are added to `out` one by one.
    fn tile<const ROWS: usize>(
        depth: usize,
        apart: bool,
        left: &[Self::Scalar],
        stride: usize,
        strip: &[Self::Scalar],
        out: &mut [Self::Scalar],
        out_stride: usize,
    );
}

/// Whether `rows` rows of `width` numbers, each `stride` behind the one before, lie within `length` numbers. Lengths
/// whose product is larger than any number do not.
#[inline(always)]
pub fn rows_lie_within(rows: usize, width: usize, stride: usize, length: usize) -> bool {
    let Some(last) = rows.checked_sub(1) else { return true };
    last.checked_mul(stride).and_then(|start| start.checked_add(width)).is_some_and(|end| end <= length)
}

/// `f32` or `f64`.
pub trait Real:
    candle_core::WithDType + Copy + Default + Debug + PartialOrd + Send + Sync + std::ops::AddAssign + 'static
{
    /// 1.5 · 2^(bits of the fraction): adding and subtracting it rounds to whole numbers.
    const ROUNDING: Self;
    /// Terms of the power series after which nothing changes at this precision.
    const EXP_TERMS: usize;
    /// The same for the sine on [-π/2, π/2].
    const SIN_TERMS: usize;
    /// Numbers far below this are zero to a network, see [`math::settle`].
    const NEGLIGIBLE: Self;
    /// Largest argument that `exp` takes without overflow.
    const EXP_LIMIT: f64;
    /// `value + tail` in two parts; products of the first with a small whole number are exact.
    fn split(value: f64, tail: f64) -> [Self; 2];
    /// Nearest number of this type.
    fn real(value: f64) -> Self;
    /// To `f64`, exactly.
    fn wide(self) -> f64;
    /// Runs the kernel on the vectors of this instruction set.
    fn run<K: Kernel<Self>>(kernel: K, set: InstructionSet) -> K::Output;
    /// The contiguous numbers of a candle CPU tensor's storage.
    fn slice(storage: &candle_core::CpuStorage) -> candle_core::Result<&[Self]>;
}

/// A computation to be compiled for several instruction sets.
pub trait Kernel<T: Real> {
    /// What it returns.
    type Output;
    /// The computation; mark it `#[inline(always)]`.
    fn run<V: Vector<Scalar = T>>(self) -> Self::Output;
}

/// Which vectors this processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstructionSet {
    /// 512 bits.
    Avx512,
    /// 256 bits and fused multiply-add.
    Avx2,
    /// What the compiler makes of plain loops.
    Portable,
}

impl InstructionSet {
    /// The widest of this processor; `MLIP_INSTRUCTION_SET` (`avx512`, `avx2`, `portable`) may ask for less.
    pub fn detect() -> Self {
        static FOUND: OnceLock<InstructionSet> = OnceLock::new();
        *FOUND.get_or_init(|| {
            let widest = Self::widest();
            match std::env::var("MLIP_INSTRUCTION_SET").as_deref() {
                Ok("portable") => Self::Portable,
                Ok("avx2") if widest != Self::Portable => Self::Avx2,
                _ => widest,
            }
        })
    }

    /// All that this processor has, for tests.
    pub fn available() -> Vec<Self> {
        match Self::widest() {
            Self::Avx512 => vec![Self::Avx512, Self::Avx2, Self::Portable],
            Self::Avx2 => vec![Self::Avx2, Self::Portable],
            Self::Portable => vec![Self::Portable],
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn widest() -> Self {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        if avx2 && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
            Self::Avx512
        } else if avx2 {
            Self::Avx2
        } else {
            Self::Portable
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn widest() -> Self {
        Self::Portable
    }

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
    ($type:ident, $rounding:expr, $exp_terms:expr, $sin_terms:expr, $limit:expr, $mask:expr, $negligible:expr) => {
        impl Real for $type {
            const ROUNDING: Self = $rounding;
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

            #[expect(unsafe_code, reason = "functions compiled for an instruction set are unsafe to call without it")]
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

real!(f32, 12_582_912.0, 8, 7, 87.0, 0xffff_f000, 1e-24);
real!(f64, 6_755_399_441_055_744.0, 14, 12, 700.0, 0xffff_ffff_f800_0000, 1e-270);

#[cfg(test)]
mod tests;

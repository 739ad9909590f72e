//! What kernels are written in: vectors, their numbers, and the kernels themselves.

use super::instruction_set::InstructionSet;
use std::fmt::Debug;

/// The most lanes that any vector has.
pub(super) const MAX_LANES: usize = 16;

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
    /// 2^n for lanes that hold n + [`Real::EXPONENT`].
    fn exp2_biased(self) -> Self;
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
    /// The same of the first half of the strip's columns, `c < STRIP / 2`: the registers hold twice as many rows of it.
    fn half_tile<const ROWS: usize>(
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
    /// `ROUNDING` and the bias of the exponent: the sum of it and a number near a whole one has that whole number, as
    /// an exponent, in its low bits.
    const EXPONENT: Self;
    /// Coefficients of a polynomial for 2^x on [-1/2, 1/2], right to this precision.
    const EXP2: &'static [f64];
    /// Sigmoids of gates take |x| as no larger than this: beyond it they are 0 or 1 to rounding, and products
    /// of two exponentials stay within the range of the type.
    const GATE_LIMIT: f64;
    /// Terms of the power series after which nothing changes at this precision.
    const EXP_TERMS: usize;
    /// The same for the sine on [-π/2, π/2].
    const SIN_TERMS: usize;
    /// Numbers far below this are zero to a network, see [`flush_tiny`](super::math::flush_tiny).
    const NEGLIGIBLE: Self;
    /// Largest argument that `exp` takes without overflow.
    const EXP_LIMIT: f64;
    /// `value + tail` in two parts; products of the first with a small whole number are exact.
    fn split(value: f64, tail: f64) -> [Self; 2];
    /// Nearest number of this type.
    fn real(value: f64) -> Self;
    /// To `f64`, exactly.
    fn wide(self) -> f64;
    /// The same numbers, if they are `f32`.
    fn single(numbers: &[Self]) -> Option<&[f32]>;
    /// The same numbers, if they are `f32`.
    fn single_mut(numbers: &mut [Self]) -> Option<&mut [f32]>;
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

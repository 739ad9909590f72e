//! Elementary functions on vectors, from power series after range reduction.
//!
//! Relative error of `exp` and absolute error of `sin_cos`: a few units in the last place.

use super::vector::{Real, Vector};

/// ln 2 less its nearest `f64`.
const LN_2_TAIL: f64 = 2.319_046_813_846_299_6e-17;
/// π less its nearest `f64`.
const PI_TAIL: f64 = 1.224_646_799_147_353_2e-16;

/// `1/k!`: coefficients of the power series of the exponential function.
const EXP: [f64; 24] = inverse_factorials();

/// Of x^(2k+1) in the sine's power series.
const SIN: [f64; 12] = alternating_inverse_factorials();

#[inline(always)]
fn constant<V: Vector>(value: f64) -> V {
    V::splat(V::Scalar::real(value))
}

/// To the nearest whole number, for |x| far below 2^(bits of the fraction).
#[inline(always)]
fn round<V: Vector>(x: V) -> V {
    let magic = V::splat(V::Scalar::ROUNDING);
    x.add(magic).sub(magic)
}

const fn inverse_factorials() -> [f64; 24] {
    let (mut out, mut product, mut k) = ([1.0; 24], 1.0, 1);
    while k < out.len() {
        product *= k as f64;
        out[k] = 1.0 / product;
        k += 1;
    }
    out
}

const fn alternating_inverse_factorials() -> [f64; 12] {
    let (mut out, mut k) = ([0.0; 12], 0);
    while k < out.len() {
        out[k] = if k.is_multiple_of(2) { EXP[2 * k + 1] } else { -EXP[2 * k + 1] };
        k += 1;
    }
    out
}

/// e^x. Arguments beyond the range of the type are moved to its ends, so that nothing overflows.
#[inline(always)]
pub fn exp<V: Vector>(x: V) -> V {
    let limit = V::Scalar::EXP_LIMIT;
    // In this order NaN stays NaN.
    let x = constant::<V>(-limit).max(constant::<V>(limit).min(x));
    let n = round(x.mul(constant(std::f64::consts::LOG2_E)));
    let minus_n = constant::<V>(0.0).sub(n);
    let [high, low] = V::Scalar::split(std::f64::consts::LN_2, LN_2_TAIL);
    let r = minus_n.mul_add(V::splat(high), x);
    let r = minus_n.mul_add(V::splat(low), r);
    let mut sum = constant::<V>(EXP[V::Scalar::EXP_TERMS - 1]);
    for k in (0..V::Scalar::EXP_TERMS - 1).rev() {
        sum = sum.mul_add(r, constant(EXP[k]));
    }
    sum.mul(n.exp2_whole())
}

/// The number without what is negligible: rounded to multiples of about 1e-31 (`f32`), 1e-286 (`f64`), so that
/// nothing near the end of the exponent's range goes on into products.
///
/// Saturated gates make such numbers all the time. Where one is denormal, Intel's processors take a hundred
/// cycles for an operation: CHGNet took five times as long.
#[inline(always)]
pub fn flush_tiny<V: Vector>(x: V) -> V {
    let quantum = V::splat(V::Scalar::NEGLIGIBLE);
    x.add(quantum).sub(quantum)
}

/// 1 / (1 + e^-x)
#[inline(always)]
pub fn sigmoid<V: Vector>(x: V) -> V {
    let one = constant::<V>(1.0);
    one.div(one.add(exp(constant::<V>(0.0).sub(x))))
}

/// 1 + e^-x, |x| being taken as no larger than [`Real::GATE_LIMIT`]: neither it nor the product of two of them
/// overflows, nor do their reciprocals come near the end of the exponent's range.
#[inline(always)]
pub fn one_plus_exp_minus<V: Vector>(x: V) -> V {
    let [significand, power] = exp_minus_parts(x);
    significand.mul_add(power, constant(1.0))
}

/// e^-x, |x| being taken as no larger than [`Real::GATE_LIMIT`]. One and it make [`one_plus_exp_minus`] to the bit,
/// and with the sigmoid s of x, 1 - s is s · e^-x: right to the last places where s is nearly one.
#[inline(always)]
pub fn exp_minus<V: Vector>(x: V) -> V {
    let [significand, power] = exp_minus_parts(x);
    significand.mul(power)
}

/// Two factors of e^-x, the second a power of two.
#[inline(always)]
fn exp_minus_parts<V: Vector>(x: V) -> [V; 2] {
    let limit = V::Scalar::GATE_LIMIT;
    // In this order NaN stays NaN.
    let x = constant::<V>(-limit).max(constant::<V>(limit).min(x));
    let exponent = V::splat(V::Scalar::EXPONENT);
    // -x log2(e) is a whole number and r; the factor has two parts, whose sum is right to more than this precision.
    let high = V::Scalar::real(-std::f64::consts::LOG2_E);
    let low = V::Scalar::real(-std::f64::consts::LOG2_E - high.wide());
    let biased = x.mul_add(V::splat(high), exponent);
    let r = x.mul_add(V::splat(high), exponent.sub(biased));
    let r = x.mul_add(V::splat(low), r);
    let terms = V::Scalar::EXP2;
    let mut sum = constant::<V>(terms[terms.len() - 1]);
    for k in (0..terms.len() - 1).rev() {
        sum = sum.mul_add(r, constant(terms[k]));
    }
    [sum, biased.exp2_biased()]
}

/// sin(x) for |x| below about 1000.
#[inline(always)]
pub fn sin<V: Vector>(x: V) -> V {
    let half_turns = round(x.mul(constant(std::f64::consts::FRAC_1_PI)));
    alternating_sine(x, half_turns, half_turns)
}

/// cos(x) for |x| below about 1000.
#[inline(always)]
pub fn cos<V: Vector>(x: V) -> V {
    // cos(x) = -(-1)^q sin(x - (q + 1/2) π): the half is exact.
    let q = round(x.mul_add(constant(std::f64::consts::FRAC_1_PI), constant(-0.5)));
    alternating_sine(x, q.add(constant(0.5)), q.add(constant(1.0)))
}

/// (-1)^sign · sin(x - turns · π), the difference being at most π/2.
#[inline(always)]
fn alternating_sine<V: Vector>(x: V, turns: V, sign: V) -> V {
    let minus = constant::<V>(0.0).sub(turns);
    let [high, low] = V::Scalar::split(std::f64::consts::PI, PI_TAIL);
    let r = minus.mul_add(V::splat(high), x);
    let r = minus.mul_add(V::splat(low), r);
    let square = r.mul(r);
    let terms = V::Scalar::SIN_TERMS;
    let mut sum = constant::<V>(SIN[terms - 1]);
    for k in (1..terms - 1).rev() {
        sum = sum.mul_add(square, constant(SIN[k]));
    }
    let value = sum.mul(square).mul_add(r, r);
    // |sign - 2 round(sign / 2)| is 0 for even and 1 for odd numbers.
    let rest = round(sign.mul(constant(0.5))).mul_add(constant(-2.0), sign);
    let odd = rest.mul(rest);
    value.mul(odd.mul_add(constant(-2.0), constant(1.0)))
}

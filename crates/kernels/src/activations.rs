//! Activations of vectors, and their slopes.

use crate::simd::{Real, Vector, math};

#[inline(always)]
fn one_plus_exp_minus<V: Vector>(x: V) -> V {
    math::exp(V::splat(V::Scalar::default()).sub(x)).add(V::splat(V::Scalar::real(1.0)))
}

/// `x · sigmoid(x)`
#[inline(always)]
pub fn silu<V: Vector>(x: V) -> V {
    math::flush_tiny(x.div(one_plus_exp_minus(x)))
}

/// Derivative of [`silu`].
#[inline(always)]
pub fn silu_slope<V: Vector>(x: V) -> V {
    let one = V::splat(V::Scalar::real(1.0));
    let s = math::sigmoid(x);
    math::flush_tiny(s.mul(x.mul_add(one.sub(s), one)))
}

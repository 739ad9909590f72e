//! Matrices of frozen weights.

use mlip_kernels::linear::Matrix;
use mlip_kernels::simd::{InstructionSet, Real};

/// A matrix and its transpose, packed.
pub(crate) struct TwoWay<T> {
    pub(crate) forward: Matrix<T>,
    pub(crate) backward: Matrix<T>,
}

impl<T: Real> TwoWay<T> {
    pub(crate) fn pack(depth: usize, width: usize, set: InstructionSet, element: impl Fn(usize, usize) -> f64) -> Self {
        Self {
            forward: Matrix::pack(depth, width, set, |k, c| T::real(element(k, c))),
            backward: Matrix::pack(width, depth, set, |k, c| T::real(element(c, k))),
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.forward.bytes() + self.backward.bytes()
    }
}

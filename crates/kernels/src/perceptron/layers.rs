//! Three linear layers with SiLU between them.

use crate::activations::{silu, silu_slope};
use crate::linear::Matrix;
use crate::simd::{InstructionSet, Kernel, Real, Vector, math};

/// Constant weights of a perceptron; the bias of the first layer is among the caller's terms.
#[derive(Debug, Clone)]
pub struct Perceptron<T> {
    /// `[depth, hidden]`
    pub first: Matrix<T>,
    /// `[hidden, hidden]`
    pub second: Matrix<T>,
    /// `[hidden, width]`
    pub third: Matrix<T>,
    /// `[hidden]`
    pub second_bias: Vec<T>,
    /// `[width]`
    pub third_bias: Vec<T>,
}

/// The same matrices transposed, for the backward pass.
#[derive(Debug, Clone)]
pub struct Transposed<T> {
    /// `[hidden, depth]`
    pub first: Matrix<T>,
    /// `[hidden, hidden]`
    pub second: Matrix<T>,
    /// `[width, hidden]`
    pub third: Matrix<T>,
}

/// What the forward pass makes of some rows.
#[derive(Debug)]
pub struct Activations<'a, T> {
    /// `[rows, hidden]`: the caller's terms, to which `x W1` is added.
    pub z1: &'a mut [T],
    /// `[rows, hidden]`
    pub z2: &'a mut [T],
    /// `[rows, width]`
    pub y: &'a mut [T],
}

impl<T: Real> Perceptron<T> {
    /// Numbers in a hidden row.
    pub fn hidden(&self) -> usize {
        self.second.depth()
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> u64 {
        self.first.bytes() + self.second.bytes() + self.third.bytes()
    }

    /// Fills `out` from rows of `x` that begin every `stride` numbers. `scratch`: `[rows, hidden]`.
    pub fn forward(&self, x: &[T], stride: usize, rows: usize, out: Activations<'_, T>, scratch: &mut [T]) {
        let Activations { z1, z2, y } = out;
        let (hidden, width, set) = (self.hidden(), self.third.width(), self.second.set());
        let scratch = &mut scratch[..rows * hidden];
        self.first.multiply_add_strided(x, stride, rows, z1, hidden);
        silu_rows(&z1[..rows * hidden], scratch, set);
        repeat(&self.second_bias, &mut z2[..rows * hidden]);
        self.second.multiply_add_strided(scratch, hidden, rows, z2, hidden);
        silu_rows(&z2[..rows * hidden], scratch, set);
        repeat(&self.third_bias, &mut y[..rows * width]);
        self.third.multiply_add_strided(scratch, hidden, rows, y, width);
    }
}

impl<T: Real> Transposed<T> {
    /// Bytes in memory.
    pub fn bytes(&self) -> u64 {
        self.first.bytes() + self.second.bytes() + self.third.bytes()
    }

    /// `∂E/∂z1` into `dz1` from `∂E/∂y` and what the forward pass made. `scratch`: `[rows, hidden]`.
    pub fn backward(&self, z1: &[T], z2: &[T], dy: &[T], rows: usize, dz1: &mut [T], scratch: &mut [T]) {
        let (width, hidden, set) = (self.third.depth(), self.second.width(), self.second.set());
        let (dz1, dz2) = (&mut dz1[..rows * hidden], &mut scratch[..rows * hidden]);
        dz2.fill(T::default());
        self.third.multiply_add_strided(dy, width, rows, dz2, hidden);
        silu_backward_rows(&z2[..rows * hidden], dz2, set);
        dz1.fill(T::default());
        self.second.multiply_add_strided(dz2, hidden, rows, dz1, hidden);
        silu_backward_rows(&z1[..rows * hidden], dz1, set);
    }
}

/// Every row of `out` becomes `row`.
pub fn repeat<T: Copy>(row: &[T], out: &mut [T]) {
    for out in out.chunks_exact_mut(row.len()) {
        out.copy_from_slice(row);
    }
}

/// `out = silu(z)`, number by number.
pub fn silu_rows<T: Real>(z: &[T], out: &mut [T], set: InstructionSet) {
    struct Run<'a, T>(&'a [T], &'a mut [T]);
    impl<T: Real> Kernel<T> for Run<'_, T> {
        type Output = ();
        #[inline(always)]
        fn run<V: Vector<Scalar = T>>(self) {
            let Self(z, out) = self;
            for at in (0..z.len()).step_by(V::LANES) {
                silu(V::load_padded(z, at, T::default())).store_padded(out, at);
            }
        }
    }
    assert_eq!(z.len(), out.len(), "silu of {} numbers into {}", z.len(), out.len());
    T::run(Run(z, out), set);
}

/// `gradient *= silu'(z)`, number by number.
pub fn silu_backward_rows<T: Real>(z: &[T], gradient: &mut [T], set: InstructionSet) {
    struct Run<'a, T>(&'a [T], &'a mut [T]);
    impl<T: Real> Kernel<T> for Run<'_, T> {
        type Output = ();
        #[inline(always)]
        fn run<V: Vector<Scalar = T>>(self) {
            let Self(z, gradient) = self;
            for at in (0..z.len()).step_by(V::LANES) {
                let slope = silu_slope(V::load_padded(z, at, T::default()));
                math::flush_tiny(V::load_padded(gradient, at, T::default()).mul(slope)).store_padded(gradient, at);
            }
        }
    }
    assert_eq!(z.len(), gradient.len(), "{} gradients of {} numbers", gradient.len(), z.len());
    T::run(Run(z, gradient), set);
}

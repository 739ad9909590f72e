//! Perceptrons of three linear layers with SiLU between them, and the root-mean-square norm behind them.
//!
//! ```text
//! z1 = (terms of the caller) + x W1      y = silu(silu(z1) W2 + b2) W3 + b3      norm(y) = y / √(mean(y²) + ε) · scale
//! ```
//!
//! The caller owns the rows and their blocks, so that it decides what is kept for the backward pass: `z1`, `z2` and
//! `y` are all that it needs. Weights are constant and get no gradient.

use crate::gate::{silu, silu_slope};
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
                math::settle(V::load_padded(gradient, at, T::default()).mul(slope)).store_padded(gradient, at);
            }
        }
    }
    assert_eq!(z.len(), gradient.len(), "{} gradients of {} numbers", gradient.len(), z.len());
    T::run(Run(z, gradient), set);
}

/// The root-mean-square norm: scale `[width]` and the term below the root.
#[derive(Debug, Clone)]
pub struct RmsNorm<T> {
    /// Factor behind the normalisation.
    pub scale: Vec<T>,
    /// Added to the mean of the squares.
    pub epsilon: f64,
}

impl<T: Real> RmsNorm<T> {
    /// `1 / √(mean(row²) + ε)`
    #[inline(always)]
    pub(crate) fn inverse<V: Vector<Scalar = T>>(&self, row: &[T]) -> V {
        let mut squares = V::splat(T::default());
        for at in (0..row.len()).step_by(V::LANES) {
            let x = V::load_padded(row, at, T::default());
            squares = x.mul_add(x, squares);
        }
        let mean = V::splat(squares.sum()).div(V::splat(T::real(row.len() as f64)));
        V::splat(T::real(1.0)).div(mean.add(V::splat(T::real(self.epsilon))).sqrt())
    }

    /// `out += norm(row)` for rows as wide as the scale.
    pub fn add_rows(&self, rows: &[T], out: &mut [T], set: InstructionSet) {
        struct Run<'a, T>(&'a RmsNorm<T>, &'a [T], &'a mut [T]);
        impl<T: Real> Kernel<T> for Run<'_, T> {
            type Output = ();
            #[inline(always)]
            fn run<V: Vector<Scalar = T>>(self) {
                let Self(norm, rows, out) = self;
                let width = norm.scale.len();
                for (row, out) in rows.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
                    let inverse = norm.inverse::<V>(row);
                    for at in (0..width).step_by(V::LANES) {
                        let unit = V::load_padded(row, at, T::default()).mul(inverse);
                        let scale = V::load_padded(&norm.scale, at, T::default());
                        unit.mul_add(scale, V::load_padded(out, at, T::default())).store_padded(out, at);
                    }
                }
            }
        }
        T::run(Run(self, rows, out), set);
    }

    /// `∂E/∂row` into `out` from `∂E/∂norm(row)`.
    pub fn backward_rows(&self, rows: &[T], gradient: &[T], out: &mut [T], set: InstructionSet) {
        struct Run<'a, T>(&'a RmsNorm<T>, &'a [T], &'a [T], &'a mut [T]);
        impl<T: Real> Kernel<T> for Run<'_, T> {
            type Output = ();
            #[inline(always)]
            fn run<V: Vector<Scalar = T>>(self) {
                let Self(norm, rows, gradient, out) = self;
                let width = norm.scale.len();
                let rows = rows.chunks_exact(width).zip(gradient.chunks_exact(width));
                for ((row, gradient), out) in rows.zip(out.chunks_exact_mut(width)) {
                    out.copy_from_slice(gradient);
                    norm.backward::<V>(row, out);
                }
            }
        }
        T::run(Run(self, rows, gradient, out), set);
    }

    /// `gradient`, `∂E/∂norm(row)`, becomes `∂E/∂row`.
    #[inline(always)]
    pub(crate) fn backward<V: Vector<Scalar = T>>(&self, row: &[T], gradient: &mut [T]) {
        let (width, zero) = (self.scale.len(), T::default());
        let inverse = self.inverse::<V>(row);
        let mut product = V::splat(zero);
        for at in (0..width).step_by(V::LANES) {
            let scaled = V::load_padded(gradient, at, zero).mul(V::load_padded(&self.scale, at, zero));
            product = scaled.mul_add(V::load_padded(row, at, zero), product);
        }
        // y/rms has the mean square 1 but for ε: its gradient loses what points along it.
        let along = V::splat(product.sum()).mul(inverse).mul(inverse).div(V::splat(T::real(width as f64)));
        for at in (0..width).step_by(V::LANES) {
            let scaled = V::load_padded(gradient, at, zero).mul(V::load_padded(&self.scale, at, zero));
            let across = scaled.sub(V::load_padded(row, at, zero).mul(along));
            across.mul(inverse).store_padded(gradient, at);
        }
    }
}

#[cfg(test)]
mod tests;

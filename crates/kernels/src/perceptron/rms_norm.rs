//! The root-mean-square norm.

use crate::simd::{InstructionSet, Kernel, Real, Vector};

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

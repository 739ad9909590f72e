//! A convolution in the frames of edges: one linear map for each order.
//!
//! Order 0 is a plain linear layer. The rows of +m and -m are real and imaginary part of a complex number on which a
//! complex matrix acts, `out+ = A z+ - B z-`, `out- = A z- + B z+`. Three products with real matrices do that instead
//! of four: `k = A (z+ + z-)`, `out+ = k - (A + B) z-`, `out- = k + (B - A) z+`.

use super::packed::both;
use mlip_kernels::gated_messages::Both;
use mlip_kernels::simd::{Kernel, Real, Vector};
use mlip_kernels::spherical::Layout;
use mlip_kernels::tiles::Arithmetic;

/// The complex matrix of one order.
#[derive(Debug)]
struct Complex<T> {
    /// `A`
    sum: Both<T>,
    /// `-(A + B)`: from z- to out+.
    minus: Both<T>,
    /// `B - A`: from z+ to out-.
    plus: Both<T>,
}

/// Linear maps from `inputs` to `outputs` channels.
#[derive(Debug)]
pub(super) struct Convolution<T> {
    inputs: usize,
    outputs: usize,
    /// Numbers that order 0 gives before its rows: gates.
    extra: usize,
    zero: Both<T>,
    bias: Vec<T>,
    orders: Vec<Complex<T>>,
}

/// Sizes of a convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConvolutionShape {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) extra: usize,
}

impl ConvolutionShape {
    /// `[out, in]` of order 0.
    pub(super) fn zero(&self, layout: &Layout) -> [usize; 2] {
        [self.extra + (layout.lmax() + 1) * self.outputs, (layout.lmax() + 1) * self.inputs]
    }

    /// `[2 out, in]` of an order above: A over B.
    pub(super) fn order(&self, degrees: usize) -> [usize; 2] {
        [2 * degrees * self.outputs, degrees * self.inputs]
    }
}

impl<T: Real> Convolution<T> {
    /// `zero` and `orders`: weights `[out, in]` of the shapes above, one after the other as they are needed.
    pub(super) fn pack<E>(
        shape: ConvolutionShape,
        layout: &Layout,
        bias: Vec<T>,
        arithmetic: Arithmetic,
        mut weight: impl FnMut(usize, &mut Vec<T>) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut values = Vec::new();
        weight(0, &mut values)?;
        let [out, inputs] = shape.zero(layout);
        let zero = both(&values, out, inputs, arithmetic);
        let mut orders = Vec::new();
        for order in layout.orders() {
            weight(order.m, &mut values)?;
            let [out, inputs] = shape.order(order.degrees);
            let (a, b) = values.split_at(out / 2 * inputs);
            let map = |f: fn(f64, f64) -> f64| {
                a.iter().zip(b).map(|(a, b)| T::real(f(a.wide(), b.wide()))).collect::<Vec<_>>()
            };
            orders.push(Complex {
                sum: both(a, out / 2, inputs, arithmetic),
                minus: both(&map(|a, b| -(a + b)), out / 2, inputs, arithmetic),
                plus: both(&map(|a, b| b - a), out / 2, inputs, arithmetic),
            });
        }
        let ConvolutionShape { inputs, outputs, extra } = shape;
        Ok(Self { inputs, outputs, extra, zero, bias, orders })
    }

    pub(super) fn bytes(&self) -> u64 {
        let of = |both: &Both<T>| both.forward.bytes() + both.backward.bytes();
        of(&self.zero) + self.orders.iter().map(|o| of(&o.sum) + of(&o.minus) + of(&o.plus)).sum::<u64>()
    }

    /// Numbers of an edge in `out`.
    pub(super) fn out_stride(&self, layout: &Layout) -> usize {
        self.extra + layout.n_rows() * self.outputs
    }

    /// `n` edges: `z [n, z_rows, inputs]` → `out [n, extra + rows · outputs]`. `sums`: scratch for a block.
    pub(super) fn forward(&self, layout: &Layout, n: usize, z: &[T], z_rows: usize, sums: &mut Vec<T>, out: &mut [T]) {
        let (stride, out_stride) = (z_rows * self.inputs, self.out_stride(layout));
        let width = self.zero.forward.width();
        for row in out.chunks_exact_mut(out_stride).take(n) {
            row[..width].copy_from_slice(&self.bias);
            row[width..].fill(T::default());
        }
        self.zero.forward.multiply_add_strided(z, stride, n, out, out_stride);
        for (order, matrix) in layout.orders().iter().zip(&self.orders) {
            let depth = order.degrees * self.inputs;
            let rows = Halves {
                from: z,
                stride,
                plus: order.plus.start * self.inputs,
                minus: order.minus.start * self.inputs,
                size: depth,
                to_plus: self.extra + order.plus.start * self.outputs,
                to_minus: self.extra + order.minus.start * self.outputs,
                to_stride: out_stride,
                to_size: order.degrees * self.outputs,
            };
            rows.apply(n, &matrix.sum.forward, &matrix.minus.forward, &matrix.plus.forward, sums, out);
        }
    }

    /// `∂E/∂z` (overwritten) from `∂E/∂out`.
    pub(super) fn backward(
        &self,
        layout: &Layout,
        n: usize,
        gradient: &[T],
        sums: &mut Vec<T>,
        z: &mut [T],
        z_rows: usize,
    ) {
        let (stride, out_stride) = (z_rows * self.inputs, self.out_stride(layout));
        z[..n * stride].fill(T::default());
        self.zero.backward.multiply_add_strided(gradient, out_stride, n, z, stride);
        for (order, matrix) in layout.orders().iter().zip(&self.orders) {
            let rows = Halves {
                from: gradient,
                stride: out_stride,
                plus: self.extra + order.plus.start * self.outputs,
                minus: self.extra + order.minus.start * self.outputs,
                size: order.degrees * self.outputs,
                to_plus: order.plus.start * self.inputs,
                to_minus: order.minus.start * self.inputs,
                to_stride: stride,
                to_size: order.degrees * self.inputs,
            };
            // The transposed of a complex product: conjugate, so plus and minus change places.
            rows.apply(n, &matrix.sum.backward, &matrix.plus.backward, &matrix.minus.backward, sums, z);
        }
    }
}

/// Rows of +m and -m, on either side of a product.
struct Halves<'a, T> {
    from: &'a [T],
    stride: usize,
    plus: usize,
    minus: usize,
    size: usize,
    to_plus: usize,
    to_minus: usize,
    to_stride: usize,
    to_size: usize,
}

impl<T: Real> Halves<'_, T> {
    /// `k = sum · (z+ + z-)`; `out+ = k + to_plus · z-`; `out- = k + to_minus · z+`. `out` is zero before.
    fn apply(
        &self,
        n: usize,
        sum: &mlip_kernels::linear::Matrix<T>,
        to_plus: &mlip_kernels::linear::Matrix<T>,
        to_minus: &mlip_kernels::linear::Matrix<T>,
        sums: &mut Vec<T>,
        out: &mut [T],
    ) {
        if n == 0 {
            return;
        }
        sums.resize(sums.len().max(n * self.size), T::default());
        T::run(AddHalves { halves: self, n, sums }, sum.set());
        sum.multiply_add_strided(sums, self.size, n, &mut out[self.to_plus..], self.to_stride);
        for row in out.chunks_mut(self.to_stride).take(n) {
            row.copy_within(self.to_plus..self.to_plus + self.to_size, self.to_minus);
        }
        to_plus.multiply_add_strided(
            &self.from[self.minus..],
            self.stride,
            n,
            &mut out[self.to_plus..],
            self.to_stride,
        );
        to_minus.multiply_add_strided(
            &self.from[self.plus..],
            self.stride,
            n,
            &mut out[self.to_minus..],
            self.to_stride,
        );
    }
}

/// `sums = z+ + z-`
struct AddHalves<'a, 'b, T> {
    halves: &'a Halves<'b, T>,
    n: usize,
    sums: &'a mut [T],
}

impl<T: Real> Kernel<T> for AddHalves<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { halves, n, sums } = self;
        for (item, sums) in sums.chunks_exact_mut(halves.size).take(n).enumerate() {
            let row = &halves.from[item * halves.stride..];
            let (plus, minus) = (&row[halves.plus..][..halves.size], &row[halves.minus..][..halves.size]);
            for at in (0..halves.size).step_by(V::LANES) {
                let sum = V::load_padded(plus, at, T::default()).add(V::load_padded(minus, at, T::default()));
                sum.store_padded(sums, at);
            }
        }
    }
}

//! Rows of `silu(core) · sigmoid(gate) · weight`, of any width.
//!
//! Source: M3GNet (C. Chen and S. P. Ong, Nat. Comput. Sci. 2, 718 (2022)), whose updates of edges and atoms are of this form.

use crate::activations::silu;
use crate::simd::{InstructionSet, Kernel, Real, Vector, math};

/// Arguments: rows of core and gate side by side, and of weights where there are any.
#[derive(Debug, Clone, Copy)]
pub struct GatedProduct<'a, T> {
    /// Of core, of gate, and of weights.
    pub width: usize,
    /// `[rows, 2 width]`: core, then gate.
    pub arguments: &'a [T],
    /// `[rows, width]`, one where there are none.
    pub weights: Option<&'a [T]>,
}

impl<T: Real> GatedProduct<'_, T> {
    fn check(&self, products: usize) {
        assert_eq!(self.arguments.len(), 2 * products, "core and gate for each of {products} products");
        assert!(self.weights.is_none_or(|weights| weights.len() == products), "one weight for each product");
        assert!(products.is_multiple_of(self.width), "rows of {}, not a part of one", self.width);
    }

    /// Adds the products `[rows, width]` to `out`.
    pub fn add_to(self, out: &mut [T], set: InstructionSet) {
        self.check(out.len());
        T::run(Forward { of: self, out }, set);
    }

    /// From `gradient`, `∂E/∂products` `[rows, width]`: that of core and gate into `arguments`, `[rows, 2 width]`, and that
    /// of the weights into `weights`, `[rows, width]`, if there are any.
    pub fn backward(self, gradient: &[T], arguments: &mut [T], weights: &mut [T], set: InstructionSet) {
        self.check(gradient.len());
        assert_eq!(arguments.len(), self.arguments.len(), "a gradient for each argument");
        assert!(self.weights.is_none_or(|given| given.len() == weights.len()), "a gradient for each weight");
        T::run(Backward { of: self, gradient, arguments, weights }, set);
    }
}

struct Forward<'a, 'b, T> {
    of: GatedProduct<'a, T>,
    out: &'b mut [T],
}

struct Backward<'a, 'b, T> {
    of: GatedProduct<'a, T>,
    gradient: &'b [T],
    arguments: &'b mut [T],
    weights: &'b mut [T],
}

impl<T: Real> Kernel<T> for Forward<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { of: GatedProduct { width, arguments, weights }, out } = self;
        let zero = T::default();
        for (row, (out, arguments)) in out.chunks_exact_mut(width).zip(arguments.chunks_exact(2 * width)).enumerate() {
            let (core, gate) = arguments.split_at(width);
            for at in (0..width).step_by(V::LANES) {
                let mut product = silu(V::load_padded(core, at, zero));
                product = product.mul(math::sigmoid(V::load_padded(gate, at, zero)));
                if let Some(weights) = weights {
                    product = product.mul(V::load_padded(&weights[row * width..][..width], at, zero));
                }
                math::flush_tiny(product).add(V::load_padded(out, at, zero)).store_padded(out, at);
            }
        }
    }
}

impl<T: Real> Kernel<T> for Backward<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { of, gradient, arguments: to, weights: to_weights } = self;
        let GatedProduct { width, arguments, weights } = of;
        let (zero, one) = (T::default(), V::splat(T::real(1.0)));
        let rows =
            gradient.chunks_exact(width).zip(arguments.chunks_exact(2 * width)).zip(to.chunks_exact_mut(2 * width));
        for (row, ((gradient, arguments), to)) in rows.enumerate() {
            let ((core, gate), (to_core, to_gate)) = (arguments.split_at(width), to.split_at_mut(width));
            for at in (0..width).step_by(V::LANES) {
                let core = V::load_padded(core, at, zero);
                let passed = math::sigmoid(V::load_padded(gate, at, zero));
                let open = math::sigmoid(core);
                let value = core.mul(open);
                // silu'(x) = s (1 + x (1 - s)) = s + silu(x) (1 - s)
                let slope = value.mul_add(one.sub(open), open);
                let mut gradient = V::load_padded(gradient, at, zero);
                if let Some(weights) = weights {
                    let place = row * width..(row + 1) * width;
                    let of_weight = math::flush_tiny(gradient.mul(value).mul(passed));
                    of_weight.store_padded(&mut to_weights[place.clone()], at);
                    gradient = gradient.mul(V::load_padded(&weights[place], at, zero));
                }
                let through = gradient.mul(passed);
                math::flush_tiny(through.mul(slope)).store_padded(to_core, at);
                math::flush_tiny(through.mul(value).mul(one.sub(passed))).store_padded(to_gate, at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of double precision, relative.
    const LIMIT: f64 = 1e-13;

    fn numbers(n: usize, seed: usize) -> Vec<f64> {
        (0..n).map(|k| 3.0 * ((k * 37 + seed * 101) as f64).sin()).collect()
    }

    fn reference(arguments: &[f64], weights: Option<&[f64]>, width: usize) -> Vec<f64> {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let number = |index: usize| {
            let (row, column) = (index / width, index % width);
            let (core, gate) = (arguments[2 * row * width + column], arguments[(2 * row + 1) * width + column]);
            core * sigmoid(core) * sigmoid(gate) * weights.map_or(1.0, |weights| weights[index])
        };
        (0..arguments.len() / 2).map(number).collect()
    }

    #[test]
    fn products_and_gradients_are_those_of_the_definition_at_every_width() {
        for set in InstructionSet::available() {
            for width in [1, 3, 8, 16, 21, 130] {
                let n = 5 * width;
                let (arguments, given, gradient) = (numbers(2 * n, 1), numbers(n, 2), numbers(n, 3));
                for weights in [None, Some(given.as_slice())] {
                    let of = GatedProduct { width, arguments: &arguments, weights };
                    let mut out = numbers(n, 4);
                    of.add_to(&mut out, set);
                    for (k, expected) in reference(&arguments, weights, width).iter().enumerate() {
                        assert!((out[k] - numbers(n, 4)[k] - expected).abs() <= LIMIT * 10.0, "{width} {k}");
                    }
                    let (mut to, mut to_weights) = (vec![0.0; 2 * n], vec![0.0; n]);
                    of.backward(&gradient, &mut to, &mut to_weights, set);
                    let energy = |arguments: &[f64], weights: Option<&[f64]>| {
                        let products = reference(arguments, weights, width);
                        products.iter().zip(&gradient).map(|(a, b)| a * b).sum::<f64>()
                    };
                    let slope = |values: &[f64], k: usize, of: &dyn Fn(&[f64]) -> f64| {
                        let at = |by: f64| {
                            let mut values = values.to_vec();
                            values[k] += by;
                            of(&values)
                        };
                        (at(1e-5) - at(-1e-5)) / 2e-5
                    };
                    for (k, got) in to.iter().enumerate() {
                        let expected = slope(&arguments, k, &|arguments| energy(arguments, weights));
                        assert!((got - expected).abs() < 1e-7, "{width} {k}: {got} {expected}");
                    }
                    let Some(weights) = weights else { continue };
                    for (k, got) in to_weights.iter().enumerate() {
                        let expected = slope(weights, k, &|weights| energy(&arguments, Some(weights)));
                        assert!((got - expected).abs() < 1e-7, "{width} {k}: {got} {expected}");
                    }
                }
            }
        }
    }
}

//! What atoms do with themselves between messages: two linear maps for each degree with a gate between.

use super::packed::{Affine, both, narrow};
use super::routing::Linear;
use crate::weights::{Weights, WeightsError};
use mlip_kernels::gated_messages::Both;
use mlip_kernels::linear::Matrix;
use mlip_kernels::rows::{activate, activate_backward};
use mlip_kernels::simd::{InstructionSet, Real};
use mlip_kernels::spherical::{GateBackward, GateForward};
use mlip_kernels::tiles::Arithmetic;

/// Linear maps, one for each degree; a bias for degree 0.
#[derive(Debug)]
struct ByDegree<T> {
    degrees: Vec<Both<T>>,
    bias: Vec<T>,
}

impl<T: Real> ByDegree<T> {
    fn read(
        weights: &Weights,
        name: &str,
        [lmax, out, inputs]: [usize; 3],
        arithmetic: Arithmetic,
    ) -> Result<Self, WeightsError> {
        let all = narrow::<T>(&weights.get(&format!("{name}.weight"), &[lmax + 1, out, inputs])?);
        let degrees = all.chunks_exact(out * inputs).map(|weight| both(weight, out, inputs, arithmetic)).collect();
        Ok(Self { degrees, bias: narrow(&weights.get(&format!("{name}.bias"), &[out])?) })
    }

    fn bytes(&self) -> u64 {
        self.degrees.iter().map(|both| both.forward.bytes() + both.backward.bytes()).sum()
    }

    /// Adds the map of rows that begin every `stride` numbers to rows that begin every `out_stride` numbers.
    fn apply(&self, x: &[T], stride: usize, out: &mut [T], out_stride: usize) {
        for row in out.chunks_mut(out_stride) {
            row.iter_mut().zip(&self.bias).for_each(|(out, bias)| *out += *bias);
        }
        by_component(self.degrees.iter().map(|both| &both.forward), x, stride, out, out_stride);
    }

    fn backward(&self, gradient: &[T], stride: usize, out: &mut [T], out_stride: usize) {
        by_component(self.degrees.iter().map(|both| &both.backward), gradient, stride, out, out_stride);
    }
}

/// `out += x · matrix` component by component, each with the matrix of its degree.
fn by_component<'a, T: Real>(
    matrices: impl Iterator<Item = &'a Matrix<T>>,
    x: &[T],
    stride: usize,
    out: &mut [T],
    out_stride: usize,
) {
    for (l, matrix) in matrices.enumerate() {
        for m in l * l..(l + 1) * (l + 1) {
            let (x, out) = (&x[m * matrix.depth()..], &mut out[m * matrix.width()..]);
            matrix.multiply_add_strided(x, stride, x.len().div_ceil(stride), out, out_stride);
        }
    }
}

/// Weights.
#[derive(Debug)]
pub(super) struct Atomwise<T> {
    channels: usize,
    hidden: usize,
    /// Degree of each component.
    degrees: Vec<usize>,
    gates: Affine<T>,
    first: ByDegree<T>,
    second: ByDegree<T>,
    set: InstructionSet,
}

impl<T: Real> Atomwise<T> {
    pub(super) fn read(
        weights: &Weights,
        name: &str,
        [lmax, channels, hidden]: [usize; 3],
        arithmetic: Arithmetic,
    ) -> Result<Self, WeightsError> {
        let gates = Linear::read(weights, &format!("{name}.scalar_mlp.0"), lmax * hidden, channels)?;
        Ok(Self {
            channels,
            hidden,
            degrees: (0..=lmax).flat_map(|l| vec![l; 2 * l + 1]).collect(),
            gates: Affine::pack(&gates, arithmetic),
            first: ByDegree::read(weights, &format!("{name}.so3_linear_1"), [lmax, hidden, channels], arithmetic)?,
            second: ByDegree::read(weights, &format!("{name}.so3_linear_2"), [lmax, channels, hidden], arithmetic)?,
            set: arithmetic.set,
        })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.gates.bytes() + self.first.bytes() + self.second.bytes()
    }

    fn sizes(&self) -> [usize; 3] {
        let gates = self.gates.bias.len();
        [self.degrees.len() * self.channels, gates, gates + self.degrees.len() * self.hidden]
    }

    /// Before the gates' silu `[atoms, gates]`, and gates and rows side by side as the gate takes them.
    fn first(&self, y: &[T]) -> (Vec<T>, Vec<T>) {
        let [size, gates, item] = self.sizes();
        let n = y.len() / size;
        let mut before = self.gates.bias.repeat(n);
        self.gates.matrix.forward.multiply_add_strided(y, size, n, &mut before, gates);
        let mut items = vec![T::default(); n * item];
        self.first.apply(y, size, &mut items[gates..], item);
        for (item, before) in items.chunks_exact_mut(item).zip(before.chunks_exact(gates)) {
            item[..gates].copy_from_slice(before);
            activate(&mut item[..gates], self.set);
        }
        (before, items)
    }

    /// Adds the map of `y` to `x`, `[atoms, components, channels]` each.
    pub(super) fn forward(&self, y: &[T], x: &mut [T]) {
        let (_, items) = self.first(y);
        let [size, _, _] = self.sizes();
        let width = self.hidden;
        let inner = self.degrees.len() * width;
        let mut gated = vec![T::default(); y.len() / size * inner];
        T::run(GateForward { degrees: &self.degrees, width, items: &items, out: &mut gated }, self.set);
        self.second.apply(&gated, inner, x, size);
    }

    /// `∂E/∂y` from `∂E/∂x`.
    pub(super) fn backward(&self, y: &[T], by_x: &[T]) -> Vec<T> {
        let (before, items) = self.first(y);
        let [size, gates, item] = self.sizes();
        let n = y.len() / size;
        let inner = self.degrees.len() * self.hidden;
        let mut by_gated = vec![T::default(); n * inner];
        self.second.backward(by_x, size, &mut by_gated, inner);
        let mut by_items = vec![T::default(); items.len()];
        let (degrees, width) = (&self.degrees, self.hidden);
        let kernel = GateBackward { degrees, width, items: &items, gradient: &by_gated, by_items: &mut by_items };
        T::run(kernel, self.set);
        let mut by_y = vec![T::default(); y.len()];
        self.first.backward(&by_items[gates..], item, &mut by_y, size);
        let by_gates = by_items.chunks_exact(item).flat_map(|item| &item[..gates]).copied();
        let mut by_gates = by_gates.collect::<Vec<_>>();
        activate_backward(&before, &mut by_gates, self.set);
        self.gates.matrix.backward.multiply_add_strided(&by_gates, gates, n, &mut by_y, size);
        by_y
    }
}

//! Weights packed for the kernels of one instruction set and precision.

use crate::mattersim::config::Config;
use crate::weights::{Weights, WeightsError};
use mlip_kernels::gated_messages::Both;
use mlip_kernels::linear::Matrix;
use mlip_kernels::simd::{InstructionSet, Real};
use std::borrow::Cow;

/// Reads tensors by upstream's names and packs them.
pub(super) struct Packer<'a> {
    pub(super) weights: &'a Weights,
    pub(super) set: InstructionSet,
}

/// The weights `[outputs, inputs]` of a linear map.
pub(super) struct Linear<'a> {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) weight: Cow<'a, [f64]>,
}

impl<'a> Packer<'a> {
    pub(super) fn linear(&self, name: &str, inputs: usize, outputs: usize) -> Result<Linear<'a>, WeightsError> {
        let weight = self.weights.get(&format!("{name}.linear.weight"), &[outputs, inputs])?;
        Ok(Linear { inputs, outputs, weight })
    }

    pub(super) fn bias(&self, name: &str, outputs: usize) -> Result<Cow<'a, [f64]>, WeightsError> {
        self.weights.get(&format!("{name}.linear.bias"), &[outputs])
    }

    /// From rows `[depth]` to rows `[width]`: `element(k, c)` is what number k adds to number c.
    pub(super) fn both<T: Real>(&self, depth: usize, width: usize, element: impl Fn(usize, usize) -> f64) -> Both<T> {
        Both {
            forward: Matrix::pack(depth, width, self.set, |k, c| T::real(element(k, c))),
            backward: Matrix::pack(width, depth, self.set, |c, k| T::real(element(k, c))),
        }
    }

    /// A linear map as it is.
    pub(super) fn map<T: Real>(&self, linear: &Linear<'_>) -> Both<T> {
        self.both(linear.inputs, linear.outputs, |k, c| linear.weight[c * linear.inputs + k])
    }

    /// Two maps of the same rows, side by side.
    pub(super) fn pair<T: Real>(&self, [first, second]: &[Linear<'_>; 2], inputs: std::ops::Range<usize>) -> Both<T> {
        let width = first.outputs;
        self.both(inputs.len(), 2 * width, |k, c| {
            let linear = if c < width { first } else { second };
            linear.weight[(c % width) * linear.inputs + inputs.start + k]
        })
    }
}

/// Rounded to the network's precision.
pub(super) fn narrow<T: Real>(values: &[f64]) -> Vec<T> {
    values.iter().map(|value| T::real(*value)).collect()
}

/// Bytes of a map in both directions.
pub(super) fn bytes<T: Real>(both: &Both<T>) -> u64 {
    both.forward.bytes() + both.backward.bytes()
}

/// A perceptron of two layers times another, of joined rows of two atoms and an edge, times weights that depend on the
/// length of the edge.
pub(super) struct Update<T> {
    pub(super) width: usize,
    /// Part of the first layers that acts on the edge: `[width, 2 width]`, core and gate.
    pub(super) edges: Both<T>,
    /// Parts that act on the atoms in the middle and at the end.
    pub(super) atoms: [Both<T>; 2],
    /// `[2 width]`
    pub(super) first_bias: Vec<T>,
    /// Second layers `[width, width]` of core and gate.
    pub(super) second: [Both<T>; 2],
    /// `[2 width]`
    pub(super) second_bias: Vec<T>,
    /// `[max_n, width]`
    pub(super) radial: Both<T>,
    /// Whether silu follows the weights of lengths.
    pub(super) is_curved: bool,
}

impl<T: Real> Update<T> {
    /// `name`: of the gated perceptron; `radial`: of the weights of lengths.
    pub(super) fn read(
        packer: &Packer<'_>,
        config: &Config,
        name: &str,
        radial: &str,
        is_curved: bool,
    ) -> Result<Self, WeightsError> {
        let width = config.units;
        let layers = |layer: usize, inputs: usize| {
            let of = |side: &str| packer.linear(&format!("{name}.{side}.{layer}"), inputs, width);
            Ok::<_, WeightsError>([of("g")?, of("sigma")?])
        };
        let bias = |layer: usize| {
            let of = |side: &str| packer.bias(&format!("{name}.{side}.{layer}"), width);
            Ok::<_, WeightsError>(narrow(&[of("g")?, of("sigma")?].concat()))
        };
        let (first, second) = (layers(0, 3 * width)?, layers(1, width)?);
        let part = |index: usize| packer.pair(&first, index * width..(index + 1) * width);
        Ok(Self {
            width,
            edges: part(2),
            atoms: [part(0), part(1)],
            first_bias: bias(0)?,
            second: [packer.map(&second[0]), packer.map(&second[1])],
            second_bias: bias(1)?,
            radial: packer.map(&packer.linear(radial, config.max_n, width)?),
            is_curved,
        })
    }

    pub(super) fn bytes(&self) -> u64 {
        let maps = [&self.edges, &self.atoms[0], &self.atoms[1], &self.second[0], &self.second[1], &self.radial];
        maps.into_iter().map(bytes).sum()
    }
}

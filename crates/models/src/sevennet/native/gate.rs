//! Scalars through an activation, the rest times activations of scalars of their own.

use super::blocks::{Features, padded, zeros};
use crate::e3nn::{SILU_NORM, TANH_NORM};
use crate::sevennet::irreps::Irrep;
use crate::sevennet::layers::Layer;
use mlip_kernels::simd::Real;

/// From [`Layer::gate_input`] to [`Layer::output`], block by block.
pub(super) struct Gate {
    /// Of each block of the output.
    parts: Vec<Part>,
}

struct Part {
    /// Block of the input.
    from: usize,
    n: usize,
    dim: usize,
    even: bool,
    /// Block of the input where its gates are, and the first of them; none for scalars.
    gates: Option<(usize, usize)>,
}

impl Gate {
    pub(super) fn new(layer: &Layer) -> Self {
        let place = |irrep: Irrep| layer.gate_input.0.iter().position(|block| block.irrep == irrep).unwrap_or(0);
        let gates = Irrep { l: 0, even: layer.gates_are_even() };
        // Of each parity, gates come behind scalars, in the order of what they open.
        let scalars = layer.output.0.iter().filter(|block| block.irrep == gates);
        let mut first = scalars.map(|block| block.n).sum::<usize>();
        let part = |block: &crate::sevennet::irreps::Block| {
            let is_scalar = block.irrep.l == 0;
            let part = Part {
                from: place(block.irrep),
                n: block.n,
                dim: block.irrep.dim(),
                even: if is_scalar { block.irrep.even } else { gates.even },
                gates: (!is_scalar).then(|| (place(gates), first)),
            };
            first += if is_scalar { 0 } else { block.n };
            part
        };
        Self { parts: layer.output.0.iter().map(part).collect() }
    }

    pub(super) fn forward<T: Real>(&self, layer: &Layer, n_atoms: usize, input: &[Vec<T>]) -> Features<T> {
        let mut output = zeros(&layer.output, n_atoms);
        for (part, output) in self.parts.iter().zip(&mut output) {
            let (from, stride) = (&input[part.from], padded(layer.gate_input.0[part.from].n));
            let to = padded(part.n);
            for atom in 0..n_atoms {
                for c in 0..part.n {
                    let Some((gates, first)) = part.gates else {
                        output[atom * to + c] = T::real(activation(from[atom * stride + c].wide(), part.even).0);
                        continue;
                    };
                    let x = input[gates][atom * padded(layer.gate_input.0[gates].n) + first + c].wide();
                    let open = T::real(activation(x, part.even).0);
                    for m in 0..part.dim {
                        output[(atom * part.dim + m) * to + c] = open * from[(atom * part.dim + m) * stride + c];
                    }
                }
            }
        }
        output
    }

    /// `∂E/∂input` from `∂E/∂output`.
    pub(super) fn backward<T: Real>(
        &self,
        layer: &Layer,
        n_atoms: usize,
        input: &[Vec<T>],
        by_output: &[Vec<T>],
    ) -> Features<T> {
        let mut by_input = zeros::<T>(&layer.gate_input, n_atoms);
        for (part, by_output) in self.parts.iter().zip(by_output) {
            let (from, stride) = (&input[part.from], padded(layer.gate_input.0[part.from].n));
            let to = padded(part.n);
            for atom in 0..n_atoms {
                for c in 0..part.n {
                    let Some((gates, first)) = part.gates else {
                        let (_, slope) = activation(from[atom * stride + c].wide(), part.even);
                        by_input[part.from][atom * stride + c] = T::real(slope * by_output[atom * to + c].wide());
                        continue;
                    };
                    let gate = atom * padded(layer.gate_input.0[gates].n) + first + c;
                    let (open, slope) = activation(input[gates][gate].wide(), part.even);
                    let mut product = 0.0;
                    for m in 0..part.dim {
                        let at = (atom * part.dim + m) * stride + c;
                        let g = by_output[(atom * part.dim + m) * to + c].wide();
                        product += g * from[at].wide();
                        by_input[part.from][at] = T::real(open * g);
                    }
                    by_input[gates][gate] = T::real(slope * product);
                }
            }
        }
        by_input
    }
}

/// A normalised silu of even scalars, a tanh of odd ones; with its derivative.
fn activation(x: f64, even: bool) -> (f64, f64) {
    if even {
        let s = 1.0 / (1.0 + (-x).exp());
        return (SILU_NORM * x * s, SILU_NORM * s * (1.0 + x * (1.0 - s)));
    }
    let t = x.tanh();
    (TANH_NORM * t, TANH_NORM * (1.0 - t * t))
}

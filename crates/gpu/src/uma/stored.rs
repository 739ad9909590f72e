//! Weights on the device.

use super::experts::{LayerExperts, load};
use super::shape::Shape;
use super::weights::{Head, Layer, Linear, Norm, Radial, SphereNorm, UmaWeights};
use crate::constants::{Constants, Packer, TwoWays};
use crate::error::GpuError;
use crate::kernels::Queue;
use crate::kernels::uma::Gaussians;
use crate::memory::Part;

/// A matrix with its bias.
#[derive(Clone, Copy)]
pub(super) struct StoredLinear {
    pub(super) matrix: TwoWays,
    pub(super) bias: Part<f32>,
}

pub(super) struct StoredRadial {
    pub(super) table: Part<f32>,
    pub(super) distance: TwoWays,
    /// `[2, edge_channels]`
    pub(super) first_norm: Part<f32>,
    pub(super) hidden: StoredLinear,
    pub(super) second_norm: Part<f32>,
    pub(super) out: StoredLinear,
}

pub(super) struct StoredLayer {
    /// `[4, channels]`
    pub(super) before_messages: Part<f32>,
    pub(super) radial: StoredRadial,
    pub(super) biases: [Part<f32>; 2],
    pub(super) before_atoms: Part<f32>,
    pub(super) gates: StoredLinear,
    /// By degree.
    pub(super) first: [TwoWays; 3],
    pub(super) first_bias: Part<f32>,
    pub(super) second: [TwoWays; 3],
    pub(super) second_bias: Part<f32>,
}

pub(super) struct StoredHead {
    pub(super) transposed: [Part<f64>; 2],
    pub(super) matrices: [Part<f64>; 2],
    pub(super) biases: [Part<f64>; 2],
    pub(super) third: Part<f64>,
    pub(super) third_bias: f64,
}

/// All weights on the device.
pub(super) struct StoredWeights {
    pub(super) constants: Constants,
    pub(super) shape: Shape,
    pub(super) gaussians: Gaussians,
    /// Å
    pub(super) reach: f64,
    pub(super) balanced: Part<u32>,
    pub(super) embedding: Part<f32>,
    pub(super) degree: StoredRadial,
    pub(super) layers: Vec<StoredLayer>,
    pub(super) norm: Part<f32>,
    pub(super) head: StoredHead,
    pub(super) experts: Vec<LayerExperts>,
    /// Of the experts.
    expert_bytes: u64,
}

/// `[outputs, inputs]`, and zeros for inputs beyond them up to `depth`.
fn matrix(packer: &mut Packer, weight: &[f32], inputs: usize, depth: usize) -> TwoWays {
    let at = |n: usize, k: usize| if k < inputs { weight[n * inputs + k] } else { 0.0 };
    packer.two_ways(weight.len() / inputs, depth, at)
}

fn linear(packer: &mut Packer, layer: &Linear) -> StoredLinear {
    let inputs = layer.weight.len() / layer.bias.len();
    StoredLinear { matrix: matrix(packer, &layer.weight, inputs, inputs), bias: packer.put(&layer.bias) }
}

fn norm(packer: &mut Packer, Norm { scale, offset }: &Norm) -> Part<f32> {
    packer.put(&[scale.as_slice(), offset].concat())
}

fn sphere_norm(packer: &mut Packer, SphereNorm { scale, offset }: &SphereNorm) -> Part<f32> {
    packer.put(&[scale.as_slice(), offset].concat())
}

impl StoredRadial {
    fn new(packer: &mut Packer, radial: &Radial, shape: &Shape) -> Self {
        Self {
            table: packer.put(&radial.table),
            distance: matrix(packer, &radial.distance, shape.n_gaussians, shape.n_basis),
            first_norm: norm(packer, &radial.first_norm),
            hidden: linear(packer, &radial.hidden),
            second_norm: norm(packer, &radial.second_norm),
            out: linear(packer, &radial.out),
        }
    }
}

impl StoredLayer {
    fn new(packer: &mut Packer, layer: &Layer, shape: &Shape) -> Self {
        let (channels, hidden, atomwise) = (shape.channels, shape.hidden, &layer.atomwise);
        Self {
            before_messages: sphere_norm(packer, &layer.before_messages),
            radial: StoredRadial::new(packer, &layer.radial, shape),
            biases: [packer.put(&layer.biases[0]), packer.put(&layer.biases[1])],
            before_atoms: sphere_norm(packer, &layer.before_atoms),
            gates: linear(packer, &atomwise.gates),
            first: [0, 1, 2].map(|l| matrix(packer, &atomwise.first[l], channels, channels)),
            first_bias: packer.put(&atomwise.first_bias),
            second: [0, 1, 2].map(|l| matrix(packer, &atomwise.second[l], hidden, hidden)),
            second_bias: packer.put(&atomwise.second_bias),
        }
    }
}

impl StoredHead {
    fn new(packer: &mut Packer, Head { matrices, biases }: &Head, shape: &Shape) -> Self {
        let mut transposed = |k: usize, inputs: usize| {
            let n = shape.hidden * inputs;
            let numbers = (0..n).map(|at| matrices[k][at % shape.hidden * inputs + at / shape.hidden]);
            packer.put(&numbers.collect::<Vec<_>>())
        };
        Self {
            transposed: [transposed(0, shape.channels), transposed(1, shape.hidden)],
            matrices: [0, 1].map(|k| packer.put(&matrices[k])),
            biases: [0, 1].map(|k| packer.put(&biases[k])),
            third: packer.put(&matrices[2]),
            third_bias: biases[2][0],
        }
    }
}

impl StoredWeights {
    /// Packs weights and copies them to the device.
    pub(super) fn new(weights: &UmaWeights, queue: &Queue) -> Result<Self, GpuError> {
        let shape = weights.shape()?;
        let (experts, expert_bytes) = load(weights, queue)?;
        let mut packer = Packer::new(queue.products());
        let step = weights.reach / (shape.n_gaussians - 1) as f64;
        Ok(Self {
            shape,
            // They are twice as wide as far apart.
            gaussians: Gaussians {
                step,
                coefficient: -0.5 / (2.0 * step).powi(2),
                n: shape.n_gaussians,
                n_basis: shape.n_basis,
            },
            reach: weights.reach,
            balanced: packer.put(&weights.balanced),
            embedding: packer.put(&weights.embedding),
            degree: StoredRadial::new(&mut packer, &weights.degree, &shape),
            layers: weights.layers.iter().map(|layer| StoredLayer::new(&mut packer, layer, &shape)).collect(),
            norm: sphere_norm(&mut packer, &weights.norm),
            head: StoredHead::new(&mut packer, &weights.head, &shape),
            experts,
            expert_bytes,
            constants: packer.upload(queue.stream())?,
        })
    }

    /// Bytes on the device.
    pub(super) fn bytes(&self) -> u64 {
        self.constants.bytes() + self.expert_bytes
    }
}

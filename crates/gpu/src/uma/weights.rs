//! Weights of UMA as files have them.

use super::shape::Shape;
use crate::error::GpuError;
use crate::kernels::uma::{FACTORS, MOST_CHANNELS, MOST_EXPERTS};

/// `x weightᵀ + bias`
#[derive(Debug, Clone)]
pub struct Linear {
    /// `[outputs, inputs]`
    pub weight: Vec<f32>,
    /// `[outputs]`
    pub bias: Vec<f32>,
}

/// A layer norm.
#[derive(Debug, Clone)]
pub struct Norm {
    /// `[width]`
    pub scale: Vec<f32>,
    /// `[width]`
    pub offset: Vec<f32>,
}

/// A norm of spherical features.
#[derive(Debug, Clone)]
pub struct SphereNorm {
    /// `[3, channels]`
    pub scale: Vec<f32>,
    /// `[channels]`, of degree 0.
    pub offset: Vec<f32>,
}

/// From distances and elements to the factors of a convolution.
#[derive(Debug, Clone)]
pub struct Radial {
    /// `[elements, 2 edge_channels]`: what a source and a target of an element add to the first layer, its bias included.
    pub table: Vec<f32>,
    /// `[edge_channels, n_gaussians]`: the rest of the first layer.
    pub distance: Vec<f32>,
    /// Behind the first layer.
    pub first_norm: Norm,
    /// The second layer.
    pub hidden: Linear,
    /// Behind it.
    pub second_norm: Norm,
    /// The third.
    pub out: Linear,
}

/// What atoms do with themselves.
#[derive(Debug, Clone)]
pub struct Atomwise {
    /// To `2 hidden` gates.
    pub gates: Linear,
    /// By degree: `[hidden, channels]`.
    pub first: [Vec<f32>; 3],
    /// `[hidden]`, of degree 0.
    pub first_bias: Vec<f32>,
    /// By degree: `[channels, hidden]`.
    pub second: [Vec<f32>; 3],
    /// `[channels]`, of degree 0.
    pub second_bias: Vec<f32>,
}

/// Weights of a layer that no composition changes.
#[derive(Debug, Clone)]
pub struct Layer {
    /// Norm in front of messages.
    pub before_messages: SphereNorm,
    /// Factors of the first convolution.
    pub radial: Radial,
    /// Of order 0 of both convolutions: `[5 hidden]`, `[3 channels]`.
    pub biases: [Vec<f32>; 2],
    /// Norm in front of what atoms do.
    pub before_atoms: SphereNorm,
    /// What atoms do.
    pub atomwise: Atomwise,
}

/// Energies of atoms.
#[derive(Debug, Clone)]
pub struct Head {
    /// `[hidden, channels]`, `[hidden, hidden]`, `[hidden]`
    pub matrices: [Vec<f64>; 3],
    /// `[hidden]`, `[hidden]`, `[1]`
    pub biases: [Vec<f64>; 3],
}

/// Experts where they lie.
pub trait Experts: Send + Sync {
    /// Calls `to` with the bytes of the experts `[experts, outputs, inputs]` of a layer's first or second convolution (0, 1) and
    /// an order, in f32, little-endian.
    ///
    /// # Errors
    /// When they cannot be read, or `to` fails.
    fn read(
        &self,
        layer: usize,
        convolution: usize,
        order: usize,
        to: &mut dyn FnMut(&[u8]) -> Result<(), GpuError>,
    ) -> Result<(), GpuError>;
}

/// All weights.
pub struct UmaWeights {
    /// Channels of features.
    pub channels: usize,
    /// Channels between convolutions, and of the head.
    pub hidden: usize,
    /// Width of the hidden layers of radial networks.
    pub edge_channels: usize,
    /// Gaussians from 0 to the cutoff.
    pub n_gaussians: usize,
    /// Cutoff, Å.
    pub reach: f64,
    /// Experts of each convolution.
    pub n_experts: usize,
    /// Channels of degree 0 whose sums over the atoms are held at a value.
    pub balanced: Vec<u32>,
    /// `[elements, channels]`
    pub embedding: Vec<f32>,
    /// Of the first features.
    pub degree: Radial,
    /// Layers.
    pub layers: Vec<Layer>,
    /// Norm in front of the head.
    pub norm: SphereNorm,
    /// Energies of atoms.
    pub head: Head,
    /// Experts where they lie.
    pub experts: Box<dyn Experts>,
}

fn expect(what: &'static str, found: usize, expected: usize) -> Result<(), GpuError> {
    if found == expected { Ok(()) } else { Err(GpuError::shape(what, expected, found)) }
}

impl Linear {
    fn check(&self, inputs: usize, outputs: usize) -> Result<(), GpuError> {
        expect("weights of a layer", self.weight.len(), inputs * outputs)?;
        expect("biases of a layer", self.bias.len(), outputs)
    }
}

impl Norm {
    fn check(&self, width: usize) -> Result<(), GpuError> {
        expect("scales of a norm", self.scale.len(), width)?;
        expect("offsets of a norm", self.offset.len(), width)
    }
}

impl SphereNorm {
    fn check(&self, channels: usize) -> Result<(), GpuError> {
        expect("scales of a norm", self.scale.len(), 3 * channels)?;
        expect("offsets of a norm", self.offset.len(), channels)
    }
}

impl Radial {
    fn check(&self, shape: &Shape, outputs: usize) -> Result<(), GpuError> {
        let width = shape.edge_channels;
        expect("terms of elements", self.table.len(), shape.n_elements * 2 * width)?;
        expect("weights of Gaussians", self.distance.len(), width * shape.n_gaussians)?;
        self.first_norm.check(width)?;
        self.hidden.check(width, width)?;
        self.second_norm.check(width)?;
        self.out.check(width, outputs)
    }
}

impl Layer {
    fn check(&self, shape: &Shape) -> Result<(), GpuError> {
        let (channels, hidden) = (shape.channels, shape.hidden);
        self.before_messages.check(channels)?;
        self.radial.check(shape, FACTORS * 2 * channels)?;
        expect("biases of a convolution", self.biases[0].len(), 5 * hidden)?;
        expect("biases of a convolution", self.biases[1].len(), 3 * channels)?;
        self.before_atoms.check(channels)?;
        let Atomwise { gates, first, first_bias, second, second_bias } = &self.atomwise;
        gates.check(channels, 2 * hidden)?;
        for matrix in first.iter().chain(second) {
            expect("weights of a degree", matrix.len(), channels * hidden)?;
        }
        expect("biases of degree 0", first_bias.len(), hidden)?;
        expect("biases of degree 0", second_bias.len(), channels)
    }
}

impl UmaWeights {
    /// The sizes, if the kernels compute them and all parts agree.
    pub(super) fn shape(&self) -> Result<Shape, GpuError> {
        let Self { channels, hidden, edge_channels, n_experts, n_gaussians, .. } = *self;
        for (what, width) in [
            ("channels of UMA", channels),
            ("hidden channels of UMA", hidden),
            ("channels of edges of UMA", edge_channels),
        ] {
            if width == 0 || width > MOST_CHANNELS || !width.is_multiple_of(8) {
                return Err(GpuError::shape(what, format!("a multiple of 8 up to {MOST_CHANNELS}"), width));
            }
        }
        if !(1..=MOST_EXPERTS).contains(&n_experts) {
            return Err(GpuError::shape("experts of UMA", format!("1 to {MOST_EXPERTS}"), n_experts));
        }
        if self.layers.is_empty() || n_gaussians < 2 {
            return Err(GpuError::shape("layers and Gaussians of UMA", "some", "none"));
        }
        // Each is shifted by a warp of its own, so none may be there twice.
        let twice = |(at, channel): (usize, &u32)| self.balanced[..at].contains(channel);
        if self.balanced.iter().any(|channel| *channel as usize >= channels)
            || self.balanced.iter().enumerate().any(twice)
        {
            return Err(GpuError::shape(
                "balanced channels",
                format!("below {channels}, each once"),
                format!("{:?}", self.balanced),
            ));
        }
        let shape = Shape {
            channels,
            hidden,
            edge_channels,
            n_gaussians,
            n_basis: n_gaussians.next_multiple_of(8),
            n_experts,
            n_elements: self.embedding.len() / channels,
            n_layers: self.layers.len(),
            n_balanced: self.balanced.len(),
        };
        self.degree.check(&shape, 3 * channels)?;
        self.layers.iter().try_for_each(|layer| layer.check(&shape))?;
        self.norm.check(channels)?;
        let Head { matrices, biases } = &self.head;
        let sizes = [(hidden * channels, hidden), (hidden * hidden, hidden), (hidden, 1)];
        for ((matrix, bias), (weights, outputs)) in matrices.iter().zip(biases).zip(sizes) {
            expect("weights of the head", matrix.len(), weights)?;
            expect("biases of the head", bias.len(), outputs)?;
        }
        Ok(shape)
    }
}

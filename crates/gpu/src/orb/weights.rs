//! Weights, as files have them and as products read them.

use crate::constants::{Constants, Packer, Stored};
use crate::driver::Stream;
use crate::error::GpuError;
use crate::kernels::{MAX_ROW, Matrix};
use crate::memory::{Number, Part, Slice};
use crate::products::Products;

/// `x W^T + b`
#[derive(Debug, Clone)]
pub struct Linear {
    /// `[outputs, inputs]`
    pub weight: Vec<f32>,
    /// `[outputs]`
    pub bias: Vec<f32>,
}

impl Linear {
    fn outputs(&self) -> usize {
        self.bias.len()
    }

    fn inputs(&self) -> usize {
        self.weight.len() / self.bias.len().max(1)
    }
}

/// Three linear layers with SiLU between them, and the scale of the norm behind them.
#[derive(Debug, Clone)]
pub struct Perceptron {
    /// `[hidden, inputs]`
    pub first: Linear,
    /// `[hidden, hidden]`
    pub second: Linear,
    /// `[latent, hidden]`
    pub third: Linear,
    /// `[latent]`
    pub scale: Vec<f32>,
}

/// An interaction layer.
#[derive(Debug, Clone)]
pub struct Layer {
    /// Of an edge, its sender and its receiver.
    pub edges: Perceptron,
    /// Of an atom, what it received and what it sent.
    pub atoms: Perceptron,
    /// `[1, latent]`
    pub send: Linear,
    /// `[1, latent]`
    pub receive: Linear,
}

/// The energy an atom, of the mean over atoms, before it is scaled.
#[derive(Debug, Clone)]
pub struct Head {
    /// `[hidden, latent]`
    pub first: Vec<f64>,
    /// `[hidden]`
    pub first_bias: Vec<f64>,
    /// `[hidden]`
    pub second: Vec<f64>,
    /// One number.
    pub second_bias: f64,
    /// Factor of the output, for the gradient.
    pub deviation: f64,
}

/// All weights.
#[derive(Debug, Clone)]
pub struct OrbWeights {
    /// Features of an atom and of an edge.
    pub latent: usize,
    /// Width of hidden layers.
    pub hidden: usize,
    /// `[elements, latent]`: atoms as the encoder has them, by atomic number.
    pub atoms: Vec<f32>,
    /// `[n_radial]`, 1/Å
    pub frequencies: Vec<f64>,
    /// Å^-1/2
    pub prefactor: f64,
    /// Å
    pub reach: f64,
    /// Below the roots of norms.
    pub epsilon: f32,
    /// Of `16 n_radial` features of edges.
    pub encoder: Perceptron,
    /// Interaction layers.
    pub layers: Vec<Layer>,
    /// The energy.
    pub head: Head,
}

/// Sizes that everything is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub(super) latent: usize,
    pub(super) hidden: usize,
    pub(super) n_features: usize,
    pub(super) n_layers: usize,
    pub(super) n_elements: usize,
}

impl OrbWeights {
    /// The sizes, if the kernels compute them and all parts agree.
    pub(super) fn shape(&self) -> Result<Shape, GpuError> {
        let (latent, hidden) = (self.latent, self.hidden);
        let wrong = |what, expected: usize, found: usize| {
            if expected == found { Ok(()) } else { Err(GpuError::shape(what, expected, found)) }
        };
        if latent == 0 || !latent.is_multiple_of(8) || latent > MAX_ROW {
            return Err(GpuError::shape("features of an atom", format!("a multiple of 8 up to {MAX_ROW}"), latent));
        }
        if hidden == 0 || !hidden.is_multiple_of(8) || self.frequencies.is_empty() || self.layers.is_empty() {
            return Err(GpuError::shape(
                "sizes",
                "positive, hidden layers a multiple of 8",
                format!("hidden {hidden}"),
            ));
        }
        let n_features = 16 * self.frequencies.len();
        let perceptron = |p: &Perceptron, inputs: usize| {
            for (layer, outputs, inputs) in
                [(&p.first, hidden, inputs), (&p.second, hidden, hidden), (&p.third, latent, hidden)]
            {
                wrong("outputs of a layer", outputs, layer.outputs())?;
                wrong("weights of a layer", outputs * inputs, layer.weight.len())?;
            }
            wrong("scale of a norm", latent, p.scale.len())
        };
        perceptron(&self.encoder, n_features)?;
        for layer in &self.layers {
            perceptron(&layer.edges, 3 * latent)?;
            perceptron(&layer.atoms, 3 * latent)?;
            for gate in [&layer.send, &layer.receive] {
                wrong("outputs of a gate", 1, gate.outputs())?;
                wrong("weights of a gate", latent, gate.inputs())?;
            }
        }
        wrong("weights of the head", self.head.first_bias.len() * latent, self.head.first.len())?;
        wrong("weights of the head", self.head.first_bias.len(), self.head.second.len())?;
        if !self.atoms.len().is_multiple_of(latent) || self.atoms.is_empty() {
            return Err(GpuError::shape("features of elements", format!("rows of {latent}"), self.atoms.len()));
        }
        Ok(Shape { latent, hidden, n_features, n_layers: self.layers.len(), n_elements: self.atoms.len() / latent })
    }
}

/// A perceptron there.
pub(super) struct StoredPerceptron {
    pub(super) first: Stored,
    pub(super) second: Stored,
    pub(super) third: Stored,
    pub(super) first_transposed: Stored,
    pub(super) second_transposed: Stored,
    pub(super) third_transposed: Stored,
    pub(super) first_bias: Part<f32>,
    pub(super) second_bias: Part<f32>,
    pub(super) third_bias: Part<f32>,
    pub(super) scale: Part<f32>,
}

/// An interaction layer there.
pub(super) struct StoredLayer {
    /// Its first layer acts on the edge alone.
    pub(super) edges: StoredPerceptron,
    /// `[2 hidden, latent]`: the parts that act on sender and receiver.
    pub(super) project: Stored,
    pub(super) project_transposed: Stored,
    /// `[2 hidden]`: the bias of the first layer, then zeros.
    pub(super) project_bias: Part<f32>,
    pub(super) atoms: StoredPerceptron,
    pub(super) send: Part<f32>,
    pub(super) send_bias: f32,
    pub(super) receive: Part<f32>,
    pub(super) receive_bias: f32,
}

/// The head there.
pub(super) struct StoredHead {
    pub(super) first: Part<f64>,
    pub(super) first_transposed: Part<f64>,
    pub(super) first_bias: Part<f64>,
    pub(super) second: Part<f64>,
    pub(super) second_bias: f64,
    pub(super) deviation: f64,
}

/// All weights on the device.
pub(super) struct StoredWeights {
    constants: Constants,
    pub(super) shape: Shape,
    pub(super) atoms: Part<f32>,
    pub(super) frequencies: Part<f64>,
    pub(super) prefactor: f64,
    pub(super) reach: f64,
    pub(super) epsilon: f32,
    pub(super) encoder: StoredPerceptron,
    pub(super) layers: Vec<StoredLayer>,
    pub(super) head: StoredHead,
}

/// Lays weights out.
struct Layers {
    packer: Packer,
}

impl Layers {
    /// A perceptron of whose first layer the first `own` inputs are taken.
    fn perceptron(&mut self, p: &Perceptron, own: usize) -> StoredPerceptron {
        let both = |packer: &mut Packer, layer: &Linear, inputs: usize| {
            let (outputs, stride) = (layer.outputs(), layer.inputs());
            let straight = packer.matrix(outputs, inputs, |n, k| layer.weight[n * stride + k]);
            (straight, packer.matrix(inputs, outputs, |n, k| layer.weight[k * stride + n]))
        };
        let (first, first_transposed) = both(&mut self.packer, &p.first, own);
        let (second, second_transposed) = both(&mut self.packer, &p.second, p.second.inputs());
        let (third, third_transposed) = both(&mut self.packer, &p.third, p.third.inputs());
        StoredPerceptron {
            first,
            second,
            third,
            first_transposed,
            second_transposed,
            third_transposed,
            first_bias: self.packer.put(&p.first.bias),
            second_bias: self.packer.put(&p.second.bias),
            third_bias: self.packer.put(&p.third.bias),
            scale: self.packer.put(&p.scale),
        }
    }

    fn layer(&mut self, layer: &Layer, Shape { latent, hidden, .. }: Shape) -> StoredLayer {
        let first = &layer.edges.first;
        // Inputs are concatenated: edge, sender, receiver.
        let element = |output: usize, k: usize| {
            let (row, part) = (output % hidden, 1 + output / hidden);
            first.weight[row * 3 * latent + part * latent + k]
        };
        let mut project_bias = first.bias.clone();
        project_bias.resize(2 * hidden, 0.0);
        StoredLayer {
            edges: self.perceptron(&layer.edges, latent),
            project: self.packer.matrix(2 * hidden, latent, element),
            project_transposed: self.packer.matrix(latent, 2 * hidden, |n, k| element(k, n)),
            project_bias: self.packer.put(&project_bias),
            atoms: self.perceptron(&layer.atoms, 3 * latent),
            send: self.packer.put(&layer.send.weight),
            send_bias: layer.send.bias[0],
            receive: self.packer.put(&layer.receive.weight),
            receive_bias: layer.receive.bias[0],
        }
    }

    fn head(&mut self, head: &Head, latent: usize) -> StoredHead {
        let hidden = head.first_bias.len();
        let transposed =
            (0..latent * hidden).map(|at| head.first[at % hidden * latent + at / hidden]).collect::<Vec<_>>();
        StoredHead {
            first: self.packer.put(&head.first),
            first_transposed: self.packer.put(&transposed),
            first_bias: self.packer.put(&head.first_bias),
            second: self.packer.put(&head.second),
            second_bias: head.second_bias,
            deviation: head.deviation,
        }
    }
}

impl StoredWeights {
    /// Packs weights and copies them to the device.
    pub(super) fn new(weights: &OrbWeights, products: Products, stream: &Stream) -> Result<Self, GpuError> {
        let shape = weights.shape()?;
        let mut layout = Layers { packer: Packer::new(products) };
        let atoms = layout.packer.put(&weights.atoms);
        let frequencies = layout.packer.put(&weights.frequencies);
        let encoder = layout.perceptron(&weights.encoder, shape.n_features);
        let layers = weights.layers.iter().map(|layer| layout.layer(layer, shape)).collect();
        let head = layout.head(&weights.head, shape.latent);
        let constants = layout.packer.upload(stream)?;
        let OrbWeights { prefactor, reach, epsilon, .. } = *weights;
        Ok(Self { constants, shape, atoms, frequencies, prefactor, reach, epsilon, encoder, layers, head })
    }

    /// Bytes on the device.
    pub(super) fn bytes(&self) -> u64 {
        self.constants.bytes()
    }

    pub(super) fn part<T: Number>(&self, part: Part<T>) -> Result<Slice<'_, T>, GpuError> {
        self.constants.part(part)
    }

    pub(super) fn matrix(&self, stored: Stored) -> Result<Matrix<'_>, GpuError> {
        self.constants.matrix(stored)
    }
}

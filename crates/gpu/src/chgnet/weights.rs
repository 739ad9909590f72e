//! Weights of CHGNet as files have them.

use crate::error::GpuError;
use crate::kernels::chgnet::WIDE;

/// `x weightᵀ + bias`
#[derive(Debug, Clone)]
pub struct Linear {
    /// Numbers that go in.
    pub inputs: usize,
    /// Numbers that come out.
    pub outputs: usize,
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

/// A gated perceptron: core and gate of one or two layers each, their norms, and the matrix behind sums.
#[derive(Debug, Clone)]
pub struct Gated {
    /// Layers of the core.
    pub core: Vec<Linear>,
    /// Layers of the gate.
    pub gate: Vec<Linear>,
    /// Norm of the core.
    pub core_norm: Norm,
    /// Norm of the gate.
    pub gate_norm: Norm,
    /// `[width, width]` without bias; none of updates of angles.
    pub out: Option<Vec<f32>>,
}

/// Sines under a polynomial cutoff.
#[derive(Debug, Clone)]
pub struct Radial {
    /// Cutoff, Å.
    pub reach: f64,
    /// Of the distance over the cutoff.
    pub frequencies: Vec<f64>,
}

/// All weights.
#[derive(Debug, Clone)]
pub struct ChgnetWeights {
    /// Columns of all features.
    pub width: usize,
    /// `[elements, width]`
    pub embedding: Vec<f32>,
    /// Exponent of both cutoffs.
    pub exponent: u32,
    /// Functions of the distances of all pairs.
    pub atom_graph: Radial,
    /// Functions of those of bonds, as many.
    pub bond_graph: Radial,
    /// `[width, n_radial]`: features of pairs.
    pub bond_embedding: Vec<f32>,
    /// `[width, n_radial]`: weights of messages between atoms.
    pub atom_graph_weights: Vec<f32>,
    /// `[width, n_radial]`: weights of messages between bonds.
    pub bond_graph_weights: Vec<f32>,
    /// Of the functions of angles.
    pub angle_frequencies: Vec<f64>,
    /// `[width, 1 + 2 frequencies]`
    pub angle_embedding: Vec<f32>,
    /// Receiving atom, pair, sending atom to messages.
    pub atom_convolutions: Vec<Gated>,
    /// First and second bond, angle, atom to messages; one fewer.
    pub bond_convolutions: Vec<Gated>,
    /// The same to updates of angles; two fewer.
    pub angle_updates: Vec<Gated>,
    /// Before the readout.
    pub readout_norm: Norm,
    /// Ends with one output.
    pub readout: Vec<Linear>,
    /// One output: the magnetic moment.
    pub moments: Linear,
}

fn expect(what: &'static str, found: usize, expected: usize) -> Result<(), GpuError> {
    if found == expected { Ok(()) } else { Err(GpuError::shape(what, expected, found)) }
}

impl Linear {
    fn check(&self, inputs: usize, outputs: usize) -> Result<(), GpuError> {
        expect("inputs of a layer", self.inputs, inputs)?;
        expect("outputs of a layer", self.outputs, outputs)?;
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

impl Gated {
    fn check(&self, width: usize, parts: usize, has_hidden: bool) -> Result<(), GpuError> {
        for layers in [&self.core, &self.gate] {
            expect("layers of a gated perceptron", layers.len(), if has_hidden { 2 } else { 1 })?;
            layers[0].check(parts * width, width)?;
            layers.iter().skip(1).try_for_each(|layer| layer.check(width, width))?;
        }
        self.core_norm.check(width)?;
        self.gate_norm.check(width)?;
        expect("weights behind sums", self.out.as_ref().map_or(0, Vec::len), if has_hidden { width * width } else { 0 })
    }
}

impl ChgnetWeights {
    /// Elements that there are weights for.
    pub(super) fn n_elements(&self) -> usize {
        self.embedding.len() / self.width.max(1)
    }

    /// Refuses what kernels do not compute, and sizes that do not agree.
    pub(super) fn check(&self) -> Result<(), GpuError> {
        let (width, n_layers) = (self.width, self.atom_convolutions.len());
        if width == 0 || width > WIDE || !width.is_multiple_of(4) {
            return Err(GpuError::shape("width of CHGNet", format!("a multiple of 4 up to {WIDE}"), width));
        }
        if n_layers < 2 {
            return Err(GpuError::shape("layers of CHGNet", "at least 2", n_layers));
        }
        expect("numbers of embeddings", self.embedding.len(), self.n_elements() * width)?;
        let n_radial = self.atom_graph.frequencies.len();
        expect("frequencies of bonds", self.bond_graph.frequencies.len(), n_radial)?;
        for weights in [&self.bond_embedding, &self.atom_graph_weights, &self.bond_graph_weights] {
            expect("weights of functions of distances", weights.len(), width * n_radial)?;
        }
        let n_angular = 1 + 2 * self.angle_frequencies.len();
        expect("weights of functions of angles", self.angle_embedding.len(), width * n_angular)?;
        expect("layers of messages between bonds", self.bond_convolutions.len(), n_layers - 1)?;
        expect("layers of updates of angles", self.angle_updates.len(), n_layers - 2)?;
        self.atom_convolutions.iter().try_for_each(|layer| layer.check(width, 3, true))?;
        self.bond_convolutions.iter().try_for_each(|layer| layer.check(width, 4, true))?;
        self.angle_updates.iter().try_for_each(|layer| layer.check(width, 4, false))?;
        self.readout_norm.check(width)?;
        self.moments.check(width, 1)?;
        let mut inputs = width;
        for (number, layer) in self.readout.iter().enumerate() {
            layer.check(inputs, if number + 1 == self.readout.len() { 1 } else { layer.outputs })?;
            inputs = layer.outputs;
        }
        if self.readout.len() < 2 || self.readout.iter().any(|layer| layer.outputs > WIDE) {
            return Err(GpuError::shape("the readout", format!("hidden layers of up to {WIDE} numbers"), "another"));
        }
        Ok(())
    }
}
